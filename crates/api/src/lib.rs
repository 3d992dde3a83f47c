//! The Engine API: routes, versions, streams and sockets, for any engine that can do the work.
//!
//! * [`Api`] answers a request: it takes the version off the path (1.24 to 1.51, none is the
//!   newest), routes, and adds the headers that clients look at.
//! * [`backend`] has a trait per group of operations; `routes` has a router per group that knows
//!   only its trait. `backend/engine.rs` implements them for the real services.
//! * [`Failure`] is the one place where errors become a status and `{"message": ...}`.
//! * [`RawStream`] is a client's own socket after `101 UPGRADED`, for attach and exec.
//! * [`serve`] takes a [`Listener`], a unix, TCP or TLS socket: HTTP/1.1 with upgrades and HTTP/2 by prior knowledge on
//!   the same one.
//!
//! The crate knows no drivers and no files of the engine. What the engine cannot do is answered by
//! an error that says so.
//!
//! Reference: Docker's API v1.51 (moby's `api/swagger.yaml`) and what its clients rely on beyond.
#![forbid(unsafe_code)]

mod api;
pub mod backend;
mod failure;
mod hijack;
mod json;
mod listener;
mod older;
mod params;
mod pending;
mod routes;
mod serve;
mod stream;
mod version;
mod websocket;

pub use api::{Api, Identity};
pub use failure::Failure;
pub use hijack::{Attachment, Connect, RawStream};
pub use listener::Listener;
pub use serve::serve;
pub use stream::{ByteReader, ByteStream, ProgressSender};
pub use version::ApiVersion;
