//! What can go wrong between us and a daemon.

use std::io;
use std::path::PathBuf;

/// Why a request failed. The wording is Docker's where scripts match it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the daemon makes no sense.
    #[error("unable to parse docker host `{host}`: {reason}")]
    Endpoint {
        /// The address.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody listens there.
    #[error("Cannot connect to the Docker daemon at {endpoint}. Is the docker daemon running?")]
    NotRunning {
        /// Where we tried.
        endpoint: String,
    },
    /// Something holds the socket open, but nobody answers.
    #[error(
        "Cannot connect to the Docker daemon at {endpoint}: no answer in {seconds} s; containers \
         keep its socket open. Is the docker daemon running?"
    )]
    Silent {
        /// Where we tried.
        endpoint: String,
        /// How long we waited.
        seconds: u64,
    },
    /// The socket is there but not for us.
    #[error(
        "permission denied while trying to connect to the Docker daemon socket at {endpoint}: \
         run as root, with sudo, or as a member of the socket's group"
    )]
    Permission {
        /// Where we tried.
        endpoint: String,
    },
    /// Connecting failed in another way.
    #[error("error during connect to {endpoint}: {source}")]
    Connect {
        /// Where we tried.
        endpoint: String,
        /// The reason.
        source: io::Error,
    },
    /// The daemon answered with an error.
    #[error("Error response from daemon: {message}")]
    Api {
        /// HTTP status.
        status: u16,
        /// The daemon's own words.
        message: String,
    },
    /// The connection broke while a request was under way.
    #[error("error during {what}: {source}")]
    Transport {
        /// Method and path.
        what: String,
        /// The reason.
        source: hyper::Error,
    },
    /// Reading or writing a stream failed.
    #[error("error during {what}: {source}")]
    Stream {
        /// Method and path.
        what: String,
        /// The reason.
        source: io::Error,
    },
    /// The daemon's answer cannot be read.
    #[error("the daemon's answer to {what} cannot be read: {source}")]
    Decode {
        /// Method and path.
        what: String,
        /// The reason.
        source: serde_json::Error,
    },
    /// A body cannot be written as JSON, or a header is impossible.
    #[error("cannot make the request {what}: {reason}")]
    Request {
        /// Method and path.
        what: String,
        /// The reason.
        reason: String,
    },
    /// The daemon did not switch to a raw stream.
    #[error("unable to upgrade to tcp, received {status}")]
    NotUpgraded {
        /// HTTP status.
        status: u16,
    },
    /// A progress stream ended with an error.
    #[error("{message}")]
    Progress {
        /// The daemon's own words.
        message: String,
    },
    /// A daemon could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Why a daemon could not be started in the background.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Only root can run the daemon.
    #[error(
        "no daemon listens at {endpoint}, and starting one needs root: run this command with sudo, \
         or let root run `gantry daemon` and join the socket's group"
    )]
    NotRoot {
        /// Where we tried to connect.
        endpoint: String,
    },
    /// A daemon that was being started did not serve but looked for a daemon itself.
    #[error("cannot start the daemon: this program started itself instead; is it gantry?")]
    Recursive,
    /// A file that starting needs cannot be made.
    #[error("cannot start the daemon: {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It could not be executed.
    #[error("cannot start the daemon: {source}")]
    Spawn {
        /// The reason.
        source: io::Error,
    },
    /// It ended at once.
    #[error("the daemon ended with {status} while starting; the end of {log}:\n{tail}")]
    Ended {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// It did not answer.
    #[error("the daemon does not answer after {seconds} s; the end of {log}:\n{tail}")]
    Silent {
        /// How long we waited.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
}

/// Causes that a caller may want to treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A login is missing or wrong.
    Unauthorized,
    /// The thing is not there (404).
    NotFound,
    /// It clashes with another (409).
    Conflict,
    /// The request is wrong (400).
    Invalid,
    /// There is no daemon.
    Unreachable,
    /// Anything else.
    Other,
}

impl Error {
    /// The cause's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Api { status: 401, .. } => Kind::Unauthorized,
            Self::Api { status: 404, .. } => Kind::NotFound,
            Self::Api { status: 409, .. } => Kind::Conflict,
            Self::Api { status: 400, .. } => Kind::Invalid,
            Self::NotRunning { .. }
            | Self::Silent { .. }
            | Self::Permission { .. }
            | Self::Connect { .. } => Kind::Unreachable,
            _ => Kind::Other,
        }
    }

    /// Whether the daemon itself answered with this error.
    pub fn is_from_daemon(&self) -> bool {
        matches!(self, Self::Api { .. } | Self::Progress { .. })
    }
}
