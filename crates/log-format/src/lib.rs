//! The format of log files, for those who write them and those who read them.
//!
//! A log file holds one JSON object per line, byte for byte as Docker's json-file driver writes it:
//!
//! ```json
//! {"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.678Z"}
//! ```
//!
//! Output is cut into lines by [`Splitter`] (a line without an end after 16 KiB is logged in
//! pieces, the pieces without a newline), encoded by [`Encoder`], and written by [`LogWriter`],
//! which rotates: the current file keeps its name, older ones are `<path>.1` (the newest) and so
//! on. [`decode`] reads one line back, also lines that Docker wrote with `attrs`.
//!
//! The writer is made for the per-container monitor: it allocates nothing per line, and a disk
//! that is full or gone makes it drop and count lines, never block or fail. Times are Unix time in
//! nanoseconds throughout. This crate knows no containers, no options' names and no clock.

#![forbid(unsafe_code)]

mod decode;
mod encode;
mod splitter;
mod stream;
mod timestamp;
mod writer;

pub use decode::{Decoded, Malformed, decode};
pub use encode::Encoder;
pub use splitter::{PIECE, Piece, Splitter};
pub use stream::StreamKind;
pub use timestamp::{Fraction, format_time, parse_time};
pub use writer::{LogWriter, Rotation, rotated_path};
