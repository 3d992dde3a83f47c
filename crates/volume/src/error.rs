//! What can go wrong with a volume.

use std::io;
use std::path::PathBuf;

/// The class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No such volume.
    NotFound,
    /// In use, or there with other properties.
    Conflict,
    /// A name or driver that cannot be.
    Invalid,
    /// A fault of the machine.
    Internal,
}

/// What can go wrong with a volume, by cause.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No volume has this name.
    #[error("get {0}: no such volume")]
    NotFound(String),
    /// The name has characters that cannot be.
    #[error(
        "create {0}: \"{0}\" includes invalid characters for a local volume name, only \
         \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use \
         absolute path"
    )]
    InvalidName(String),
    /// Only the local driver is there.
    #[error(
        "create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found"
    )]
    UnknownDriver {
        /// The volume.
        name: String,
        /// What was asked for.
        driver: String,
    },
    /// Containers use it.
    #[error("remove {name}: volume is in use - [{users}]")]
    InUse {
        /// The volume.
        name: String,
        /// Container IDs, separated by commas.
        users: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The volume's record is not readable.
    #[error("the record {path} of a volume is damaged: {reason}", path = path.display())]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::InUse { .. } => Kind::Conflict,
            Self::InvalidName(_) | Self::UnknownDriver { .. } => Kind::Invalid,
            Self::File { .. } | Self::Damaged { .. } => Kind::Internal,
        }
    }

    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
