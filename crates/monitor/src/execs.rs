//! The exec processes of a container.

use std::collections::VecDeque;
use std::time::Instant;

use gantry_runtime::Pid;
use rustix::process::WaitStatus;

use crate::process::Process;
use crate::protocol::{Event, ExecStatus, Failure};
use crate::session::{Session, Shared};

/// How many ended execs are remembered for a daemon that was away.
const REMEMBERED: usize = 64;

/// Those that run, and the last of those that have ended.
#[derive(Debug, Default)]
pub(crate) struct Execs {
    running: Vec<(String, Process)>,
    /// Ended, but with clients that have not taken all yet.
    parting: Vec<Session>,
    ended: VecDeque<ExecStatus>,
}

impl Execs {
    pub(crate) fn add(&mut self, id: String, process: Process) {
        self.running.push((id, process));
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Result<&mut Process, Failure> {
        let found = self.running.iter_mut().find(|(name, _)| name == id);
        found
            .map(|(_, process)| process)
            .ok_or_else(|| Failure::no_such_exec(id))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty() && self.parting.is_empty()
    }

    pub(crate) fn sessions(&mut self) -> impl Iterator<Item = &mut Session> {
        self.running
            .iter_mut()
            .map(|(_, p)| &mut p.session)
            .chain(&mut self.parting)
    }

    /// When something is to be done if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let running = self
            .running
            .iter()
            .filter_map(|(_, process)| process.deadline());
        running
            .chain(self.parting.iter().filter_map(Session::deadline))
            .min()
    }

    /// A child was reaped: perhaps one of these.
    pub(crate) fn reaped(&mut self, pid: Pid, status: WaitStatus, shared: &mut Shared) {
        if let Some((_, process)) = self.running.iter_mut().find(|(_, p)| p.pid == pid) {
            process.reaped(status, shared);
        }
    }

    /// Reports those that are over. Their clients are let go by [`Execs::part`], after the daemon
    /// was told: a client that asks for the exit code when its stream has ended must get it.
    pub(crate) fn settle(&mut self, shared: &mut Shared) {
        for (id, mut process) in self.running.extract_if(.., |(_, p)| p.is_over()) {
            let Some(ended) = process.ended else { continue };
            process.session.finish();
            self.parting.push(process.session);
            if self.ended.len() == REMEMBERED {
                self.ended.pop_front();
            }
            let pid = process.pid.as_raw_nonzero().get() as u32;
            self.ended.push_back(ExecStatus {
                id: id.clone(),
                pid,
                code: Some(ended.code),
            });
            shared.events.push(Event::ExecExited {
                id,
                code: ended.code,
            });
        }
    }

    /// Lets the clients of ended execs go.
    pub(crate) fn part(&mut self) {
        for session in &mut self.parting {
            session.close_clients();
        }
        self.parting.retain(Session::has_clients);
    }

    pub(crate) fn status(&self) -> Vec<ExecStatus> {
        let running = self.running.iter().map(|(id, process)| ExecStatus {
            id: id.clone(),
            pid: process.pid.as_raw_nonzero().get() as u32,
            code: None,
        });
        self.ended.iter().cloned().chain(running).collect()
    }
}
