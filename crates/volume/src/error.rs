//! What can go wrong with a volume.

use std::io;
use std::path::PathBuf;

/// The class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No such volume, or no such driver.
    NotFound,
    /// In use, or the name is taken.
    Conflict,
    /// A name or an option that cannot be.
    Invalid,
    /// A fault of the machine.
    Internal,
}

/// What can go wrong with a volume, by cause. The wording is Docker's where it has one.
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
    /// One character.
    #[error(
        "create {0}: volume name is too short, names should be at least two alphanumeric characters"
    )]
    ShortName(String),
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
    /// A driver option that does not exist, lacks another one, or cannot be read.
    #[error("create {name}: {reason}")]
    Option {
        /// The volume.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Another volume has this name.
    #[error("{action} {name}: a volume with this name exists already")]
    NameTaken {
        /// What was tried.
        action: &'static str,
        /// The name.
        name: String,
    },
    /// Containers use it.
    #[error("{action} {name}: volume is in use - [{users}]")]
    InUse {
        /// What was tried.
        action: &'static str,
        /// The volume.
        name: String,
        /// Container IDs, separated by commas.
        users: String,
    },
    /// The volume is a snapshot, which never changes.
    #[error("{action} {name}: it is a snapshot of volume {of}, which does not change")]
    Immutable {
        /// What was tried.
        action: &'static str,
        /// The volume.
        name: String,
        /// The volume that it shows.
        of: String,
    },
    /// The named volume is no snapshot.
    #[error("restore {name}: volume {snapshot} is no snapshot of it")]
    NoSnapshot {
        /// The volume to be restored.
        name: String,
        /// What was named.
        snapshot: String,
    },
    /// The data are elsewhere, so nothing can be done with them here.
    #[error("{action} {name}: its data are not here but on a mount of type {kind}")]
    Elsewhere {
        /// What was tried.
        action: &'static str,
        /// The volume.
        name: String,
        /// The mount's type.
        kind: String,
    },
    /// The mount of the volume's driver options failed.
    #[error("failed to mount local volume: mount {device}:{path}: {reason}", path = path.display())]
    Mount {
        /// What was mounted.
        device: String,
        /// Where.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A size was asked for where sizes cannot be kept.
    #[error("create {name}: quota size requested but no quota support: {reason}")]
    Quota {
        /// The volume.
        name: String,
        /// Why not, and what would help.
        reason: String,
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
            Self::NotFound(_) | Self::UnknownDriver { .. } => Kind::NotFound,
            Self::InUse { .. } | Self::NameTaken { .. } | Self::Immutable { .. } => Kind::Conflict,
            Self::InvalidName(_)
            | Self::ShortName(_)
            | Self::Option { .. }
            | Self::NoSnapshot { .. }
            | Self::Elsewhere { .. }
            | Self::Quota { .. } => Kind::Invalid,
            Self::File { .. } | Self::Damaged { .. } | Self::Mount { .. } => Kind::Internal,
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
