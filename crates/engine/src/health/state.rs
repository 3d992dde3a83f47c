//! What health checks found.

use std::collections::VecDeque;
use std::time::Duration;

use gantry_api_types::HealthcheckResult;
use serde::{Deserialize, Serialize};

use super::Check;
use crate::clock;

/// How many results are kept.
const KEPT: usize = 5;

/// A container's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// What it comes to.
    pub status: Status,
    /// Failures since the last success.
    pub failing_streak: u32,
    /// The last results, the oldest first.
    pub log: VecDeque<Outcome>,
}

/// What the results come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// No success yet, and not enough failures.
    Starting,
    /// The last check succeeded, or not enough failed since.
    Healthy,
    /// Enough checks failed, or nobody checks.
    Unhealthy,
}

impl Status {
    /// As the API writes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Nanoseconds since 1970.
    pub start: i64,
    /// Nanoseconds since 1970.
    pub end: i64,
    /// 0 is good; -1 when it could not be run or took too long.
    pub exit_code: i32,
    /// What it said, or what was wrong.
    pub output: String,
}

impl Health {
    /// The health of a container that was just started; the log of earlier runs stays, as in Docker.
    pub(crate) fn starting(before: Option<Self>) -> Self {
        Self {
            status: Status::Starting,
            failing_streak: 0,
            log: before.map(|health| health.log).unwrap_or_default(),
        }
    }

    /// Takes a result in; `true` when the status is another one now.
    pub(crate) fn take(&mut self, outcome: Outcome, check: &Check, since_start: Duration) -> bool {
        let before = self.status;
        let forgiven = before == Status::Starting && since_start < check.start_period;
        if outcome.exit_code == 0 {
            self.failing_streak = 0;
            self.status = Status::Healthy;
        } else if !forgiven {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= check.retries {
                self.status = Status::Unhealthy;
            }
        }
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back(outcome);
        self.status != before
    }

    /// As inspect shows it.
    pub(crate) fn shown(&self) -> gantry_api_types::Health {
        let result = |outcome: &Outcome| HealthcheckResult {
            start: clock::rfc3339(outcome.start),
            end: clock::rfc3339(outcome.end),
            exit_code: i64::from(outcome.exit_code),
            output: outcome.output.clone(),
        };
        gantry_api_types::Health {
            status: self.status.word().to_owned(),
            failing_streak: i64::from(self.failing_streak),
            log: Some(self.log.iter().map(result).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_api_types::{ContainerConfig, Healthcheck};

    fn check(start_period: i64) -> Check {
        let healthcheck = Healthcheck {
            test: vec!["CMD".into(), "x".into()],
            start_period,
            retries: 2,
            ..Healthcheck::default()
        };
        Check::of(&ContainerConfig {
            healthcheck: Some(healthcheck),
            ..ContainerConfig::default()
        })
        .unwrap()
    }

    fn outcome(exit_code: i32) -> Outcome {
        Outcome {
            start: 1,
            end: 2,
            exit_code,
            output: String::new(),
        }
    }

    #[test]
    fn enough_failures_make_it_unhealthy_and_one_success_healthy() {
        let (check, late) = (check(0), Duration::from_secs(60));
        let mut health = Health::starting(None);
        assert!(!health.take(outcome(1), &check, late));
        assert_eq!(health.status, Status::Starting);
        assert!(health.take(outcome(1), &check, late));
        assert_eq!(health.status, Status::Unhealthy);
        assert!(health.take(outcome(0), &check, late));
        assert_eq!((health.status, health.failing_streak), (Status::Healthy, 0));
    }

    #[test]
    fn failures_of_the_start_period_do_not_count_until_a_success() {
        let check = check(10_000_000_000);
        let early = Duration::from_secs(1);
        let mut health = Health::starting(None);
        for _ in 0..9 {
            health.take(outcome(1), &check, early);
        }
        assert_eq!(
            (health.status, health.failing_streak),
            (Status::Starting, 0)
        );
        assert_eq!(health.log.len(), KEPT);
        health.take(outcome(0), &check, early);
        health.take(outcome(1), &check, early);
        health.take(outcome(1), &check, early);
        assert_eq!(health.status, Status::Unhealthy);
    }
}
