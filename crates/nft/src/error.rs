//! What the kernel may refuse.

use std::io;

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a transaction or a listing failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused an object; nothing of the transaction was applied.
    #[error("nf_tables refused to {object}: {source}{}", detail(.message.as_ref()))]
    Refused {
        /// What was to be done with which object, as in `add set published in table ip gantry`.
        object: String,
        /// The kernel's reason.
        source: io::Error,
        /// The kernel's own words, when it has some.
        message: Option<String>,
    },
    /// The netlink socket failed.
    #[error("cannot speak to nf_tables: {source}; is the nf_tables module there, and are we root?")]
    Socket {
        /// The kernel's reason.
        #[from]
        source: io::Error,
    },
}

fn detail(message: Option<&String>) -> String {
    message
        .map(|message| format!(" ({message})"))
        .unwrap_or_default()
}

impl Error {
    /// The kernel's error.
    pub fn io(&self) -> &io::Error {
        match self {
            Self::Refused { source, .. } | Self::Socket { source } => source,
        }
    }

    /// Whether the object was not there.
    pub fn is_not_found(&self) -> bool {
        self.io().kind() == io::ErrorKind::NotFound
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.io().kind(), error)
    }
}
