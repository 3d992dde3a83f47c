//! Names of images: references, digests and image ids, with Docker's normalising rules.
//!
//! What people type (`nginx`, `localhost:5000/a/b:1`, `redis@sha256:…`) becomes a [`Reference`]
//! once, at the edge; from then on nothing in Gantry handles an image's name as a string. A
//! [`Digest`] names bytes and can only hold a well-formed value, so that it may become part of a
//! path or of a URL without further checks. An [`ImageId`] is the digest of an image's
//! configuration, which is what Docker shows as `IMAGE ID`.
//!
//! The crate knows grammar only: no registry, no store, no hashing.
//!
//! Grammar: <https://github.com/opencontainers/distribution-spec> and the Docker reference format;
//! the error wordings are Docker's, since scripts match on them.
#![forbid(unsafe_code)]

mod digest;
mod id;
mod matching;
mod named;

pub use digest::{Algorithm, Digest, DigestError};
pub use id::{ImageId, Selector, short_id};
pub use matching::{Pattern, PatternError};
pub use named::{DEFAULT_DOMAIN, DEFAULT_TAG, Error, Reference, Target};
