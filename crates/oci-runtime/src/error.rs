//! What goes wrong, in words that shims look for.

use std::path::{Path, PathBuf};

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    #[error("container does not exist")]
    NoContainer,
    #[error("container with given ID already exists")]
    Exists,
    #[error("invalid container ID format: {0:?}")]
    InvalidId(String),
    #[error("container not running")]
    NotRunning,
    #[error("cannot {action} a container in the {status} state")]
    WrongState {
        action: &'static str,
        status: &'static str,
    },
    #[error("cannot delete container {id} that is not stopped: {status}")]
    NotStopped { id: String, status: &'static str },
    #[error("{action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: {source}", path.display())]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("gantry-runtime {command} failed: unable to start container process: {source}")]
    Failed {
        command: String,
        source: gantry_runtime::Error,
    },
    #[error(transparent)]
    Runtime(#[from] gantry_runtime::Error),
    #[error(transparent)]
    Cgroup(#[from] gantry_cgroups::Error),
    #[error("{what}: {errno}")]
    Kernel {
        what: &'static str,
        errno: rustix::io::Errno,
    },
}

impl Error {
    /// A failure with a file, for `map_err`.
    pub(crate) fn file(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// A failed system call, for `map_err`.
    pub(crate) fn kernel(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::Kernel { what, errno }
    }
}
