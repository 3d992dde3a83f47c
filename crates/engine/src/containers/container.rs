//! One container in memory: its record, its monitor and those who wait for it.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use gantry_monitor::protocol::Attach;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::phase::{Phase, Step};
use super::record::Record;
use crate::Error;
use crate::files::{self, Durability};
use crate::monitors::MonitorLink;

/// A container that the daemon knows.
#[derive(Debug)]
pub(crate) struct Container {
    /// 64 hex digits.
    pub id: String,
    /// `<data>/containers/<id>`.
    pub state_dir: PathBuf,
    /// `<run>/containers/<id>`.
    pub run_dir: PathBuf,
    record: Mutex<Record>,
    link: Mutex<Option<Arc<MonitorLink>>>,
    /// Clients that attached before the start.
    waiting_clients: Mutex<Vec<(Attach, OwnedFd)>>,
    /// What the next start takes.
    pub(super) lent: Mutex<super::Lent>,
    progress: watch::Sender<Progress>,
    health_task: Mutex<Option<AbortHandle>>,
    /// Held by whatever changes the phase in several steps: start, the handling of an exit, removal.
    pub operation: tokio::sync::Mutex<()>,
    /// Held by whoever compresses or removes the log's older files.
    pub log_keeping: tokio::sync::Mutex<()>,
    /// Shared by those who look at the root from outside, held alone by a start: the kernel leaves
    /// undefined what two mounts of one writable layer do.
    pub root: Arc<tokio::sync::RwLock<()>>,
    /// How the root is looked at from outside, while somebody does.
    pub view: tokio::sync::Mutex<Weak<crate::archive::View>>,
}

/// What those who wait for a container look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many runs have ended.
    pub exits: u64,
    /// Exit code of the last run.
    pub exit_code: i32,
    /// Whether a run goes on.
    pub live: bool,
    /// Whether none goes on, but the restart policy will begin one.
    pub restarting: bool,
    /// Whether the container is gone.
    pub removed: bool,
}

impl Container {
    pub(crate) fn new(record: Record, state_dir: PathBuf, run_dir: PathBuf) -> Self {
        let progress = Progress {
            exit_code: record.state.exit_code,
            live: record.state.phase.is_live(),
            restarting: record.state.phase == Phase::Restarting,
            ..Progress::default()
        };
        Self {
            id: record.id.clone(),
            state_dir,
            run_dir,
            record: Mutex::new(record),
            link: Mutex::new(None),
            waiting_clients: Mutex::default(),
            lent: Mutex::default(),
            progress: watch::Sender::new(progress),
            health_task: Mutex::default(),
            operation: tokio::sync::Mutex::default(),
            log_keeping: tokio::sync::Mutex::default(),
            root: Arc::default(),
            view: tokio::sync::Mutex::default(),
        }
    }

    /// The record, for a moment: never held across an await.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phase now.
    pub(crate) fn phase(&self) -> Phase {
        self.record().state.phase
    }

    /// The name now.
    pub(crate) fn name(&self) -> String {
        self.record().name.clone()
    }

    /// Takes one step in its life, or gives back the phase that forbids it.
    pub(crate) fn step(&self, step: Step) -> Result<Phase, Phase> {
        let mut record = self.record();
        let now = record.state.phase;
        let next = now.after(step).ok_or(now)?;
        if next == Phase::Starting {
            record.state.before_start = now;
        }
        record.state.phase = next;
        Ok(next)
    }

    /// Calls off an announced restart; `false` when none was announced.
    pub(crate) fn cancel_restart(&self) -> bool {
        let cancelled = self.step(Step::RestartCancelled).is_ok();
        if cancelled {
            self.report(|p| p.restarting = false);
        }
        cancelled
    }

    /// Writes the record.
    pub(crate) fn save(&self, durability: Durability) -> Result<(), Error> {
        let record = self.record().clone();
        files::write_json(&self.state_dir.join("container.json"), &record, durability)
    }

    /// Writes the record where a failure is not the caller's business: the state can be found out
    /// again, so it is only logged.
    pub(crate) fn save_state(&self) {
        if let Err(e) = self.save(Durability::Crash) {
            tracing::error!(container = %self.id, "{e}");
        }
    }

    /// The monitor, if one is connected.
    pub(crate) fn link(&self) -> Option<Arc<MonitorLink>> {
        self.link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The monitor of a container that must be live for what is asked.
    pub(crate) fn live_link(&self) -> Result<Arc<MonitorLink>, Error> {
        if !self.phase().is_live() {
            return Err(Error::WrongPhase(format!(
                "container {} is not running",
                self.id
            )));
        }
        self.link()
            .ok_or_else(|| self.monitor_lost("it is not connected"))
    }

    pub(crate) fn set_link(&self, link: Option<Arc<MonitorLink>>) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }

    pub(crate) fn monitor_lost(&self, reason: impl ToString) -> Error {
        Error::MonitorLost {
            id: self.id.clone(),
            reason: reason.to_string(),
            log: self.monitor_log().display().to_string(),
        }
    }

    /// Where the monitor's own messages go.
    pub(crate) fn monitor_log(&self) -> PathBuf {
        self.run_dir.join("monitor.log")
    }

    /// The current log file of the json-file driver.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.state_dir.join(format!("{}-json.log", self.id))
    }

    /// Puts another task in charge of the health checks; the one before ends.
    pub(crate) fn set_health_task(&self, task: Option<AbortHandle>) {
        let before = std::mem::replace(
            &mut *self
                .health_task
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            task,
        );
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Keeps a client that attached before the start.
    pub(crate) fn keep_client(&self, attach: Attach, stream: OwnedFd) {
        self.waiting_clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((attach, stream));
    }

    /// The clients that attached before the start; they are handed out once.
    pub(crate) fn take_clients(&self) -> Vec<(Attach, OwnedFd)> {
        std::mem::take(
            &mut self
                .waiting_clients
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// What there is to wait for.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Tells those who wait.
    pub(crate) fn report(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }
}
