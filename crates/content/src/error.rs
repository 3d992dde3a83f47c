//! What can go wrong with blobs, by cause.

use std::io;
use std::path::PathBuf;

use gantry_reference::Digest;

/// A failure of the content store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such blob.
    #[error("content {0} is not in the store")]
    NotFound(Digest),
    /// The bytes are not the ones that were promised; nothing was stored.
    #[error("digest mismatch: expected {expected}, got {actual}; nothing was stored")]
    DigestMismatch {
        /// What was promised.
        expected: Digest,
        /// What the bytes hash to.
        actual: Digest,
    },
    /// More bytes, or fewer, than promised; nothing was stored.
    #[error("size mismatch of {digest}: expected {expected} bytes, got {actual}")]
    SizeMismatch {
        /// The blob.
        digest: Digest,
        /// What was promised.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// A blob that should fit in memory is too large to be true.
    #[error("content {digest} has {size} bytes; at most {limit} are read at once")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// Its size.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The disk, or the quota, is full.
    #[error("no space left to {action} {}; free some and try again", path.display())]
    Full {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
    },
    /// Reading or writing the store failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Store {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
}

/// The class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The blob is not there.
    NotFound,
    /// The bytes are wrong.
    Invalid,
    /// No space left.
    Full,
    /// Anything else.
    Internal,
}

impl Error {
    /// The class of this error.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } | Self::TooLarge { .. } => {
                Kind::Invalid
            }
            Self::Full { .. } => Kind::Full,
            Self::Store { .. } => Kind::Internal,
        }
    }

    /// Wraps an I/O error for `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let path = path.into();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Self::Full { action, path }
                }
                _ => Self::Store {
                    action,
                    path,
                    source,
                },
            }
        }
    }
}
