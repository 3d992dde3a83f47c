//! A container's life as one enum with one transition function.

use serde::{Deserialize, Serialize};

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Made, never started.
    #[default]
    Created,
    /// Being started: no process yet that a signal could reach.
    Starting,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its process ended and the restart policy will start it again.
    Restarting,
    /// Its process ended.
    Exited,
    /// Being removed: nothing can be done with it any more.
    Removing,
    /// Its removal failed half way; only another removal is possible.
    Dead,
}

/// What happens to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Somebody asks for a start.
    BeginStart,
    /// The process was executed.
    Started,
    /// The start failed before a process was executed; the container has run before.
    StartFailed,
    /// The same, and no process of it ever ran: it stays created, as in Docker.
    FirstStartFailed,
    /// Frozen.
    Paused,
    /// Thawed.
    Unpaused,
    /// The process ended.
    Exited,
    /// The process ended and will be started again.
    ExitedToRestart,
    /// Nobody wants the announced restart any more.
    RestartCancelled,
    /// Somebody asks for its removal.
    BeginRemove,
    /// The removal failed.
    RemoveFailed,
}

impl Phase {
    /// The phase after `step`, or `None` where that step cannot be taken.
    pub(crate) fn after(self, step: Step) -> Option<Self> {
        use Phase as P;
        use Step as S;
        match (self, step) {
            (P::Created | P::Exited | P::Restarting, S::BeginStart) => Some(P::Starting),
            (P::Starting, S::Started) | (P::Paused, S::Unpaused) => Some(P::Running),
            (P::Starting, S::StartFailed) => Some(P::Exited),
            (P::Starting, S::FirstStartFailed) => Some(P::Created),
            (P::Running, S::Paused) => Some(P::Paused),
            (P::Starting | P::Running | P::Paused, S::Exited)
            | (P::Restarting, S::RestartCancelled) => Some(P::Exited),
            (P::Starting | P::Running | P::Paused, S::ExitedToRestart) => Some(P::Restarting),
            (P::Created | P::Exited | P::Dead, S::BeginRemove) => Some(P::Removing),
            (P::Removing, S::RemoveFailed) => Some(P::Dead),
            _ => None,
        }
    }

    /// Whether a process of it exists.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Whether `ps` without `-a` shows it.
    pub(crate) fn is_running_for_ps(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// Whether `container prune` removes it.
    pub(crate) fn is_prunable(self) -> bool {
        matches!(self, Self::Created | Self::Exited | Self::Dead)
    }

    /// Docker's word for it, as in `docker ps --filter status=`.
    pub(crate) fn as_docker(self) -> &'static str {
        match self {
            // Clients are shown where it was before: see `State::shown`.
            Self::Created | Self::Starting => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_from_creation_to_removal() {
        let steps = [
            (Step::BeginStart, Phase::Starting),
            (Step::Started, Phase::Running),
            (Step::Paused, Phase::Paused),
            (Step::Unpaused, Phase::Running),
            (Step::Exited, Phase::Exited),
            (Step::BeginRemove, Phase::Removing),
        ];
        let mut phase = Phase::Created;
        for (step, expected) in steps {
            phase = phase.after(step).unwrap();
            assert_eq!(phase, expected);
        }
    }

    #[test]
    fn a_running_container_is_neither_started_nor_removed() {
        assert_eq!(Phase::Running.after(Step::BeginStart), None);
        assert_eq!(Phase::Running.after(Step::BeginRemove), None);
        assert_eq!(Phase::Removing.after(Step::BeginStart), None);
    }
}
