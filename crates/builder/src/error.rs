//! Why a build fails.

use std::io;

use gantry_dockerfile::Span;

/// What sort of failure it is, for whoever maps errors to answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request or the Dockerfile is wrong.
    Invalid,
    /// What is asked for is not there.
    NotFound,
    /// A part of Docker that is not built.
    NotSupported,
    /// Something else: the machine, a registry, a step.
    Internal,
}

/// The error of a build.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Dockerfile cannot be read, with the lines around the place.
    #[error("{message}")]
    Dockerfile {
        /// What is wrong.
        message: String,
        /// Where.
        span: Option<Span>,
    },
    /// An instruction failed.
    #[error("{cause}")]
    Instruction {
        /// Where it stands.
        span: Span,
        /// Why.
        cause: Box<Error>,
    },
    /// A command ended with another code than 0.
    #[error("The command '{command}' returned a non-zero code: {code}")]
    Command {
        /// The command, as it was executed.
        command: String,
        /// Its exit code.
        code: i64,
    },
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// What is asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// A part of Docker that is not built yet; the text names it.
    #[error("{0} is not supported by this version of Gantry")]
    NotSupported(String),
    /// A source of COPY or ADD that is not there.
    #[error("failed to compute cache key: \"{0}\": not found")]
    SourceNotFound(String),
    /// A stage that this one needs has failed; the failure is told there.
    #[error("{0}")]
    Stage(std::sync::Arc<Error>),
    /// The engine could not do its part.
    #[error(transparent)]
    Engine(#[from] gantry_engine::Error),
    /// The image store could not do its part.
    #[error(transparent)]
    Image(#[from] gantry_image::Error),
    /// A root could not be mounted.
    #[error(transparent)]
    Snapshot(#[from] gantry_snapshot::Error),
    /// The disk is full.
    #[error("{0} (`docker builder prune` and `docker image prune` make room)")]
    Full(Box<Error>),
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The side that asked for the build could not do its part.
    #[error("{0}")]
    Asker(String),
    /// A thread of ours ended in a way that it must not.
    #[error("the build was cut off: {0}")]
    CutOff(String),
}

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Dockerfile { .. } | Self::Invalid(_) => Kind::Invalid,
            Self::NotFound(_) => Kind::NotFound,
            Self::NotSupported(_) => Kind::NotSupported,
            Self::Instruction { cause, .. } => cause.kind(),
            Self::Stage(cause) => cause.kind(),
            Self::Full(cause) => cause.kind(),
            _ => Kind::Internal,
        }
    }

    /// The exit code of the command that failed, if that is why.
    pub fn exit_code(&self) -> Option<i64> {
        match self {
            Self::Command { code, .. } => Some(*code),
            Self::Instruction { cause, .. } => cause.exit_code(),
            Self::Stage(cause) => cause.exit_code(),
            _ => None,
        }
    }

    /// The sentence that clients and scripts know of BuildKit, where Docker's classic builder has another one.
    pub fn in_buildkits_words(&self) -> String {
        match self {
            Self::Command { command, code } => {
                format!("process {command:?} did not complete successfully: exit code: {code}")
            }
            Self::Instruction { cause, .. } => cause.in_buildkits_words(),
            Self::Stage(cause) => cause.in_buildkits_words(),
            other => other.to_string(),
        }
    }

    /// The place in the Dockerfile that is to blame.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Dockerfile { span, .. } => *span,
            Self::Instruction { span, .. } => Some(*span),
            Self::Stage(cause) => cause.span(),
            _ => None,
        }
    }

    /// The same error, with the place of its instruction.
    pub(crate) fn at(self, span: Span) -> Self {
        match self {
            told @ (Self::Dockerfile { .. } | Self::Instruction { .. } | Self::Stage(_)) => told,
            other => Self::Instruction {
                span,
                cause: Box::new(other.with_way_out()),
            },
        }
    }

    /// The same error; that of a full disk says how to make room.
    #[must_use]
    pub fn with_way_out(self) -> Self {
        if self.is_full() {
            Self::Full(Box::new(self))
        } else {
            self
        }
    }

    /// Whether there was no room on the disk. Many hands wrap that error, some of them as text.
    fn is_full(&self) -> bool {
        !matches!(self, Self::Command { .. })
            && self.to_string().contains("No space left on device")
    }

    /// Wraps an operating system's error with what was tried on which file.
    pub(crate) fn file<E: Into<io::Error>>(
        action: &'static str,
        path: impl AsRef<std::path::Path>,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::File {
            action,
            path: path.as_ref().display().to_string(),
            source: source.into(),
        }
    }
}

impl From<gantry_dockerfile::Error> for Error {
    fn from(error: gantry_dockerfile::Error) -> Self {
        Self::Dockerfile {
            message: error.to_string(),
            span: error.span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_the_way_out() {
        let full = |kind: i32| Error::File {
            action: "write",
            path: "x".to_owned(),
            source: io::Error::from_raw_os_error(kind),
        };
        let told = |error: Error| error.with_way_out().in_buildkits_words();
        assert!(told(full(28)).contains("builder prune"));
        assert!(!told(full(2)).contains("builder prune"));
    }
}
