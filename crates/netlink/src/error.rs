//! What the kernel may refuse.

use std::io;

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a change or a listing failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused a change.
    #[error("cannot {what}: {source}{}", detail(.message.as_ref()))]
    Refused {
        /// What was to be done, as in `create bridge gantry0`.
        what: String,
        /// The kernel's reason.
        source: io::Error,
        /// The kernel's own words, when it has some.
        message: Option<String>,
    },
    /// The netlink socket failed.
    #[error("cannot speak to the kernel's network configuration: {source}")]
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

    /// Whether what was to be changed is not there.
    pub fn is_not_found(&self) -> bool {
        // ENODEV has no io::ErrorKind of its own.
        const ENODEV: i32 = 19;
        self.io().kind() == io::ErrorKind::NotFound || self.io().raw_os_error() == Some(ENODEV)
    }

    /// Whether what was to be made is there already.
    pub fn is_exists(&self) -> bool {
        self.io().kind() == io::ErrorKind::AlreadyExists
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.io().kind(), error)
    }
}
