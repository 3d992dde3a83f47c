//! Streams of archives: which compression, what digest, and which names are safe.
//!
//! * [`Compression`] is told by the first bytes, never by a name; [`decode`] makes a plain stream of
//!   whatever came.
//! * [`Digester`] hashes; [`DigestReader`] hashes what passes through it.
//! * [`gzip`] compresses with all processors, the same bytes every time.
//! * [`read_ahead`] moves a reader to a thread of its own, so that inflating runs beside hashing and
//!   writing.
//! * [`copy_large`] and [`append_large`] move the contents of files in large pieces.
//! * [`Entries`] walks a tar whose contents are never unpacked by name (an image archive), and
//!   refuses names and kinds of entries that have no business there.
//!
//! The crate knows no files, no stores and no images; what a layer's entries mean is the
//! snapshotter's affair.
//!
//! Formats: RFC 1952 (gzip), RFC 8878 (zstd), POSIX.1-2001 pax as the `tar` crate reads it.
#![forbid(unsafe_code)]

mod compression;
mod copy;
mod digester;
mod entries;
mod gzip;
mod read_ahead;

pub use compression::{Compression, Decoder, decode};
pub use copy::{append_large, copy_large};
pub use digester::{DigestReader, Digester};
pub use entries::{Entries, Entry, EntryError, EntryKind};
pub use gzip::gzip;
pub use read_ahead::{ReadAhead, read_ahead};
