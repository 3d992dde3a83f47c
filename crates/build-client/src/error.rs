//! What can go wrong on the client's side of a build.

use std::io;
use std::path::PathBuf;

use crate::failure::Failure;

/// Why something about a build failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The daemon cannot be reached, or has no BuildKit API.
    #[error(transparent)]
    Daemon(#[from] gantry_client::Error),
    /// HTTP/2 on the connection could not be started.
    #[error("cannot speak HTTP/2 with the daemon: {0}")]
    Http2(#[from] hyper::Error),
    /// The connection's socket cannot be used.
    #[error("the connection to the daemon cannot be used: {0}")]
    Socket(#[source] io::Error),
    /// The engine refused or failed.
    #[error("{0}")]
    Engine(Box<Failure>),
    /// A local file or folder cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A name that the protocol cannot carry.
    #[error("the name of {path:?} is not UTF-8, and cannot be sent")]
    Name {
        /// Which.
        path: PathBuf,
    },
    /// A pattern of files that makes no sense.
    #[error("invalid pattern of files: {0}")]
    Pattern(String),
    /// The engine broke the rules of a file transfer.
    #[error("unexpected packet in a file transfer: {0}")]
    Packet(String),
    /// The kernel gives no random numbers.
    #[error("cannot make an identifier: {0}")]
    Random(#[from] getrandom::Error),
}

/// Causes that a caller may want to treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The daemon has no BuildKit API.
    NoBuildKit,
    /// The build or another request failed in the engine.
    Engine,
    /// Anything else.
    Other,
}

impl Error {
    /// The cause's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Daemon(
                gantry_client::Error::Api {
                    status: 404 | 405 | 501,
                    ..
                }
                | gantry_client::Error::NotUpgraded { .. },
            ) => Kind::NoBuildKit,
            Self::Engine(_) => Kind::Engine,
            _ => Kind::Other,
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File {
            path: path.into(),
            source,
        }
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::Engine(Box::new(Failure::of(&status)))
    }
}
