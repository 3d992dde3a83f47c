//! Bytes by digest.
//!
//! [`Store`] keeps blobs (manifests, configurations, and layers while they are being downloaded) in
//! files named by their digest below `content/` of the data root. A blob is either whole or absent:
//! it is written beside its place, hashed while it is written, and renamed only once the digest is
//! right. An unfinished one ([`Ingest`]) keeps its bytes, so that a later attempt goes on where the
//! last one broke; [`Follow`] reads it while it grows.
//!
//! [`Leases`] keep digests from being collected while somebody still needs them, and [`OnceMap`] lets
//! one piece of work serve all who ask for it.
//!
//! The store knows nothing of what the bytes mean, nor who refers to them.
#![forbid(unsafe_code)]

mod error;

pub use error::{Error, Kind};
