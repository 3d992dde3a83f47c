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
//! ```text
//! content/blobs/<algorithm>/<hex>     whole blobs
//! content/ingest/<algorithm>-<hex>    unfinished ones, kept for a week
//! content/ingest/tmp-*                small blobs on their way; cleared at start
//! ```
//!
//! The store knows nothing of what the bytes mean, nor who refers to them.
#![forbid(unsafe_code)]

mod error;
mod follow;
mod ingest;
mod leases;
mod once_map;
mod store;

pub use error::{Error, Kind};
pub use follow::Follow;
pub use ingest::{Ingest, Verified};
pub use leases::{Lease, Leases};
pub use once_map::{Joined, OnceMap, Reporter};
pub use store::Store;
