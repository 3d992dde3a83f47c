//! One image, as the store knows it.

use std::sync::Arc;

use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};
use jiff::Timestamp;

/// An image: its configuration, its layers and its names at the moment of asking.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of the configuration.
    pub id: ImageId,
    /// The configuration, parsed.
    pub config: Arc<ImageConfig>,
    /// The configuration's bytes, whose digest is the id.
    pub raw_config: Arc<[u8]>,
    /// The manifest that was pulled or loaded, if there was one.
    pub manifest: Option<Digest>,
    /// Names with a tag, sorted.
    pub repo_tags: Vec<Reference>,
    /// Names with a digest, sorted.
    pub repo_digests: Vec<Reference>,
    /// Diff IDs of the layers, the lowest first.
    pub layers: Vec<Digest>,
    /// Bytes of file content, added up over the layers.
    pub size: u64,
    /// When the image was made, as it says itself; the epoch if it does not.
    pub created: Timestamp,
    /// The image that it was made from here, if it was made here.
    pub parent: Option<ImageId>,
    /// Whether it only keeps a layer of a build; no list shows it until it has a name.
    pub step: bool,
    /// When a name was last given to it here.
    pub tagged: Option<Timestamp>,
}

impl Image {
    /// `os/architecture`, and the variant if there is one.
    pub fn platform(&self) -> crate::Platform {
        crate::Platform {
            os: self.config.os.clone(),
            architecture: self.config.architecture.clone(),
            variant: self.config.variant.clone(),
        }
    }

    /// Whether it has no name at all, not even one by digest.
    pub fn is_nameless(&self) -> bool {
        self.repo_tags.is_empty() && self.repo_digests.is_empty()
    }

    /// Docker's `<none>` images: those without a tag.
    pub fn is_dangling(&self) -> bool {
        self.repo_tags.is_empty()
    }
}
