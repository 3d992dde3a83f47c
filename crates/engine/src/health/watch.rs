//! The checks of one container, for as long as it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Check, Health, Status};
use crate::clock;
use crate::containers::{Container, Containers};

impl Containers {
    /// Begins to check a container that was just started.
    pub(crate) fn begin_health_checks(&self, container: &Arc<Container>) {
        let check = Check::of(&container.record().config);
        {
            let state = &mut container.record().state;
            let before = state.health.take();
            state.health = check.is_some().then(|| Health::starting(before));
        }
        self.go_on_checking_health(container);
    }

    /// Checks a container that runs, without forgetting what was found before: after a pause, or
    /// when it was taken over from an earlier daemon.
    pub(crate) fn go_on_checking_health(&self, container: &Arc<Container>) {
        let Some(check) = Check::of(&container.record().config) else {
            return;
        };
        container
            .record()
            .state
            .health
            .get_or_insert_with(|| Health::starting(None));
        let (service, subject) = (self.clone(), Arc::clone(container));
        let task =
            tokio::spawn(async move { service.check_again_and_again(&subject, &check).await });
        container.set_health_task(Some(task.abort_handle()));
    }

    /// Stops checking; nobody knows a container to be healthy that is not looked at.
    pub(crate) fn stop_health_checks(container: &Container) {
        container.set_health_task(None);
        if let Some(health) = &mut container.record().state.health {
            health.status = Status::Unhealthy;
        }
    }

    async fn check_again_and_again(&self, container: &Arc<Container>, check: &Check) {
        let started = monotonic(container.record().state.started_at);
        // What an earlier daemon began goes on in its rhythm.
        let mut last = container.record().state.health.as_ref().and_then(|health| {
            let last = health.log.back().map(|outcome| monotonic(outcome.end));
            last.filter(|last| *last > started)
        });
        loop {
            let status = container.record().state.health.as_ref().map(|h| h.status);
            let pause = pause(check, started.elapsed(), status);
            tokio::time::sleep_until(last.take().unwrap_or_else(Instant::now) + pause).await;
            let outcome = self.probe(container, check).await;
            self.take_outcome(container, check, outcome, started.elapsed());
        }
    }

    fn take_outcome(
        &self,
        container: &Arc<Container>,
        check: &Check,
        outcome: super::state::Outcome,
        since: Duration,
    ) {
        let (changed, told, status) = {
            let mut record = container.record();
            if !record.state.phase.is_live() {
                return;
            }
            let Some(health) = &mut record.state.health else {
                return;
            };
            let streak = health.failing_streak;
            let changed = health.take(outcome, check, since);
            (
                changed,
                changed || streak != health.failing_streak,
                health.status,
            )
        };
        if told {
            container.save_state();
        }
        if changed {
            self.announce(container, &format!("health_status: {}", status.word()), &[]);
        }
        if status == Status::Unhealthy {
            self.restart_if_unhealthy(container);
        }
    }
}

/// How long to wait until the next check; it comes no later than the end of the start period.
fn pause(check: &Check, since_start: Duration, status: Option<Status>) -> Duration {
    let left = check.start_period.saturating_sub(since_start);
    if left.is_zero() || status != Some(Status::Starting) {
        return check.interval;
    }
    check.start_interval.min(left.max(Duration::from_millis(1)))
}

/// A moment of the wall clock on the one that nobody sets.
fn monotonic(nanos: i64) -> Instant {
    before(Instant::now(), clock::now_nanos().saturating_sub(nanos))
}

/// So long before; a clock that was set may make that negative, or longer than the machine runs.
fn before(now: Instant, nanos: i64) -> Instant {
    let ago = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
    now.checked_sub(ago).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_gives_no_moment_to_come() {
        let now = Instant::now();
        for nanos in [i64::MIN, -1, 0, 1_000, i64::MAX] {
            assert!(before(now, nanos) <= now, "{nanos}");
        }
    }

    #[test]
    fn checks_are_closer_together_while_it_starts() {
        let check = Check {
            command: vec!["true".into()],
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            start_period: Duration::from_secs(12),
            start_interval: Duration::from_secs(5),
            retries: 3,
        };
        let at =
            |seconds, status| pause(&check, Duration::from_secs(seconds), Some(status)).as_secs();
        assert_eq!(at(0, Status::Starting), 5);
        assert_eq!(at(10, Status::Starting), 2);
        assert_eq!(at(12, Status::Starting), 30);
        assert_eq!(at(0, Status::Healthy), 30);
    }
}
