//! BuildKit's protocol: what stock `docker build`, `buildx`, `bake` and `compose build` speak.
//!
//! - [`Server`] has the gRPC services of the daemon's side: `control` takes builds and tells how they go on, `bridge` is
//!   what the part of a build that runs in the client calls. Both are thin: `attributes` turns a frontend's options into
//!   the builder's request, `local` brings the files, `status` turns the builder's events into what clients display.
//! - [`Sessions`](session::Sessions) are connections on which the daemon calls the client: files, secrets, logins, agents.
//! - `fsutil` carries trees of files, of which only what changed travels.
//!
//! The Dockerfile frontend is built in; other frontends run in clients, and `llb` reads the graphs that they make.
//!
//! Message types and service traits are those of `bollard-buildkit-proto`, the published protocol descriptions compiled
//! with prost and tonic; the command line uses the same.
//!
//! Reference: <https://github.com/moby/buildkit>, `api/services/control` and `frontend/gateway/pb`.
#![forbid(unsafe_code)]

mod attributes;
mod bridge;
mod builds;
mod capabilities;
mod content;
mod control;
mod failure;
mod fsutil;
mod health;
mod history;
mod inputs;
mod llb;
mod local;
mod server;
pub mod session;
mod status;
mod traces;
mod usage;

/// Parsers of foreign bytes, for fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    /// Takes packets of fsutil, as a client would send them, into a folder.
    pub fn packets(folder: std::fs::File, bytes: &[u8]) {
        crate::fsutil::fuzzing(folder, bytes);
    }
}

pub use bollard_buildkit_proto as proto;
pub use server::Server;
