//! What becomes of a result.

use std::collections::BTreeMap;

/// One export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// What the side that asked calls it.
    pub id: String,
    /// What is made.
    pub kind: ExportKind,
    /// Names for the image.
    pub names: Vec<String>,
    /// Whether the image is pushed to the registries of its names.
    pub push: bool,
    /// Whether the times of all files of new layers become no later than the source date.
    pub rewrite_timestamp: bool,
    /// Annotations; a key may have a prefix that says where it goes, as `manifest[linux/amd64]:key`.
    pub annotations: BTreeMap<String, String>,
}

/// What an export makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// An image in the store.
    Image,
    /// An OCI layout: an archive, or with `tar` false the files themselves.
    Oci {
        /// As one archive.
        tar: bool,
    },
    /// An archive as `docker save` writes it.
    Docker {
        /// As one archive.
        tar: bool,
    },
    /// An archive of the result's files.
    Tar,
    /// The result's files.
    Local,
}

impl Export {
    /// Whether it only gives names to the image in the store.
    pub fn is_plain(&self) -> bool {
        self.kind == ExportKind::Image
            && !self.push
            && !self.rewrite_timestamp
            && self.annotations.is_empty()
    }
}
