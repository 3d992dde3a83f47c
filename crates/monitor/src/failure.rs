//! Other crates' errors as answers to the daemon.

use std::fmt::Display;

use crate::protocol::{Failure, FailureKind};

impl Failure {
    pub(crate) fn invalid(message: impl Display) -> Self {
        Self {
            kind: FailureKind::Invalid,
            message: message.to_string(),
        }
    }

    pub(crate) fn wrong_state(message: impl Display) -> Self {
        Self {
            kind: FailureKind::WrongState,
            message: message.to_string(),
        }
    }

    pub(crate) fn no_such_exec(id: &str) -> Self {
        Self {
            kind: FailureKind::NoSuchExec,
            message: format!("no such exec: {id}"),
        }
    }

    /// Something that the kernel refused: `what` names the step.
    pub(crate) fn internal(what: impl Display, error: impl Display) -> Self {
        Self {
            kind: FailureKind::Internal,
            message: format!("{what}: {error}"),
        }
    }
}

impl From<gantry_runtime::Error> for Failure {
    fn from(error: gantry_runtime::Error) -> Self {
        use gantry_runtime::Kind;
        let kind = match error.kind() {
            Kind::CommandNotFound => FailureKind::CommandNotFound,
            Kind::CommandNotExecutable => FailureKind::CommandNotExecutable,
            Kind::Invalid | Kind::Unsupported => FailureKind::Invalid,
            Kind::NotRunning => FailureKind::WrongState,
            Kind::Internal => FailureKind::Internal,
        };
        Self {
            kind,
            message: error.to_string(),
        }
    }
}

impl From<gantry_cgroups::Error> for Failure {
    fn from(error: gantry_cgroups::Error) -> Self {
        let kind = match error.kind() {
            gantry_cgroups::Kind::Invalid => FailureKind::Invalid,
            _ => FailureKind::Internal,
        };
        Self {
            kind,
            message: error.to_string(),
        }
    }
}
