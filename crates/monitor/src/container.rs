//! The container of this monitor, from its creation to its end.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use gantry_cgroups::{Cgroup, OomNotifier};
use gantry_oci::{Spec, State};
use gantry_runtime::{Created, Pid, Stdio};
use rustix::process::WaitStatus;

use crate::ending;
use crate::execs::Execs;
use crate::launch::read_spec;
use crate::poll::{Poller, Watched};
use crate::process::Process;
use crate::protocol::{
    Attach, Event, Exec, Exit, ExitRecord, Failure, HeldPort, MAX_FDS, Relay, Reply, Status,
};
use crate::relay::Relays;
use crate::session::{Manner, Session, Shared};
use crate::stdio;

/// A created, running or ended container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) run_dir: PathBuf,
    pub(crate) stdin: bool,
    pub(crate) cgroup: Cgroup,
    pub(crate) memory: Option<Watched<OomNotifier>>,
    pub(crate) oom_kills: u64,
    pub(crate) kept: Kept,
    pub(crate) process: Process,
    pub(crate) execs: Execs,
    pub(crate) phase: Phase,
    pub(crate) started_at: Option<u64>,
    pub(crate) cleaned_up: bool,
    /// Whether the specification has hooks for after the start or after the end.
    pub(crate) hooks: bool,
}

/// Descriptors that are only held.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The container's root: its last reference writes out the host's file system when it goes
    /// (overlayfs), which must not hold up the container's own end.
    pub(crate) _root: Option<OwnedFd>,
    /// Sockets that reserve published ports.
    pub(crate) reserved: Vec<OwnedFd>,
    /// Mounts of the image's layers.
    pub(crate) layers: Vec<OwnedFd>,
    /// What is passed on of what comes to those sockets.
    pub(crate) relays: Relays,
}

/// How far a container has come.
#[derive(Debug)]
pub(crate) enum Phase {
    /// It waits to be started; the terminal's size may have been set meanwhile.
    Created(Box<Created>, Option<(u16, u16)>),
    /// It was started; its first process may be gone while output is still read.
    Started,
    /// Starting it has failed, or it has ended.
    Over(Option<Exit>),
}

impl Container {
    /// Executes the container's program.
    pub(crate) fn start(&mut self, shared: &mut Shared) -> Result<Reply, Failure> {
        let (created, size) = match std::mem::replace(&mut self.phase, Phase::Over(None)) {
            Phase::Created(created, size) => (created, size),
            other => {
                self.phase = other;
                return Err(Failure::wrong_state("the container was started before"));
            }
        };
        let mut running = created.start()?;
        let started_at = crate::clock::unix_nanos();
        self.started_at = Some(started_at);
        let session = &mut self.process.session;
        stdio::connect_terminal(session, shared, &mut running, self.stdin)
            .map_err(|e| Failure::internal("connect to the container's terminal", e))?;
        if let Some((rows, columns)) = size {
            // A size that cannot be set is no reason not to run.
            let _ = session.resize(rows, columns);
        }
        self.phase = Phase::Started;
        self.run_hooks(gantry_runtime::hooks::after_start);
        Ok(Reply::Started {
            pid: self.pid(),
            started_at,
        })
    }

    /// Runs another process.
    pub(crate) fn exec(
        &mut self,
        exec: Exec,
        client: Option<OwnedFd>,
        shared: &mut Shared,
    ) -> Result<Reply, Failure> {
        if !matches!(self.phase, Phase::Started) || self.process.ended.is_some() {
            return Err(Failure::wrong_state("the container is not running"));
        }
        // Read again: keeping it would cost memory in every monitor for the few that need it.
        let spec = read_spec(&self.run_dir)?;
        let filter = spec.linux.as_ref().and_then(|linux| linux.seccomp.as_ref());
        let seccomp = filter.filter(|_| !exec.unconfined);
        let stdin = exec.attach.as_ref().is_some_and(|a| a.stdin);
        let terminal = exec.process.terminal;
        let manner = Manner {
            exec: Some(exec.id.clone()),
            terminal,
            once: true,
        };
        let mut session = Session::new(shared, manner, None);
        let streams = |e| Failure::internal("make the streams of an exec", e);
        let stdio = if terminal {
            Stdio::Terminal {
                size: exec.process.console_size,
            }
        } else {
            let owner = stdio::owner(&spec, &exec.process);
            let (theirs, ours) = stdio::pipes(stdin, owner).map_err(|e| streams(e.into()))?;
            stdio::connect(&mut session, shared, ours).map_err(streams)?;
            theirs
        };
        let mut running = gantry_runtime::exec(gantry_runtime::Exec {
            target: self.process.pidfd.as_fd(),
            process: &exec.process,
            seccomp,
            cgroup: &self.cgroup,
            stdio,
            preserve: 0,
        })?;
        let pid = running.child.pid;
        stdio::connect_terminal(&mut session, shared, &mut running, stdin).map_err(streams)?;
        if let Some((attach, client)) = exec.attach.zip(client) {
            session.attach(shared, client, attach).map_err(streams)?;
        }
        self.execs
            .add(exec.id, Process::new(running.child, session));
        Ok(Reply::ExecStarted {
            pid: pid.as_raw_nonzero().get() as u32,
        })
    }

