//! Sessions: what a build's client offers to the daemon.
//!
//! A client opens a connection for its session and then the roles turn round: the daemon is the HTTP/2 client on it and
//! calls the client's services for files, secrets, logins and sockets. The connection's end is the session's end, and
//! whatever is being built for it ends too.

mod asker;
mod auth;
mod connection;
mod content;
mod debug;
mod files;
mod metadata;
mod output;
mod pipe;
mod registry;
mod ssh;
mod upload;

pub use connection::Connection;
pub use files::Sync;
pub use registry::{Session, Sessions};
pub(crate) use upload::is_uploaded;

use tonic::Status;

use crate::fsutil::TransferError;

/// What a session cannot do.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The client's answer to a call.
    #[error("{}", .status.message())]
    Refused {
        /// What was asked for.
        method: &'static str,
        /// Its answer.
        status: Status,
    },
    /// The client offers no such service.
    #[error("the client does not offer {0}")]
    NotOffered(&'static str),
    /// The client has left.
    #[error("the client has closed its session")]
    Gone,
    /// Files.
    #[error(transparent)]
    Files(#[from] TransferError),
    /// A thread of ours ended in a way that it must not.
    #[error("the transfer was cut off: {0}")]
    CutOff(String),
}

impl SessionError {
    /// For `map_err`.
    fn refused(method: &'static str) -> impl Fn(Status) -> Self {
        move |status| Self::Refused { method, status }
    }

    /// The client says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.code() == tonic::Code::NotFound)
    }
}

impl From<SessionError> for gantry_builder::Error {
    fn from(error: SessionError) -> Self {
        Self::Asker(error.to_string())
    }
}
