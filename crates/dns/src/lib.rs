//! The name server that containers on networks of their own see at 127.0.0.11.
//!
//! A [`Server`] answers on sockets that somebody else opened ([`Door`]): whoever keeps duplicates
//! of them lets queries wait in their buffers while no server is there. What names mean is told by
//! a [`Directory`]; what it does not know is asked of its upstream servers, over the protocol that
//! the question came by, one after the other until one answers.
//!
//! The crate knows DNS (RFC 1035, RFC 6891, RFC 7766) and no networks: who asks is a text that
//! only the directory understands. Messages are read and written by hickory-proto.
#![forbid(unsafe_code)]

mod answer;
mod directory;
mod forward;
mod serve;

pub use directory::{Directory, Upstream};
pub use serve::{Door, Server};
