//! Links, addresses, routes and neighbours over rtnetlink(7); tracked flows over ctnetlink.
//!
//! A [`Connection`] speaks for the network namespace in which it was opened
//! ([`Connection::open_in`] opens one inside another namespace). [`Changes`] collects what is to
//! be done and goes to the kernel in one send. Unlike nf_tables, rtnetlink knows no transaction:
//! every change is tried, and the first one refused is the [`Error`].
//! [`conntrack`] finds and deletes the flows of endpoints that are gone.
//!
//! The crate knows nothing of containers. It writes the messages itself: the handful that is
//! needed is smaller than the general parsers, and unknown attributes cannot fail it.
#![forbid(unsafe_code)]

mod abi;
mod changes;
mod connection;
pub mod conntrack;
mod error;
mod list;

pub use changes::{Bridge, Changes, ChildKind, ChildLink, VethPair};
pub use connection::Connection;
pub use error::{Error, Result};
pub use list::{Link, Route};
