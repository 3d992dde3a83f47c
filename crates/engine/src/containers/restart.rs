//! Restart policies and the `restart` command.

use std::sync::Arc;
use std::time::Duration;

use gantry_api_types::{ContainerConfig, HostConfig, RestartPolicy};

use super::phase::Phase;
use super::record::{Record, State};
use super::start::Starter;
use super::{Container, Containers};
use crate::Error;
use crate::health::{Check, Status};

/// The first pause before an automatic restart; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A run of this length counts as a success: the pause starts anew.
const GOOD_RUN_NANOS: i64 = 10_000_000_000;

/// How long to wait before the policy starts the container again; `None` when it does not.
pub(crate) fn delay_after(record: &Record, exit_code: i32) -> Option<Duration> {
    delay(&record.host_config.restart_policy, &record.state, exit_code)
}

fn delay(policy: &RestartPolicy, state: &State, exit_code: i32) -> Option<Duration> {
    if state.stopped_by_hand {
        return None;
    }
    let may_again = |limit: i64| limit <= 0 || i64::from(state.restart_count) < limit;
    let wanted = match policy.name.as_str() {
        "always" | "unless-stopped" => true,
        "on-failure" => exit_code != 0 && may_again(policy.maximum_retry_count),
        "on-unhealthy" => {
            (exit_code != 0 || state.ended_for_health) && may_again(policy.maximum_retry_count)
        }
        _ => false,
    };
    let doublings = if was_good(state) {
        0
    } else {
        state.restart_backoff.min(16)
    };
    wanted.then(|| (FIRST_DELAY * (1 << doublings)).min(LONGEST_DELAY))
}

/// How often the pause will have doubled at the next restart after this one.
pub(crate) fn backoff_after(state: &State) -> u32 {
    if was_good(state) {
        1
    } else {
        state.restart_backoff.saturating_add(1).min(16)
    }
}

fn was_good(state: &State) -> bool {
    is_good(state, crate::clock::now_nanos())
}

/// Whether a run that ends now was one. Of a clock that was set back meanwhile nothing is believed.
fn is_good(state: &State, now: i64) -> bool {
    now.saturating_sub(state.started_at) >= GOOD_RUN_NANOS
}

/// Our policy `on-unhealthy` has no meaning without a health check.
pub(crate) fn needs_a_check(config: &ContainerConfig, host: &HostConfig) -> Result<(), Error> {
    if host.restart_policy.name == "on-unhealthy" && Check::of(config).is_none() {
        return Err(Error::Invalid(
            "invalid restart policy: 'on-unhealthy' needs a health check, and neither the \
             container (--health-cmd) nor its image has one"
                .to_owned(),
        ));
    }
    Ok(())
}

impl Containers {
    /// Stops the container if it runs, and starts it.
    pub async fn restart(
        &self,
        id: &str,
        timeout: Option<i64>,
        signal: Option<&str>,
    ) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        match self.stop(&container.id, timeout, signal).await {
            Ok(()) | Err(Error::AlreadyThere(_)) => {}
            Err(e) => return Err(e),
        }
        self.start_container(&container, Starter::Person).await?;
        self.announce(&container, "restart", &[]);
        Ok(())
    }

    /// Starts the container after a pause, unless somebody did something else with it meanwhile.
    pub(crate) fn restart_later(&self, container: &Arc<Container>, delay: Duration) {
        let (service, container) = (self.clone(), Arc::clone(container));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if container.phase() != Phase::Restarting {
                return;
            }
            if let Err(e) = service.start_container(&container, Starter::Policy).await {
                tracing::warn!(container = %container.id, "its restart policy cannot start it: {e}");
                service.retry_failed_start(&container);
            }
        });
    }

    /// A start by the policy that failed counts as an exit: the policy decides again.
    fn retry_failed_start(&self, container: &Arc<Container>) {
        let delay = {
            let mut record = container.record();
            let delay = delay_after(&record, record.state.exit_code);
            if delay.is_some() && record.state.phase == Phase::Exited {
                record.state.phase = Phase::Restarting;
                record.state.restart_backoff = backoff_after(&record.state);
                record.state.restart_count += 1;
            }
            delay
        };
        if let Some(delay) = delay {
            container.report(|p| p.restarting = true);
            self.restart_later(container, delay);
        }
    }

    /// Ends a container that is not healthy, so that its policy `on-unhealthy` starts it anew.
    pub(crate) fn restart_if_unhealthy(&self, container: &Arc<Container>) {
        {
            let mut record = container.record();
            let unhealthy =
                (record.state.health.as_ref()).is_some_and(|h| h.status == Status::Unhealthy);
            let meant = record.host_config.restart_policy.name == "on-unhealthy";
            // It may take its time to end, and is looked at meanwhile.
            if !meant || !unhealthy || record.state.ended_for_health {
                return;
            }
            record.state.ended_for_health = true;
            if delay_after(&record, 0).is_none() {
                record.state.ended_for_health = false;
                return;
            }
        }
        let (service, container) = (self.clone(), Arc::clone(container));
        tokio::spawn(async move {
            tracing::info!(container = %container.id, "it is unhealthy: its policy restarts it");
            if let Err(e) = service.end_politely(&container, None, None).await {
                tracing::warn!(container = %container.id, "it is unhealthy and cannot be ended: {e}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, limit: i64) -> RestartPolicy {
        RestartPolicy {
            name: name.to_owned(),
            maximum_retry_count: limit,
        }
    }

    fn just_started() -> State {
        State {
            started_at: crate::clock::now_nanos(),
            ..State::default()
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_after_a_good_run() {
        let (policy, mut state) = (policy("always", 0), just_started());
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pauses.push(delay(&policy, &state, 0).unwrap().as_millis());
            state.restart_backoff = backoff_after(&state);
        }
        assert_eq!(pauses[..4], [100, 200, 400, 800]);
        assert_eq!(pauses[11], 60_000);
        state.started_at -= GOOD_RUN_NANOS;
        assert_eq!(delay(&policy, &state, 0), Some(FIRST_DELAY));
        assert_eq!(backoff_after(&state), 1);
    }

    #[test]
    fn a_clock_that_is_set_moves_a_pause_by_one_step_at_most() {
        let year = 365 * 24 * 3_600 * 1_000_000_000_i64;
        let state = just_started();
        assert!(!is_good(&state, state.started_at - year));
        assert!(is_good(&state, state.started_at + year));
        for odd in [i64::MIN, 0, i64::MAX] {
            let odd = State {
                started_at: odd,
                restart_backoff: 3,
                ..State::default()
            };
            let pause = delay(&policy("always", 0), &odd, 0).unwrap();
            assert!(pause <= LONGEST_DELAY, "{pause:?}");
        }
    }

    #[test]
    fn each_policy_knows_when_it_is_meant() {
        let mut state = just_started();
        assert!(delay(&policy("no", 0), &state, 1).is_none());
        assert!(delay(&policy("on-failure", 2), &state, 0).is_none());
        assert!(delay(&policy("on-failure", 2), &state, 1).is_some());
        assert!(delay(&policy("on-unhealthy", 2), &state, 0).is_none());
        state.ended_for_health = true;
        assert!(delay(&policy("on-unhealthy", 2), &state, 0).is_some());
        state.restart_count = 2;
        assert!(delay(&policy("on-failure", 2), &state, 1).is_none());
        assert!(delay(&policy("on-unhealthy", 2), &state, 0).is_none());
        assert!(delay(&policy("always", 0), &state, 0).is_some());
        state.stopped_by_hand = true;
        assert!(delay(&policy("always", 0), &state, 0).is_none());
    }
}