    /// Connects a client to the container's own streams.
    pub(crate) fn attach(
        &mut self,
        attach: Attach,
        client: OwnedFd,
        shared: &mut Shared,
    ) -> Result<Reply, Failure> {
        if matches!(self.phase, Phase::Over(_)) {
            return Err(Failure::wrong_state("the container has ended"));
        }
        let session = &mut self.process.session;
        session
            .attach(shared, client, attach)
            .map_err(|e| Failure::internal("attach", e))?;
        Ok(Reply::Ok)
    }

    /// Sends a signal to the first process or to an exec's.
    pub(crate) fn signal(&mut self, exec: Option<&str>, signal: i32) -> Result<Reply, Failure> {
        let process = match exec {
            Some(id) => self.execs.get_mut(id)?,
            None => &mut self.process,
        };
        if process.ended.is_some() || matches!(self.phase, Phase::Over(_)) {
            return Err(Failure::wrong_state("the process has ended"));
        }
        gantry_sys::process::send_signal(process.pidfd.as_fd(), signal)
            .map_err(|e| Failure::internal(format!("send signal {signal}"), e))?;
        Ok(Reply::Ok)
    }

    /// Sets the size of the container's terminal or of an exec's.
    pub(crate) fn resize(
        &mut self,
        exec: Option<&str>,
        rows: u16,
        columns: u16,
    ) -> Result<Reply, Failure> {
        if let (None, Phase::Created(_, size)) = (exec, &mut self.phase) {
            *size = Some((rows, columns));
            return Ok(Reply::Ok);
        }
        let process = match exec {
            Some(id) => self.execs.get_mut(id)?,
            None => &mut self.process,
        };
        process
            .session
            .resize(rows, columns)
            .map_err(|e| Failure::internal("resize the terminal", e))?;
        Ok(Reply::Ok)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid.as_raw_nonzero().get() as u32
    }

    pub(crate) fn status(&self) -> Status {
        Status {
            id: self.id.clone(),
            pid: self.pid(),
            started_at: self.started_at,
            exit: match &self.phase {
                Phase::Over(exit) => exit.clone(),
                _ => None,
            },
            oom_killed: self.oom_kills > 0,
            execs: self.execs.status(),
            lost_lines: self.process.session.lost_lines(),
        }
    }

    /// A child was reaped: the first process, an exec's, or an orphan of either.
    pub(crate) fn reaped(&mut self, pid: Pid, status: WaitStatus, shared: &mut Shared) {
        if self.kept.reaped(pid, &shared.poller) {
            return;
        }
        if pid == self.process.pid {
            self.process.reaped(status, shared);
            // Without a PID namespace of its own the container's other processes live on.
            let _ = self.cgroup.kill();
        } else {
            self.execs.reaped(pid, status, shared);
        }
    }

    /// The container ran out of memory, perhaps.
    pub(crate) fn memory_ready(&mut self, shared: &mut Shared) {
        if let Some(memory) = &self.memory
            && memory.get().acknowledge().is_err()
        {
            self.memory = None;
        }
        self.count_oom_kills(shared);
    }

    fn count_oom_kills(&mut self, shared: &mut Shared) {
        let kills = self.cgroup.oom_kills().unwrap_or(0);
        if kills > self.oom_kills {
            self.oom_kills = kills;
            shared.events.push(Event::OutOfMemory);
        }
    }

    /// Takes note of what is over; true when the container itself has just ended.
    pub(crate) fn settle(&mut self, shared: &mut Shared) -> bool {
        self.execs.settle(shared);
        if !matches!(self.phase, Phase::Started) || !self.process.is_over() {
            return false;
        }
        let Some(ended) = self.process.ended else {
            return false;
        };
        self.count_oom_kills(shared);
        self.memory = None;
        self.process.session.finish();
        // The published ports are free from now on.
        self.kept = Kept::default();
        let exit = Exit {
            code: ended.code,
            signal: ended.signal,
            oom_killed: self.oom_kills > 0,
            finished_at: ended.at,
        };
        let record = ExitRecord {
            id: self.id.clone(),
            pid: self.pid(),
            started_at: self.started_at.unwrap_or(0),
            exit: exit.clone(),
        };
        ending::write_record(&self.run_dir, &record);
        shared.events.push(Event::Exited(exit.clone()));
        self.phase = Phase::Over(Some(exit));
        true
    }

