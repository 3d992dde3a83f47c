//! Why a container or process could not be made.

use std::fmt;

use rustix::io::Errno;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a container or process could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program exists nowhere.
    #[error("exec: {name:?}: {why}")]
    CommandNotFound {
        /// The program as it was asked for.
        name: String,
        /// Docker's wording: `executable file not found in $PATH`, `stat /x: no such file or
        /// directory`.
        why: String,
    },
    /// The program is there and cannot be executed.
    #[error("exec: {name:?}: {why}")]
    CommandNotExecutable {
        /// The program as it was asked for.
        name: String,
        /// `permission denied`, `is a directory`, `exec format error`.
        why: String,
    },
    /// The program is there, but not the interpreter that it names.
    #[error("exec {path}: {why}")]
    InterpreterNotFound {
        /// The program.
        path: String,
        /// `no such file or directory`.
        why: String,
    },
    /// The kernel does not execute the program.
    #[error("exec {path}: {why}")]
    Execute {
        /// The program.
        path: String,
        /// `exec format error`, `permission denied` on a noexec mount.
        why: String,
    },
    /// The spec contradicts itself or asks for what cannot be.
    #[error("invalid container configuration: {0}")]
    Invalid(String),
    /// The spec asks for what this runtime cannot do.
    #[error("{what} is not supported yet")]
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// A mount could not be made.
    #[error("error mounting {source_name:?} to rootfs at {destination:?}: {why}")]
    Mount {
        /// What was to be mounted.
        source_name: String,
        /// Where.
        destination: String,
        /// What failed, and how.
        why: String,
    },
    /// The working directory is not possible.
    #[error("chdir to cwd ({path:?}) set in config.json failed: {why}")]
    Cwd {
        /// The working directory.
        path: String,
        /// Why.
        why: String,
    },
    /// A hook failed.
    #[error("error running {kind} hook #{number}: {why}")]
    Hook {
        /// `prestart` and so on.
        kind: &'static str,
        /// Its place in the list.
        number: usize,
        /// How it ended, and what it said.
        why: String,
    },
    /// A step of the launch failed.
    #[error("{step}: {why}")]
    Step {
        /// What was tried, with the thing's name.
        step: String,
        /// Why it failed.
        why: String,
    },
    /// The process ended before its program ran.
    #[error("the container's process ended before it could run its program (was it killed?)")]
    Died,
    /// The container of an exec has ended.
    #[error("the container is not running")]
    TargetGone,
    /// A process cloned into a frozen group would not answer before the container goes on.
    #[error("the container is paused: unpause it before exec")]
    Paused,
    /// The cgroup could not be joined.
    #[error(transparent)]
    Cgroup(#[from] gantry_cgroups::Error),
    /// The system-call filter is wrong.
    #[error(transparent)]
    Seccomp(#[from] gantry_seccomp::Error),
}

/// The kinds of [`Error`] that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Exit code 127.
    CommandNotFound,
    /// Exit code 126.
    CommandNotExecutable,
    /// The request was wrong.
    Invalid,
    /// The container has ended or is paused.
    NotRunning,
    /// Not possible yet.
    Unsupported,
    /// The kernel or the machine's set-up said no.
    Internal,
}

impl Error {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::CommandNotFound { .. } | Self::InterpreterNotFound { .. } => {
                Kind::CommandNotFound
            }
            Self::CommandNotExecutable { .. } | Self::Execute { .. } => Kind::CommandNotExecutable,
            Self::Invalid(_) | Self::Seccomp(_) => Kind::Invalid,
            Self::Unsupported { .. } => Kind::Unsupported,
            Self::TargetGone | Self::Paused => Kind::NotRunning,
            Self::Mount { .. }
            | Self::Cwd { .. }
            | Self::Step { .. }
            | Self::Hook { .. }
            | Self::Died
            | Self::Cgroup(_) => Kind::Internal,
        }
    }
}

/// Something that was asked for and could not be done, without keeping the process from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What, and why not.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error number in Go's words, which is what Docker's users and their scripts know.
pub(crate) fn errno_text(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}
