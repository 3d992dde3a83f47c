//! Reading layer archives: one parser for all snapshotters.
//!
//! [`Reader`] turns a byte stream into [`Entry`]s. It understands what Go's `archive/tar` (which
//! wrote nearly all layers there are) understands: V7, ustar, GNU and star headers, base-256
//! numbers, GNU long names, pax extended headers with extended attributes, and all four encodings
//! of sparse files. Like Docker it ignores pax global headers.
//!
//! Names come out as they stand in the archive; what they mean is decided in [`crate::tree`].

mod entry;
mod error;
mod header;
mod pax;
mod reader;
mod sparse;

pub use entry::{Attributes, Data, Entry, Kind, Segment, Xattr};
pub use error::ArchiveError;
pub use reader::Reader;

/// Headers and contents are padded to this many bytes.
pub const BLOCK: u64 = 512;
