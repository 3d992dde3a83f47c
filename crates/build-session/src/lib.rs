//! What the two ends of a build's session say to each other beyond BuildKit's own services.
//!
//! A session is a connection on which the client answers and the engine asks. Most of its services
//! are BuildKit's and come with its published definitions. Two do not: [`content`] is containerd's
//! service for blobs, as far as builds use it, and [`debug`] is our own. The client's end is
//! `gantry-build-client`, the engine's `gantry-buildkit`; neither knows the other, and both know
//! this crate, so that a message has one definition.
//!
//! It knows messages and names of methods, not how they travel or what is done about them.
//! Specification: containerd's `api/services/content/v1/content.proto`.
#![forbid(unsafe_code)]

pub mod content;
pub mod debug;
