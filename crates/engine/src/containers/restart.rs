//! Restart policies and the `restart` command.

use std::sync::Arc;
use std::time::Duration;

use super::phase::Phase;
use super::record::Record;
use super::start::Starter;
use super::{Container, Containers};
use crate::Error;

/// The first pause before an automatic restart; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A run of this length counts as a success: the pause starts anew.
const GOOD_RUN_NANOS: i64 = 10_000_000_000;

/// How long to wait before the policy starts the container again; `None` when it does not.
pub(crate) fn delay_after(record: &Record, exit_code: i32) -> Option<Duration> {
    let (policy, state) = (&record.host_config.restart_policy, &record.state);
    if state.stopped_by_hand {
        return None;
    }
    let wanted = match policy.name.as_str() {
        "always" | "unless-stopped" => true,
        "on-failure" => {
            let limit = policy.maximum_retry_count;
            exit_code != 0 && (limit <= 0 || i64::from(state.restart_count) < limit)
        }
        _ => false,
    };
    let long = crate::clock::now_nanos() - state.started_at >= GOOD_RUN_NANOS;
    let doublings = if long { 0 } else { state.restart_count.min(16) };
    wanted.then(|| (FIRST_DELAY * (1 << doublings)).min(LONGEST_DELAY))
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
            container.record().state.restart_count += 1;
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
            }
            delay
        };
        if let Some(delay) = delay {
            self.restart_later(container, delay);
        }
    }
}
