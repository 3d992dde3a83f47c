//! A process that the monitor is the parent of, from its start to its last output.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use gantry_runtime::{Child, Pid};
use rustix::process::WaitStatus;

use crate::clock::unix_nanos;
use crate::session::{Session, Shared};

/// How long output is waited for that others than the ended process still hold open.
const LINGER: Duration = Duration::from_secs(1);

/// A child and its streams.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) session: Session,
    pub(crate) ended: Option<Ended>,
}

/// How and when a process ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// As a shell says it: 128 + signal.
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
    /// Unix time in nanoseconds.
    pub(crate) at: u64,
    linger_until: Instant,
}

impl Process {
    pub(crate) fn new(child: Child, session: Session) -> Self {
        Self {
            pid: child.pid,
            pidfd: child.pidfd,
            session,
            ended: None,
        }
    }

    /// The process was reaped: what it wrote is read at once.
    pub(crate) fn reaped(&mut self, status: WaitStatus, shared: &mut Shared) {
        let signal = status.terminating_signal();
        let code = signal.map_or_else(|| status.exit_status().unwrap_or(255), |s| 128 + s);
        let linger_until = Instant::now() + LINGER;
        self.ended = Some(Ended {
            code,
            signal,
            at: unix_nanos(),
            linger_until,
        });
        self.session.drain(shared);
    }

    /// Whether it has ended and all that it wrote is read, or was waited for long enough.
    pub(crate) fn is_over(&self) -> bool {
        self.ended
            .is_some_and(|e| self.session.outputs_ended() || e.linger_until <= Instant::now())
    }

    /// When something is to be done if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let lingering = self.ended.filter(|_| !self.session.outputs_ended());
        let ends = [lingering.map(|e| e.linger_until), self.session.deadline()];
        ends.into_iter().flatten().min()
    }
}
