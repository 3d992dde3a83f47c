//! What can go wrong in a use case, by cause.

use crate::Kind;

/// The one error of the engine's services; the wording follows Docker's where scripts grep it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No container has this name, ID or ID prefix.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// No exec instance has this ID.
    #[error("No such exec instance: {0}")]
    NoSuchExec(String),
    /// No network has this name or ID.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// No secret has this name or ID.
    #[error("secret {0} not found")]
    NoSuchSecret(String),
    /// Another secret has the name.
    #[error("rpc error: code = AlreadyExists desc = secret {0} already exists")]
    SecretExists(String),
    /// A container has nothing at this path.
    #[error("Could not find the file {path} in container {container}")]
    NoSuchPath {
        /// The path.
        path: String,
        /// The container's ID.
        container: String,
    },
    /// The container's settings forbid it.
    #[error("{0}")]
    Forbidden(String),
    /// Several containers' IDs start so.
    #[error("multiple IDs found with provided prefix: {0}")]
    AmbiguousPrefix(String),
    /// The name is not one a container can have.
    #[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    InvalidName(String),
    /// Another container has the name.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". \
         You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameInUse {
        /// The name, without a slash.
        name: String,
        /// The full ID of the container that has it.
        holder: String,
    },
    /// The container is not in a state in which this can be done.
    #[error("{0}")]
    WrongPhase(String),
    /// There is nothing to do: it runs already, or it is stopped already.
    #[error("container {0} is already in that state")]
    AlreadyThere(String),
    /// Something in the request is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// A part of Docker that is not built yet; the text names it.
    #[error("{0} is not supported by this version of Gantry")]
    NotSupported(String),
    /// Nobody can read what the container's log driver takes.
    #[error("configured logging driver does not support reading")]
    NoLogs,
    /// The container's process could not be executed.
    #[error("failed to create task for container: OCI runtime create failed: {message}")]
    CannotStart {
        /// The runtime's reason.
        message: String,
        /// What sort of failure it was.
        kind: gantry_monitor::protocol::FailureKind,
        /// Whether the command in the request is to blame, and not the machine.
        callers_fault: bool,
    },
    /// A further process could not be executed in a container.
    #[error("OCI runtime exec failed: exec failed: unable to start container process: {message}")]
    CannotExec {
        /// The runtime's reason.
        message: String,
        /// What sort of failure it was.
        kind: gantry_monitor::protocol::FailureKind,
    },
    /// The monitor of a container does not answer.
    #[error("the monitor of container {id} does not answer: {reason}; see {log}")]
    MonitorLost {
        /// The container.
        id: String,
        /// What happened on the link.
        reason: String,
        /// Where the monitor writes its last words.
        log: String,
    },
    /// An image operation failed.
    #[error(transparent)]
    Image(#[from] gantry_image::Error),
    /// A layer could not be mounted or stored.
    #[error(transparent)]
    Snapshot(#[from] gantry_snapshot::Error),
    /// A network operation failed.
    #[error("failed to set up container networking: {0}")]
    Network(#[from] gantry_network::Error),
    /// Something about networks themselves failed.
    #[error(transparent)]
    Networks(gantry_network::Error),
    /// A volume operation failed.
    #[error(transparent)]
    Volume(#[from] gantry_volume::Error),
    /// The request cannot be turned into a runtime configuration.
    #[error(transparent)]
    Spec(#[from] crate::spec::SpecError),
    /// A file of ours could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Another error, and in the course of what it happened.
    #[error("{course}: {source}")]
    Within {
        /// What was done.
        course: String,
        /// What went wrong.
        source: Box<Self>,
    },
    /// Something that should not be possible; the text says what.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The class of the error, which the API maps to a status code.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoSuchContainer(_)
            | Self::NoSuchExec(_)
            | Self::NoSuchSecret(_)
            | Self::NoSuchPath { .. }
            | Self::NoSuchNetwork(_) => Kind::NotFound,
            Self::Forbidden(_) => Kind::Forbidden,
            Self::NameInUse { .. } | Self::WrongPhase(_) | Self::SecretExists(_) => Kind::Conflict,
            Self::AlreadyThere(_) => Kind::NotModified,
            Self::InvalidName(_) | Self::AmbiguousPrefix(_) | Self::Invalid(_) | Self::Spec(_) => {
                Kind::Invalid
            }
            Self::NotSupported(_) | Self::NoLogs => Kind::NotImplemented,
            Self::CannotStart {
                callers_fault: true,
                ..
            }
            | Self::CannotExec { .. } => Kind::Invalid,
            Self::Within { source, .. } => source.kind(),
            Self::Image(e) => image(e.kind()),
            Self::Network(e) | Self::Networks(e) => network(e.kind()),
            Self::Volume(e) => volume(e.kind()),
            Self::CannotStart { .. }
            | Self::MonitorLost { .. }
            | Self::Snapshot(_)
            | Self::File { .. }
            | Self::Internal(_) => Kind::Internal,
        }
    }

    /// The same error, told in the course of something.
    pub(crate) fn within(self, course: impl Into<String>) -> Self {
        Self::Within {
            course: course.into(),
            source: Box::new(self),
        }
    }

    /// An error about one of our own files, for `map_err`.
    pub(crate) fn file(
        action: &'static str,
        path: impl AsRef<std::path::Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().display().to_string();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

fn image(kind: gantry_image::Kind) -> Kind {
    use gantry_image::Kind as K;
    match kind {
        K::NotFound => Kind::NotFound,
        K::Conflict => Kind::Conflict,
        K::Invalid => Kind::Invalid,
        K::Unauthorized => Kind::Unauthorized,
        K::Unavailable => Kind::Unavailable,
        K::Full | K::Internal => Kind::Internal,
    }
}

fn network(kind: gantry_network::Kind) -> Kind {
    use gantry_network::Kind as K;
    match kind {
        K::Invalid => Kind::Invalid,
        // Docker answers a taken port with 500 and its wording, which clients look for.
        K::Conflict | K::Unavailable | K::Internal => Kind::Internal,
        K::Forbidden => Kind::Forbidden,
        K::NotFound => Kind::NotFound,
        K::Exists => Kind::Conflict,
        K::NotBuilt => Kind::NotImplemented,
    }
}

fn volume(kind: gantry_volume::Kind) -> Kind {
    use gantry_volume::Kind as K;
    match kind {
        K::NotFound => Kind::NotFound,
        K::Conflict => Kind::Conflict,
        K::Invalid => Kind::Invalid,
        K::Internal => Kind::Internal,
    }
}
