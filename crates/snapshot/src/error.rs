//! What can go wrong with layers and snapshots, by cause.

use std::io;
use std::path::{Path, PathBuf};

use gantry_reference::Digest;

use crate::mounting::MountFailure;

/// A failure of the snapshot store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tar's bytes are not the ones that the image promised.
    #[error("layer {expected} is damaged: its content has digest {actual}; pull the image again")]
    DigestMismatch {
        /// The diff ID from the image's configuration.
        expected: Digest,
        /// What the bytes hash to.
        actual: Digest,
    },
    /// The stream ended or broke before the layer was complete.
    #[error("reading layer {layer}: {source}{}", remedy(source))]
    Read {
        /// The layer being ingested.
        layer: Digest,
        /// What the stream said.
        source: io::Error,
    },
    /// The bytes are not a tar archive, or one with contents that no file system can hold.
    #[error("layer {layer} is not a valid archive: {source}")]
    Archive {
        /// The layer being ingested.
        layer: Digest,
        /// Which entry and why.
        source: crate::tar::ArchiveError,
    },
    /// A layer that a snapshot or a caller names is not in the store.
    #[error("layer {0} is not in the snapshot store; pull its image again")]
    LayerNotFound(Digest),
    /// A layer cannot be removed while a snapshot stands on it.
    #[error("layer {layer} is in use by snapshot {key}; remove that first")]
    LayerInUse {
        /// The layer.
        layer: Digest,
        /// One snapshot that uses it.
        key: String,
    },
    /// No snapshot of that key.
    #[error("no snapshot {0}")]
    SnapshotNotFound(String),
    /// A snapshot of that key is already there.
    #[error("snapshot {0} exists already")]
    SnapshotExists(String),
    /// A volatile snapshot from before the machine's restart.
    #[error(
        "snapshot {0} was made for a container that does not outlive the machine's restart, and \
         cannot be mounted again; remove the container"
    )]
    SnapshotLost(String),
    /// A key that cannot be a directory's name.
    #[error(
        "invalid snapshot key {0:?}: letters, digits, '.', '_' and '-' only, at most 128 of them, \
         starting with a letter or digit"
    )]
    InvalidKey(String),
    /// The kernel stacks no more than this.
    #[error("{count} layers are too many: the kernel's overlay takes at most {max}")]
    TooManyLayers {
        /// How many were asked for.
        count: usize,
        /// The kernel's limit.
        max: usize,
    },
    /// The driver does not keep a layer's tar.
    #[error("the {driver} storage driver does not keep the archive of layer {layer}")]
    NotKept {
        /// The driver's name.
        driver: &'static str,
        /// The layer.
        layer: Digest,
    },
    /// The configured storage driver is none of ours.
    #[error("unknown storage driver {0:?}: use \"erofs\" or \"overlay\"")]
    UnknownDriver(String),
    /// The kernel or the file system under the data root lacks what a driver needs.
    #[error("the {driver} storage driver does not work on {}: {reason}", root.display())]
    Unsupported {
        /// The driver's name.
        driver: &'static str,
        /// The data root.
        root: PathBuf,
        /// What is missing, and what to do.
        reason: String,
    },
    /// The file system under the data root cannot limit a snapshot's size.
    #[error("a container's size cannot be limited: {0}")]
    NoQuota(gantry_sys::quota::Refusal),
    /// The kernel refused a step of a mount.
    #[error("cannot mount {what}: {step}: {source}")]
    Mount {
        /// The layer or snapshot.
        what: String,
        /// The step (with the kernel's own explanation when it gave one).
        step: String,
        /// The kernel's error.
        source: io::Error,
    },
    /// Reading or writing the store itself failed.
    #[error("{action} {}: {source}{}", path.display(), remedy(source))]
    Store {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
}

/// The class of an [`Error`], for callers that map it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The layer or snapshot is not there.
    NotFound,
    /// It is there already, or in use.
    Conflict,
    /// The input is wrong: a damaged or hostile archive, a bad key, an unknown driver.
    Invalid,
    /// This driver or kernel cannot do it.
    Unsupported,
    /// No space or no quota left.
    Full,
    /// Anything else: input and output errors, refused mounts.
    Internal,
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::LayerNotFound(_) | Self::SnapshotNotFound(_) => Kind::NotFound,
            Self::LayerInUse { .. } | Self::SnapshotExists(_) | Self::SnapshotLost(_) => {
                Kind::Conflict
            }
            Self::DigestMismatch { .. }
            | Self::Archive { .. }
            | Self::InvalidKey(_)
            | Self::TooManyLayers { .. }
            | Self::UnknownDriver(_) => Kind::Invalid,
            Self::NotKept { .. } | Self::Unsupported { .. } | Self::NoQuota(_) => Kind::Unsupported,
            Self::Store { source, .. } | Self::Mount { source, .. } | Self::Read { source, .. } => {
                match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
                    _ => Kind::Internal,
                }
            }
        }
    }
}

/// What a person can do about a disk that is full.
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space on the data root's disk (`system df` tells what takes it, `system prune` \
             removes what is unused) and try again"
        }
        _ => "",
    }
}

/// For `map_err`: an input or output error while doing something to a path of the store.
pub(crate) fn at<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Error {
    move |source| Error::Store {
        action,
        path: path.to_owned(),
        source: source.into(),
    }
}

/// For `map_err`: a refused mount of a layer or snapshot.
pub(crate) fn mounting(what: impl Into<String>) -> impl FnOnce(MountFailure) -> Error {
    move |failure| Error::Mount {
        what: what.into(),
        step: failure.step,
        source: failure.source,
    }
}
