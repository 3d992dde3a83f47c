//! Reading containers' logs: the last lines, a span of time, and following what is being written.
//!
//! [`open`] gives a [`LogReader`] over a json-file log and its rotated predecessors (`<path>.1` is
//! the newest of them), oldest line first. Lines come in [`Batch`]es, because a log may have
//! millions of them. A following reader goes on through rotations and ends when it is told that
//! the container has ended and everything is read.
//!
//! The files are written by the container's monitor with `gantry_log_format`, which defines what
//! a line is; both only share the files. This crate knows no containers and no HTTP.

#![forbid(unsafe_code)]

mod batch;
mod cursor;
mod error;
mod files;
mod reader;
mod seek;
mod watch;

pub use batch::{Batch, Entry};
pub use error::Error;
pub use gantry_log_format::StreamKind;
pub use reader::{Follow, LogReader, Options, open};
