//! What can go wrong with images, by cause.

use std::io;

use gantry_reference::{Digest, ImageId};

/// A failure of the image store. The wordings are Docker's where scripts match on them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing here has this name or id.
    #[error("No such image: {0}")]
    NotFound(String),
    /// The start of an id that fits several images.
    #[error("image id {prefix} is ambiguous: {count} images' ids start so; give more digits")]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// How many fit.
        count: usize,
    },
    /// The string is no image name.
    #[error(transparent)]
    Reference(#[from] gantry_reference::Error),
    /// The image is used, or has several names; Docker's rules for `rmi`.
    #[error("conflict: unable to delete {image} ({}) - {reason}", forced_word(*forcible))]
    InUse {
        /// The image's short id.
        image: String,
        /// Whether `--force` would do it.
        forcible: bool,
        /// Why not.
        reason: String,
    },
    /// A container would be left with a nameless image.
    #[error(
        "conflict: unable to remove repository reference {name:?} (must force) - container {container} is using its referenced image {image}"
    )]
    LastNameInUse {
        /// What was asked for.
        name: String,
        /// The container's short id.
        container: String,
        /// The image's short id.
        image: String,
    },
    /// The registry did not give what was asked.
    #[error(transparent)]
    Registry(#[from] gantry_registry_client::Error),
    /// A blob could not be stored or read.
    #[error(transparent)]
    Content(#[from] gantry_content::Error),
    /// A layer could not be stored.
    #[error(transparent)]
    Layer(#[from] gantry_snapshot::Error),
    /// No part of a multi-platform image is for this platform.
    #[error("no matching manifest for {platform} in the manifest list entries")]
    NoPlatform {
        /// The platform that was wanted.
        platform: String,
    },
    /// The image is for another platform than asked.
    #[error(
        "image with reference {name} was found but its platform ({found}) does not match the specified platform ({wanted})"
    )]
    WrongPlatform {
        /// The name.
        name: String,
        /// The platform that was wanted.
        wanted: String,
        /// The platform that it is for.
        found: String,
    },
    /// A layer could not be handed from its writer to the store.
    #[error("cannot hand over a layer: {0}")]
    Pipe(io::Error),
    /// A manifest of a kind that is not handled.
    #[error(
        "unsupported manifest media type {media_type:?} of {name}; Docker schema 2 and OCI image manifests and indexes are supported"
    )]
    MediaType {
        /// The image.
        name: String,
        /// What the registry called it.
        media_type: String,
    },
    /// A manifest or configuration that does not hold together.
    #[error("invalid {what} of {name}: {reason}")]
    Malformed {
        /// `manifest`, `index` or `configuration`.
        what: &'static str,
        /// The image or the digest.
        name: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// The archive given to `load` is not an image archive.
    #[error("invalid image archive: {0}")]
    Archive(String),
    /// The archive given to `load` ended early or could not be read.
    #[error("cannot read the image archive: {0}")]
    ArchiveRead(io::Error),
    /// An archive names a tag for bytes that are not there.
    #[error("the archive has no {what} {name}, which its index names")]
    ArchiveIncomplete {
        /// What is missing.
        what: &'static str,
        /// Its name in the archive.
        name: String,
    },
    /// The archive could not be written: the reader went away, or the disk is full.
    #[error("cannot write the image archive: {0}")]
    ArchiveWrite(io::Error),
    /// No name here is of that repository.
    #[error("An image does not exist locally with the tag: {0}")]
    NothingToPush(String),
    /// A layer could not be compressed.
    #[error("cannot compress layer {layer}: {reason}")]
    Packing {
        /// Its diff ID.
        layer: Digest,
        /// Why not.
        reason: String,
    },
    /// A filter of `images` that is not known, or a wrong value of one.
    #[error("invalid filter '{0}'")]
    Filter(String),
    /// A name with a digest cannot be given to an image.
    #[error("refusing to create a tag with a digest reference")]
    TagWithDigest,
    /// The image's record names a blob that is gone.
    #[error("image {image} is damaged: {blob} is missing; remove the image and pull it again")]
    Damaged {
        /// The image.
        image: ImageId,
        /// What is missing.
        blob: Digest,
    },
    /// The metadata could not be read or written.
    #[error("image metadata {path}: {reason}")]
    Metadata {
        /// The database.
        path: String,
        /// What it said.
        reason: String,
    },
    /// The work was given up because nobody waits for it any more.
    #[error("the work was cancelled")]
    Cancelled,
    /// Something failed that somebody else waited for, too; the text is that error's.
    #[error("{message}")]
    Shared {
        /// The class of the original error.
        kind: Kind,
        /// Its text.
        message: String,
    },
}

/// The class of an [`Error`], for callers that map it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The image is not here, or not in the registry.
    NotFound,
    /// It is used or has other names.
    Conflict,
    /// The request or the archive is wrong.
    Invalid,
    /// The registry wants other credentials.
    Unauthorized,
    /// The registry cannot be reached or fails.
    Unavailable,
    /// The disk is full.
    Full,
    /// Anything else.
    Internal,
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_)
            | Self::NothingToPush(_)
            | Self::NoPlatform { .. }
            | Self::WrongPlatform { .. } => Kind::NotFound,
            Self::InUse { .. } | Self::LastNameInUse { .. } => Kind::Conflict,
            Self::Ambiguous { .. }
            | Self::Reference(_)
            | Self::Archive(_)
            | Self::ArchiveRead(_)
            | Self::ArchiveIncomplete { .. }
            | Self::Filter(_)
            | Self::TagWithDigest
            | Self::Malformed { .. }
            | Self::MediaType { .. } => Kind::Invalid,
            Self::Registry(error) => registry_kind(error.kind()),
            Self::Content(error) => content_kind(error.kind()),
            Self::Layer(error) => layer_kind(error.kind()),
            Self::Damaged { .. }
            | Self::Metadata { .. }
            | Self::ArchiveWrite(_)
            | Self::Pipe(_)
            | Self::Packing { .. }
            | Self::Cancelled => Kind::Internal,
            Self::Shared { kind, .. } => *kind,
        }
    }

    /// The same error for a second caller who waited for the same work.
    pub(crate) fn share(&self) -> Self {
        Self::Shared {
            kind: self.kind(),
            message: self.to_string(),
        }
    }
}

fn registry_kind(kind: gantry_registry_client::Kind) -> Kind {
    use gantry_registry_client::Kind as Registry;
    match kind {
        Registry::NotFound => Kind::NotFound,
        Registry::Unauthorized => Kind::Unauthorized,
        Registry::Unavailable => Kind::Unavailable,
        Registry::Invalid => Kind::Invalid,
        Registry::Internal => Kind::Internal,
    }
}

fn content_kind(kind: gantry_content::Kind) -> Kind {
    use gantry_content::Kind as Content;
    match kind {
        Content::NotFound | Content::Internal => Kind::Internal,
        Content::Invalid => Kind::Invalid,
        Content::Full => Kind::Full,
    }
}

fn layer_kind(kind: gantry_snapshot::Kind) -> Kind {
    use gantry_snapshot::Kind as Layer;
    match kind {
        Layer::Invalid => Kind::Invalid,
        Layer::Full => Kind::Full,
        Layer::Conflict => Kind::Conflict,
        Layer::NotFound | Layer::Unsupported | Layer::Internal => Kind::Internal,
    }
}

const fn forced_word(forcible: bool) -> &'static str {
    if forcible {
        "must be forced"
    } else {
        "cannot be forced"
    }
}
