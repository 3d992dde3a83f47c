//! The formats of log files, for those who write them and those who read them.
//!
//! A file of [`Format::Json`] holds one JSON object per line, byte for byte as Docker's json-file
//! driver writes it:
//!
//! ```json
//! {"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.678Z"}
//! ```
//!
//! Output is cut into lines by [`Splitter`] (a line without an end after 16 KiB is logged in
//! pieces, the pieces without a newline), encoded by an [`Encoding`], and written by [`LogWriter`],
//! which rotates: the current file keeps its name, older ones are `<path>.1` (the newest) and so
//! on, with `.gz` behind that once somebody has compressed them. [`decode`] reads one line back,
//! also lines that Docker wrote with `attrs`. A file of [`Format::Local`] holds the binary records
//! of Docker's local driver ([`local`]), which keep every byte as it was.
//!
//! The writer is made for the per-container monitor: it allocates nothing per line, and a disk
//! that is full or gone makes it drop and count lines, never block or fail. Times are Unix time in
//! nanoseconds throughout. This crate knows no containers, no options' names and no clock.

#![forbid(unsafe_code)]

mod decode;
mod encode;
mod encoding;
pub mod local;
mod rotate;
mod splitter;
mod stream;
mod timestamp;
mod writer;

pub use decode::{Decoded, Malformed, decode, decode_with_attrs, pairs};
pub use encode::Encoder;
pub use encoding::{Encoding, Format};
pub use rotate::{DirectoryLock, Rotation, compressed_path, rotated_path};
pub use splitter::{PIECE, Piece, Splitter};
pub use stream::StreamKind;
pub use timestamp::{Fraction, format_time, parse_time};
pub use writer::LogWriter;
