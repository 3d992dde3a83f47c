//! BuildKit's protocol: what stock `docker build`, `buildx`, `bake` and `compose build` speak.
//!
//! Message types and service traits are those of `bollard-buildkit-proto`, the published protocol
//! descriptions compiled with prost and tonic; the command line uses the same.
#![forbid(unsafe_code)]

pub use bollard_buildkit_proto as proto;
