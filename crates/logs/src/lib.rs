//! Reading containers' logs: the last lines, a span of time, and following what is being written.
//!
//! [`open`] gives a [`LogReader`] over a log of either format and its rotated predecessors
//! (`<path>.1` or `<path>.1.gz` is the newest of them), oldest line first. Lines come in
//! [`Batch`]es, because a log may have millions of them. A following reader goes on through
//! rotations and ends when it is told that the container has ended and everything is read. A
//! batch's [`Position`] says where another reader can go on.
//!
//! [`compress`] and [`expire`] keep the rotated files. Compressed ones are gzip files that can be
//! read from any place, so that `--since` and `--tail` stay fast.
//!
//! The files are written by the container's monitor with `gantry_log_format`, which defines what
//! a line is; both only share the files. This crate knows no containers and no HTTP.

#![forbid(unsafe_code)]

mod batch;
mod compressed;
mod cursor;
mod details;
mod error;
mod files;
mod keep;
mod reader;
mod seek;
mod tail;
mod watch;

pub use batch::{Batch, Entry, Position};
pub use error::Error;
pub use files::FileId;
pub use gantry_log_format::{Format, Fraction, StreamKind, format_time};
pub use keep::{compress, expire, lag};
pub use reader::{Follow, LogReader, Options, open};
