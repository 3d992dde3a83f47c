//! Reading layer archives.

mod error;

pub use error::ArchiveError;
