//! What happens when a container's process ends, however it ends.

use std::sync::Arc;
use std::time::Duration;

use gantry_monitor::protocol::{EXIT_FILE, Event, Exit, ExitRecord, Request};
use tokio::sync::mpsc;

use super::phase::{Phase, Step};
use super::{Container, Containers, blocking, restart};
use crate::monitors::{LinkEvent, MonitorLink};
use crate::{clock, files};

/// How long we wait for a monitor to go after its container has ended; it flushes slow clients.
const MONITOR_FAREWELL: Duration = Duration::from_secs(2);

impl Containers {
    /// Listens to a monitor for as long as it lives.
    pub(crate) fn watch(
        &self,
        container: &Arc<Container>,
        link: Arc<MonitorLink>,
        mut events: mpsc::UnboundedReceiver<LinkEvent>,
    ) {
        let (service, container) = (self.clone(), Arc::clone(container));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    LinkEvent::Event(Event::Exited(exit)) => {
                        service.ended(&container, &link, &mut events, exit).await;
                        return;
                    }
                    LinkEvent::Event(event) => service.noticed(&container, event),
                    LinkEvent::Closed => break,
                }
            }
            service.monitor_died(&container).await;
        });
    }

    fn noticed(&self, container: &Arc<Container>, event: Event) {
        match event {
            Event::LogRotated => crate::logging::keep_log(container),
            Event::OutOfMemory => {
                container.record().state.oom_killed = true;
                self.announce(container, "oom", &[]);
            }
            Event::ExecExited { id, code } => {
                self.execs.ended(&id, code);
                let more = [("execID", id), ("exitCode", code.to_string())];
                self.announce(container, "exec_die", &more);
            }
            Event::Detached {
                by_keys: true,
                exec: None,
            } => self.announce(container, "detach", &[]),
            Event::Detached {
                by_keys: true,
                exec: Some(id),
            } => {
                self.announce(container, "exec_detach", &[("execID", id)]);
            }
            Event::Detached { .. } | Event::Exited(_) => {}
        }
    }

    /// The ordinary end: the monitor reported it.
    async fn ended(
        &self,
        container: &Arc<Container>,
        link: &MonitorLink,
        events: &mut mpsc::UnboundedReceiver<LinkEvent>,
        exit: Exit,
    ) {
        let _operation = container.operation.lock().await;
        let farewell = async {
            let _ = link.call(Request::ExitSeen, &[]).await;
            while !matches!(events.recv().await, Some(LinkEvent::Closed) | None) {}
        };
        let (_, ()) = tokio::join!(
            tokio::time::timeout(MONITOR_FAREWELL, farewell),
            self.take_down_network(container)
        );
        self.record_exit(container, &exit);
    }

    /// The monitor is gone without a word: its record tells, or else the container is ended by
    /// force, since nobody could reap it, log for it or reach it any more.
    async fn monitor_died(&self, container: &Arc<Container>) {
        let _operation = container.operation.lock().await;
        if !container.phase().is_live() {
            return;
        }
        let exit = match read_exit(container) {
            Some(exit) => exit,
            None => {
                tracing::error!(container = %container.id, "its monitor died; ending the container");
                self.end_by_force(container).await;
                Exit {
                    code: 137,
                    signal: Some(9),
                    oom_killed: false,
                    finished_at: now(),
                }
            }
        };
        self.take_down_network(container).await;
        self.record_exit(container, &exit);
    }

    /// Kills what is left in a container's cgroup and removes that.
    pub(crate) async fn end_by_force(&self, container: &Arc<Container>) {
        self.end_cgroup(self.cgroup_path(container)).await;
    }

    /// The same by the cgroup's path.
    pub(crate) async fn end_cgroup(&self, path: String) {
        let service = self.clone();
        let done = blocking(move || {
            let Ok(cgroup) = service.cgroups.open(&path) else {
                return Ok(());
            };
            // What is frozen dies only when it goes on.
            let ended = cgroup
                .kill()
                .and_then(|()| cgroup.thaw())
                .and_then(|()| cgroup.remove());
            if let Err(e) = ended {
                tracing::warn!("cannot end the cgroup {path}: {e}");
            }
            Ok(())
        });
        let _ = done.await;
    }

    async fn take_down_network(&self, container: &Container) {
        self.names.end(&container.id);
        let endpoints = std::mem::take(&mut container.record().state.endpoints);
        if endpoints.is_empty() {
            return;
        }
        let networks = Arc::clone(&self.networks);
        let done = blocking(move || {
            for endpoint in &endpoints {
                networks.disconnect(endpoint)?;
            }
            Ok(())
        });
        if let Err(e) = done.await {
            tracing::warn!(container = %container.id, "cannot take down its network: {e}");
        }
        self.open_links().await;
    }

    /// Writes the end down, tells everybody and decides what comes next.
    pub(crate) fn record_exit(&self, container: &Arc<Container>, exit: &Exit) {
        container.set_link(None);
        Self::stop_health_checks(container);
        self.execs.container_ended(&container.id);
        let delay = restart::delay_after(&container.record(), exit.code);
        {
            let mut record = container.record();
            let step = if delay.is_some() {
                Step::ExitedToRestart
            } else {
                Step::Exited
            };
            let state = &mut record.state;
            state.phase = state.phase.after(step).unwrap_or(Phase::Exited);
            state.pid = 0;
            state.exit_code = exit.code;
            state.oom_killed = exit.oom_killed;
            state.finished_at = exit.finished_at as i64;
            state.endpoints.clear();
            state.restart_backoff = restart::backoff_after(state);
            state.restart_count += u32::from(delay.is_some());
        }
        container.save_state();
        self.announce_networks(container, "disconnect");
        self.unmount_volumes(container);
        self.announce(container, "die", &death(container, exit));
        let auto_remove = container.record().host_config.auto_remove;
        container.report(|p| {
            p.exits += 1;
            p.exit_code = exit.code;
            p.live = false;
            p.restarting = delay.is_some();
        });
        match delay {
            Some(delay) => self.restart_later(container, delay),
            None if auto_remove => self.remove_in_background(container),
            None => {}
        }
    }
}

fn death(container: &Container, exit: &Exit) -> [(&'static str, String); 2] {
    let started = container.record().state.started_at;
    let seconds = (exit.finished_at as i64 - started).max(0) / 1_000_000_000;
    [
        ("exitCode", exit.code.to_string()),
        ("execDuration", seconds.to_string()),
    ]
}

/// What a monitor left that ended while no daemon listened.
pub(crate) fn read_exit(container: &Container) -> Option<Exit> {
    match files::read_json::<ExitRecord>(&container.run_dir.join(EXIT_FILE)) {
        Ok(record) => record.map(|r| r.exit),
        Err(e) => {
            tracing::warn!(container = %container.id, "{e}");
            None
        }
    }
}

fn now() -> u64 {
    clock::now_nanos() as u64
}