    /// Lets the clients of what has ended go.
    pub(crate) fn part(&mut self) {
        self.execs.part();
        if matches!(self.phase, Phase::Over(_)) {
            self.process.session.close_clients();
        }
    }

    /// Whether nobody needs this monitor for the container any longer.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
            && self.execs.is_empty()
            && !self.process.session.has_clients()
    }

    pub(crate) fn sessions(&mut self) -> impl Iterator<Item = &mut Session> {
        std::iter::once(&mut self.process.session).chain(self.execs.sessions())
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.process
            .deadline()
            .into_iter()
            .chain(self.execs.deadline())
            .min()
    }

    /// Ends a container that was never started.
    pub(crate) fn abort(&mut self) {
        if matches!(self.phase, Phase::Created(..)) {
            // Dropping what was created kills it.
            self.phase = Phase::Over(None);
        }
    }

    /// Leaves nothing behind but the exit record.
    pub(crate) fn clean_up(&mut self) {
        if !std::mem::replace(&mut self.cleaned_up, true) {
            ending::remove_cgroup(&self.cgroup);
            self.run_hooks(gantry_runtime::hooks::after_stop);
        }
    }

    /// Runs hooks that neither the container's start nor its end depends on.
    fn run_hooks(&self, run: impl Fn(&Spec, &State) -> Vec<gantry_runtime::Warning>) {
        if !self.hooks {
            return;
        }
        let spec = match read_spec(&self.run_dir) {
            Ok(spec) => spec,
            Err(failure) => return crate::say(&format!("warning: no hooks are run: {failure}")),
        };
        let state = State {
            oci_version: spec.oci_version.clone(),
            id: self.id.clone(),
            status: gantry_oci::Status::Running,
            pid: Some(self.pid()),
            bundle: self.run_dir.clone(),
            annotations: spec.annotations.clone(),
        };
        for warning in run(&spec, &state) {
            crate::say(&format!("warning: {warning}"));
        }
    }

    pub(crate) fn run_dir(&self) -> &Path {
        &self.run_dir
    }
}

impl Kept {
    /// Closes the sockets that reserve these ports.
    pub(crate) fn release(&mut self, ports: &[HeldPort], poller: &Poller) {
        self.reserved
            .retain(|socket| held_port(socket).is_none_or(|held| !ports.contains(&held)));
        self.relays.release(ports, &self.reserved, poller);
    }

    /// Passes on what comes to these ports.
    pub(crate) fn relay(&mut self, relays: Vec<Relay>, replace: bool, poller: &Poller) {
        self.relays.set(relays, replace, &self.reserved, poller);
    }

    /// A client of a relayed port has come.
    pub(crate) fn relay_ready(&mut self) {
        self.relays.ready(&self.reserved);
    }

    /// Takes note of a child that has ended; true when it passed on what came to ports.
    pub(crate) fn reaped(&mut self, pid: Pid, poller: &Poller) -> bool {
        self.relays.reaped(pid, &self.reserved, poller)
    }

    /// Puts duplicates beside an answer: of all but those sockets that found no room in the launch,
    /// which only reserve ports.
    pub(crate) fn duplicate(&self, beside: &mut Vec<OwnedFd>) -> Result<Reply, Failure> {
        let room = MAX_FDS.saturating_sub(self.layers.len());
        let reserved = &self.reserved[..self.reserved.len().min(room)];
        for fd in reserved.iter().chain(&self.layers) {
            let copy = fd
                .try_clone()
                .map_err(|e| Failure::internal("duplicate a descriptor", e))?;
            beside.push(copy);
        }
        Ok(Reply::Kept {
            reserved: reserved.len(),
            layers: self.layers.len(),
        })
    }
}

/// The port that a socket is bound to; nothing for other sockets (the daemon's own are local ones).
pub(crate) fn held_port(socket: &OwnedFd) -> Option<HeldPort> {
    let name = rustix::net::getsockname(socket).ok()?;
    let address = std::net::SocketAddr::try_from(name).ok()?;
    let protocol = rustix::net::sockopt::socket_protocol(socket).ok()??;
    Some(HeldPort {
        protocol: u8::try_from(protocol.as_raw().get()).ok()?,
        address: address.ip(),
        port: address.port(),
    })
}
