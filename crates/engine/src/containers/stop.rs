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
        let (own_signal, own_timeout) = {
            let record = container.record();
            (
                record.config.stop_signal.clone(),
                record.config.stop_timeout,
            )
        };
        let signal = match signal
            .filter(|s| !s.is_empty())
            .or(Some(own_signal.as_str()))
        {
            Some("") | None => SIGTERM,
            Some(name) => signal_number(name)?,
        };
        container.record().state.stopped_by_hand = true;
        if container.cancel_restart() {
            container.save_state();
            return Ok(());
        }
        if !container.phase().is_live() {
            return Err(Error::AlreadyThere(container.id.clone()));
        }
        if container.phase() == Phase::Paused {
            self.unpause(&container.id).await?;
        }
        self.send_signal(&container, signal).await?;
        self.announce(&container, "kill", &[("signal", signal.to_string())]);
        let grace = timeout.or(own_timeout).unwrap_or(DEFAULT_GRACE);
        if !self.ends_within(&container, seconds(grace)).await {
            self.send_signal(&container, SIGKILL).await?;
            self.announce(&container, "kill", &[("signal", SIGKILL.to_string())]);
            self.must_end(&container).await?;
        }
        self.announce(&container, "stop", &[]);
        Ok(())
    }

    /// Sends a signal; SIGKILL returns when the container has ended.
    pub async fn kill(&self, id: &str, signal: Option<&str>) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        let number = match signal.filter(|s| !s.is_empty()) {
            Some(name) => signal_number(name)?,
            None => SIGKILL,
        };
        if !container.phase().is_live() {
            return Err(Error::WrongPhase(format!(
                "cannot kill container: {id}: container {} is not running",
                container.id
            )));
        }
        let own = container.record().config.stop_signal.clone();
        let own = if own.is_empty() {
            SIGTERM
        } else {
            signal_number(&own)?
        };
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

/// A signal by name (`TERM`, `SIGTERM`, `RTMIN+3`) or number.
pub(crate) fn signal_number(text: &str) -> Result<i32, Error> {
    let signal: gantry_units::Signal = text
        .parse()
        .map_err(|e: gantry_units::Error| Error::Invalid(e.to_string()))?;
    Ok(signal.number())
}
