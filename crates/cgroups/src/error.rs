//! What can go wrong with a cgroup.

use std::path::PathBuf;

use rustix::io::Errno;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the file or group that it happened to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No cgroup file system is mounted.
    #[error("no cgroup file system is mounted: mount cgroup2 on /sys/fs/cgroup")]
    NotMounted,
    /// A group's path is relative, empty or climbs upwards.
    #[error("invalid cgroup path {0:?}: it must be absolute, below the root and without \"..\"")]
    InvalidPath(String),
    /// The group exists nowhere.
    #[error("no such cgroup: {0}")]
    NotFound(String),
    /// A value that cannot be a limit.
    #[error("invalid {what} {value:?}: {why}")]
    InvalidValue {
        /// Which setting.
        what: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file could not be read, written, made or removed.
    #[error("{action} {}: {errno}", path.display())]
    Io {
        /// What was tried: `write "100" to`, `read`, `create`, `remove`.
        action: String,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        errno: Errno,
    },
    /// The memory limit lies below what the group already uses.
    #[error(
        "unable to set memory limit to {limit} (current usage: {usage}): give more than is in use"
    )]
    MemoryInUse {
        /// The asked limit in bytes.
        limit: i64,
        /// Bytes in use.
        usage: u64,
    },
    /// Processes remain in a group that was to be removed.
    #[error("cgroup {path} is busy: {processes} processes are still in it")]
    Busy {
        /// The group.
        path: String,
        /// How many.
        processes: usize,
    },
    /// The device program was refused by the kernel.
    #[error("attach the device rules to cgroup {path}: {errno}")]
    DeviceProgram {
        /// The group.
        path: String,
        /// Why.
        errno: Errno,
    },
}

/// The kinds of [`Error`] that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request was wrong.
    Invalid,
    /// There is no such group.
    NotFound,
    /// The group is in use.
    Conflict,
    /// The kernel or the machine's set-up said no.
    Internal,
}

impl Error {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::InvalidPath(_) | Self::InvalidValue { .. } | Self::MemoryInUse { .. } => {
                Kind::Invalid
            }
            Self::NotFound(_) => Kind::NotFound,
            Self::Busy { .. } => Kind::Conflict,
            Self::NotMounted | Self::Io { .. } | Self::DeviceProgram { .. } => Kind::Internal,
        }
    }
}
