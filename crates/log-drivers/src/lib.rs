//! Where a container's output goes besides its local files: log drivers, their options, and
//! forwarding.
//!
//! A container's monitor only ever writes local files. [`Driver`] and [`check`] say what a user may
//! ask for, [`Files`] how those files are kept, [`Info`] what templates and attributes know of a
//! container. For a driver that sends logs away, [`Forwarder`] reads the files, speaks the
//! collector's protocol ([`sinks`]) and keeps in a file how far the collector has everything: while
//! a collector is dead, or no daemon runs, nothing is lost that the bounded files still hold.
//!
//! The words of refusals are Docker's. This crate knows no containers' lives and no HTTP.

#![forbid(unsafe_code)]

mod address;
mod connection;
mod driver;
mod error;
mod files;
mod forward;
mod info;
mod message;
mod options;
mod saved;
mod sinks;
mod tls;

pub use driver::Driver;
pub use error::Error;
pub use files::Files;
pub use forward::{Forwarder, Outlook};
pub use info::Info;
pub use options::check;
