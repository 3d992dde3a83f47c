//! A client of the Engine API.
//!
//! - [`Endpoint`] is where a daemon listens: `unix://`, `tcp://` with or without TLS, `ssh://`.
//! - [`Client`] speaks HTTP/1.1 to it. It keeps idle connections, negotiates the API version once
//!   through `/_ping`, and makes [`Request`]s.
//! - [`Response`] is read as one JSON document, as a stream of JSON lines, or as raw chunks.
//! - [`Hijacked`] is what `attach` and `exec` get: the connection's own socket after the upgrade
//!   to a raw stream, with [`StreamCopy`] to take apart Docker's frames.
//! - [`connect_or_start`] starts a daemon when none listens on the default local socket.
//!
//! It works with any engine that serves this API. It knows nothing of terminals or of the
//! command line, and nothing of the engine's inside.
//!
//! Reference: Docker Engine API v1.51; the raw stream framing is described under
//! `POST /containers/{id}/attach`.
#![forbid(unsafe_code)]

mod autostart;
mod build;
mod client;
mod connection;
mod endpoint;
mod error;
mod hijack;
mod json_lines;
mod patience;
mod request;
mod resolve;
mod response;
mod ssh;
mod stdcopy;
mod tls;
mod version;

pub use autostart::{Autostart, SIGN_OF_LIFE, connect_or_start};
pub use build::{AUTOSTARTED_HEADER, BUILD_HEADER, build_id};
pub use client::{Client, Ping};
pub use connection::RawConnection;
pub use endpoint::{Endpoint, SshTarget, Tls, default_run_root};
pub use error::{Error, Kind, StartError};
pub use hijack::Hijacked;
pub use json_lines::JsonLines;
pub use request::Request;
pub use response::Response;
pub use stdcopy::{Frame, StreamCopy};
pub use version::ApiVersion;
