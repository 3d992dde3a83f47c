//! Placeholder: the crate's page comes with its first content.
#![forbid(unsafe_code)]

mod error;

pub use error::{Answer, Error, Kind};
