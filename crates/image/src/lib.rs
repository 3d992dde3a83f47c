//! Images: names, configurations and layers, and how they come and go.
//!
//! [`Images`] is the store. It knows which names stand for which image, keeps each image's
//! manifest and configuration byte for byte in the content store, and has its layers in the
//! snapshotter. [`Images::pull`] brings an image from a registry, [`Images::load`] from an archive,
//! [`Images::ensure_embedded`] from the program itself; [`Images::make`] makes one here.
//! [`Images::push`] takes one to a registry and [`Images::saving`] to an archive. [`Images::remove`] follows Docker's rules of
//! names, ids and force.
//!
//! The order of writing is layers, configuration, manifest, and the name last, so that a crash at
//! any moment leaves a store in which every name leads to a whole image. What a crash left without
//! a name is swept when the store is opened.
//!
//! The store knows no containers: who uses an image is told to it (see [`UsedBy`]). It knows no
//! command line: progress goes to a [`Progress`].
//!
//! Specifications: the OCI image specification 1.1 (manifest, index, configuration, layout),
//! Docker's image manifest v2 schema 2, and the archive that `docker save` writes.
#![forbid(unsafe_code)]

mod catalog;
mod error;
mod image;
mod images;
mod load;
mod manifest;
mod platform;
mod progress;
mod pull;
mod push;
mod save;

pub use error::{Error, Kind};
pub use image::Image;
pub use images::{
    Filter, HistoryEntry, Images, NewImage, RemoveOptions, Removed, Setup, Usage, UsedBy,
};
pub use load::Loaded;
pub use platform::Platform;
pub use progress::{Event, Progress, Step};
pub use pull::{PullRequest, Pulled, RemoteImage};
pub use push::{PushRequest, Pushed, PushedLayer};
pub use save::Saving;

/// Parsers of foreign bytes, for fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    /// Reads a manifest, an index and a configuration from the same bytes.
    pub fn documents(media_type: &str, bytes: &[u8]) {
        let _ = crate::manifest::parse_document("fuzz", media_type, bytes);
        if let Ok(config) = crate::manifest::parse_config("fuzz", bytes) {
            let _ = crate::manifest::diff_ids("fuzz", &config, config.rootfs.diff_ids.len());
        }
    }
}
