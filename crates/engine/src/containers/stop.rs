//! `stop` and `kill`.

use std::sync::Arc;
use std::time::Duration;

use gantry_monitor::protocol::{Reply, Request};

use super::phase::Phase;
use super::{Container, Containers};
use crate::Error;

/// Seconds between the polite signal and SIGKILL when nobody says otherwise.
const DEFAULT_GRACE: i64 = 10;
/// How long a container may take to die of SIGKILL before we say that it does not.
const KILL_GRACE: Duration = Duration::from_secs(10);
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

impl Containers {
    /// Asks the process to end, and ends it when it does not within `timeout` seconds.
    ///
    /// `None` takes the container's own time-out or 10 s; -1 waits for ever.
    pub async fn stop(
        &self,
        id: &str,
        timeout: Option<i64>,
        signal: Option<&str>,
    ) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        if container.phase() == Phase::Starting {
            // It will run in a moment, or not at all.
            drop(container.operation.lock().await);
        }
        let signal = own_signal(&container, signal)
            .map_err(|e| e.within(format!("cannot stop container: {id}")))?;
        if container.phase().is_live() || container.phase() == Phase::Restarting {
            container.record().state.stopped_by_hand = true;
            // So that a daemon after ours knows it, too, whatever happens from here on.
            container.save_state();
        }
        if container.cancel_restart() {
            container.save_state();
            return Ok(());
        }
        self.end_politely(&container, timeout, Some(signal)).await?;
        self.announce(&container, "stop", &[]);
        Ok(())
    }

    /// Sends the signal that asks the process to end, and SIGKILL when the time is over.
    pub(crate) async fn end_politely(
        &self,
        container: &Arc<Container>,
        timeout: Option<i64>,
        signal: Option<i32>,
    ) -> Result<(), Error> {
        if !container.phase().is_live() {
            return Err(Error::AlreadyThere(container.id.clone()));
        }
        let signal = signal.map_or_else(|| own_signal(container, None), Ok)?;
        let own_timeout = container.record().config.stop_timeout;
        if container.phase() == Phase::Paused {
            self.unpause(&container.id).await?;
        }
        self.send_signal(container, signal).await?;
        self.announce(container, "kill", &[("signal", signal.to_string())]);
        let grace = timeout.or(own_timeout).unwrap_or(DEFAULT_GRACE);
        if !self.ends_within(container, seconds(grace)).await {
            self.send_signal(container, SIGKILL).await?;
            self.announce(container, "kill", &[("signal", SIGKILL.to_string())]);
            self.must_end(container).await?;
        }
        Ok(())
    }

    /// Sends a signal; SIGKILL returns when the container has ended.
    pub async fn kill(&self, id: &str, signal: Option<&str>) -> Result<(), Error> {
        self.try_kill(id, signal)
            .await
            .map_err(|e| e.within(format!("cannot kill container: {id}")))
    }

    async fn try_kill(&self, id: &str, signal: Option<&str>) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        let number = match signal.filter(|s| !s.is_empty()) {
            Some(name) => signal_number(name)?,
            None => SIGKILL,
        };
        if !container.phase().is_live() {
            return Err(Error::WrongPhase(format!(
                "container {} is not running",
                container.id
            )));
        }
        let own = own_signal(&container, None)?;
        if number == SIGKILL || number == own {
            container.record().state.stopped_by_hand = true;
        }
        let paused = container.phase() == Phase::Paused;
        self.send_signal(&container, number).await?;
        self.announce(&container, "kill", &[("signal", number.to_string())]);
        if number == SIGKILL {
            if paused {
                // A frozen process of cgroup v1 dies only once it is thawed.
                self.thaw(&container).await?;
            }
            self.must_end(&container).await?;
        }
        Ok(())
    }

    /// Ends a live container at once, for `rm -f`.
    pub(crate) async fn end_now(&self, container: &Arc<Container>) -> Result<(), Error> {
        container.record().state.stopped_by_hand = true;
        container.cancel_restart();
        if !container.phase().is_live() {
            return Ok(());
        }
        let paused = container.phase() == Phase::Paused;
        self.announce(container, "kill", &[("signal", SIGKILL.to_string())]);
        self.send_signal(container, SIGKILL).await?;
        if paused {
            self.thaw(container).await?;
        }
        self.must_end(container).await
    }

    async fn send_signal(&self, container: &Container, signal: i32) -> Result<(), Error> {
        let Some(link) = container.link() else {
            // It has just ended; who waits for that is told so.
            return if container.phase().is_live() {
                Err(container.monitor_lost("it is not connected"))
            } else {
                Ok(())
            };
        };
        match link.call(Request::Signal { exec: None, signal }, &[]).await {
            Ok((Reply::Failed(failure), _)) if container.phase().is_live() => {
                tracing::debug!(container = %container.id, "signal {signal}: {}", failure.message);
                Ok(())
            }
            // An error: the monitor goes when its container has ended; its exit is on record then.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn must_end(&self, container: &Container) -> Result<(), Error> {
        if self.ends_within(container, Some(KILL_GRACE)).await {
            return Ok(());
        }
        Err(Error::Internal(format!(
            "container {} did not end {} s after SIGKILL: a process of it is probably stuck in the \
             kernel; see /proc/{}/stack",
            container.id,
            KILL_GRACE.as_secs(),
            container.record().state.pid
        )))
    }

    /// Waits until the container no longer runs; `false` when the time is over first.
    async fn ends_within(&self, container: &Container, time: Option<Duration>) -> bool {
        let mut progress = container.progress();
        let ended = async { progress.wait_for(|p| !p.live).await.is_ok() };
        match time {
            Some(time) => tokio::time::timeout(time, ended).await.unwrap_or(false),
            None => ended.await,
        }
    }
}

fn seconds(grace: i64) -> Option<Duration> {
    u64::try_from(grace).ok().map(Duration::from_secs)
}

/// The signal that was asked for, or the one that asks this container to end.
fn own_signal(container: &Container, asked: Option<&str>) -> Result<i32, Error> {
    let own = container.record().config.stop_signal.clone();
    match asked.filter(|name| !name.is_empty()).unwrap_or(&own) {
        "" => Ok(SIGTERM),
        name => signal_number(name),
    }
}

/// A signal by name (`TERM`, `SIGTERM`, `RTMIN+3`) or number.
pub(crate) fn signal_number(text: &str) -> Result<i32, Error> {
    let signal: gantry_units::Signal = text
        .parse()
        .map_err(|e: gantry_units::Error| Error::Invalid(e.to_string()))?;
    Ok(signal.number())
}
