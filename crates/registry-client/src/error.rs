//! What can go wrong with a registry, by cause.

use gantry_reference::Digest;

/// A failure between us and a registry. The wordings are Docker's where scripts match on them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry could not be reached, or the connection broke.
    #[error("failed to do request: {method} {url:?}: {reason}")]
    Request {
        /// `Get`, `Head`, `Post`, `Put`, `Patch`.
        method: &'static str,
        /// What was asked for.
        url: String,
        /// The chain of reasons down to the system's.
        reason: String,
    },
    /// The registry forbids it, or hides whether the repository exists.
    #[error(
        "pull access denied for {repository}, repository does not exist or may require 'docker login': {answer}"
    )]
    Denied {
        /// The repository as users write it.
        repository: String,
        /// The registry's own code and message.
        answer: Answer,
    },
    /// No such tag or digest.
    #[error("manifest for {reference} not found: {answer}")]
    ManifestUnknown {
        /// The reference as users write it.
        reference: String,
        /// The registry's own code and message.
        answer: Answer,
    },
    /// No such repository.
    #[error("repository {repository} not found: {answer}")]
    RepositoryUnknown {
        /// The repository as users write it.
        repository: String,
        /// The registry's own code and message.
        answer: Answer,
    },
    /// No such blob.
    #[error("blob {digest} not found in {repository}: {answer}")]
    BlobUnknown {
        /// The repository as users write it.
        repository: String,
        /// The blob.
        digest: Digest,
        /// The registry's own code and message.
        answer: Answer,
    },
    /// The registry does not let us write there.
    #[error("{0}")]
    PushDenied(Answer),
    /// Credentials are missing or wrong.
    #[error("{0}")]
    Unauthorized(Answer),
    /// The registry asks for a user and password, and none were given.
    #[error("no basic auth credentials")]
    NoCredentials,
    /// A registry that only follows the distribution specification cannot be searched.
    #[error(
        "Unexpected status code 404: the registry {registry} has no search; ask it for its \
         repositories by name"
    )]
    NoSearch {
        /// The registry.
        registry: String,
    },
    /// Any other answer that is not success.
    #[error("received unexpected HTTP status from {url}: {status}{}", answer.as_ref().map(|a| format!(": {a}")).unwrap_or_default())]
    Status {
        /// What was asked for.
        url: String,
        /// The status line.
        status: String,
        /// The registry's own code and message, if it gave one.
        answer: Option<Answer>,
    },
    /// The registry asks for a way of authentication that is not known.
    #[error(
        "registry {host} asks for authentication by {scheme:?}; Basic and Bearer are supported"
    )]
    UnknownChallenge {
        /// The registry.
        host: String,
        /// The scheme.
        scheme: String,
    },
    /// An answer that breaks the specification.
    #[error("invalid answer from {url}: {reason}")]
    Protocol {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes are not those of the digest that was asked for.
    #[error("{url} answered with other bytes than asked for: expected {expected}, got {actual}")]
    DigestMismatch {
        /// What was asked for.
        url: String,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// A setting that cannot be used.
    #[error("registry configuration: {0}")]
    Config(String),
}

/// What a registry says of an error: code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `MANIFEST_UNKNOWN`, `DENIED`, …
    pub code: String,
    /// Free text.
    pub message: String,
}

impl Answer {
    /// An answer that we give in a registry's name.
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {}",
            self.code.to_lowercase().replace('_', " "),
            self.message
        )
    }
}

/// The class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not there, or not for us to see.
    NotFound,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// The registry does not answer, or fails.
    Unavailable,
    /// The registry's answer is wrong.
    Invalid,
    /// Our own configuration.
    Internal,
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Denied { .. }
            | Self::ManifestUnknown { .. }
            | Self::RepositoryUnknown { .. }
            | Self::BlobUnknown { .. } => Kind::NotFound,
            Self::NoSearch { .. } => Kind::Invalid,
            Self::Unauthorized(_) | Self::PushDenied(_) | Self::NoCredentials => Kind::Unauthorized,
            Self::Request { .. } | Self::Status { .. } => Kind::Unavailable,
            Self::Protocol { .. } | Self::DigestMismatch { .. } | Self::UnknownChallenge { .. } => {
                Kind::Invalid
            }
            Self::Config(_) => Kind::Internal,
        }
    }
}
