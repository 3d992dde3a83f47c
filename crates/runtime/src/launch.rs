//! The parent's side of a launch: the clone, and listening to the child.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gantry_sys::clone::{Clone3, Side};
use gantry_sys::namespaces;
use gantry_sys::{Errno, fd_passing};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{DumpableBehavior, Pid, WaitId, WaitIdOptions, waitid};

use crate::error::errno_text;
use crate::plan::{Join, high};
use crate::report::{ChildLink, Failure, Message, ParentLink};
use crate::{Child, Error, Result};

/// A cloned child that goes through its plan. Dropping it kills and reaps the process.
#[derive(Debug)]
pub(crate) struct Launched {
    child: Option<Child>,
    pub(crate) link: ParentLink,
    pub(crate) terminal: Option<OwnedFd>,
}

/// Why a launch did not succeed.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The child said why.
    Failed(Failure),
    /// The child ended without a word.
    Silent,
    /// The parent could not go on.
    Here(Error),
}

impl Launched {
    /// Clones the child, which runs `work`, inside what `joins` says.
    pub(crate) fn clone(
        clone: Clone3<'_>,
        joins: &[Join],
        work: impl FnOnce(&ChildLink<'_>),
    ) -> Result<Self> {
        // Nobody inside may look at a copy of us before it executes its program.
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|e| step("prctl(PR_SET_DUMPABLE)", e))?;
        let (ours, theirs) =
            fd_passing::seqpacket_pair().map_err(|e| step("make a socket pair", e))?;
        let theirs = high(theirs.as_fd())?;
        let joined = Joined::enter(joins)?;
        // SAFETY: `work` allocates nothing and never returns: it is the plan of crate::child.
        let side = unsafe { clone.call() };
        if matches!(side, Ok(Side::Child)) {
            work(&ChildLink(theirs.as_fd()));
            gantry_sys::process::exit(1);
        }
        let back = joined.leave();
        let Side::Parent { pid, pidfd } = side.map_err(|e| step("clone3", e))? else {
            return Err(Error::Died);
        };
        let launched = Self {
            child: Some(Child { pid, pidfd }),
            link: ParentLink(ours),
            terminal: None,
        };
        back?;
        Ok(launched)
    }

    /// The process.
    pub(crate) fn pid(&self) -> Pid {
        self.child.as_ref().map_or(Pid::INIT, |child| child.pid)
    }

    /// The process.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.child
            .as_ref()
            .map_or_else(|| self.link.0.as_fd(), |child| child.pidfd.as_fd())
    }

    /// Listens until everything but the exec is done; calls `hooks` when it is their time.
    pub(crate) fn until_ready(
        &mut self,
        mut hooks: impl FnMut(Pid) -> Result<()>,
    ) -> Result<(), Ended> {
        loop {
            match self.link.receive() {
                Ok(Some(Message::Ready)) => return Ok(()),
                Ok(Some(Message::Namespaces)) => {
                    hooks(self.pid()).map_err(Ended::Here)?;
                    self.link.go_on().map_err(|_| Ended::Silent)?;
                }
                Ok(Some(Message::Terminal(master))) => self.terminal = Some(master),
                Ok(Some(Message::Process(pidfd))) => self.replace(pidfd).map_err(Ended::Here)?,
                Ok(Some(Message::Failed(failure))) => return Err(Ended::Failed(failure)),
                Ok(None) => return Err(Ended::Silent),
                Err(e) => return Err(Ended::Here(step("hear from the new process", e))),
            }
        }
    }

    /// Lets the child execute its program; returns when it has.
    pub(crate) fn execute(&mut self) -> Result<Child, Ended> {
        self.link.go_on().map_err(|_| Ended::Silent)?;
        match self.link.receive() {
            // Its end is closed: by the exec, or by its death, which is then no failure to start
            // but a short life, and its parent's to see.
            Ok(None) => self.child.take().ok_or(Ended::Silent),
            Ok(Some(Message::Failed(failure))) => Err(Ended::Failed(failure)),
            Ok(Some(_)) => Err(Ended::Silent),
            Err(e) => Err(Ended::Here(step("hear from the new process", e))),
        }
    }

    /// The process, which is nobody's to kill any more.
    pub(crate) fn leave(&mut self) -> Option<Child> {
        self.child.take()
    }

    /// The process cloned first made the real one, and ends.
    fn replace(&mut self, pidfd: OwnedFd) -> Result<()> {
        let pid = pid_of(&pidfd)?;
        if let Some(first) = self.child.replace(Child { pid, pidfd }) {
            reap(first.pidfd.as_fd());
        }
        Ok(())
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            let _ = gantry_sys::process::send_signal(child.pidfd.as_fd(), libc::SIGKILL);
            reap(child.pidfd.as_fd());
        }
    }
}

fn reap(pidfd: BorrowedFd<'_>) {
    while matches!(
        waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED),
        Err(Errno::INTR)
    ) {}
}

/// The number of a process in our own PID namespace, from its descriptor.
pub(crate) fn pid_of(pidfd: impl AsFd) -> Result<Pid> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/thread-self/fdinfo/{}", pidfd.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(&path).map_err(|e| Error::Step {
        step: format!("read {path}"),
        why: e.to_string(),
    })?;
    text.lines()
        .find_map(|line| line.strip_prefix("Pid:"))
        // -1 when it has ended and was reaped.
        .and_then(|pid| pid.trim().parse().ok().filter(|pid| *pid > 0))
        .and_then(Pid::from_raw)
        .ok_or(Error::TargetGone)
}

/// Namespaces that this thread is in for the length of a clone.
struct Joined {
    /// The ways back, last joined first to leave.
    back: Vec<Join>,
}

impl Joined {
    fn enter(joins: &[Join]) -> Result<Self> {
        let mut joined = Self { back: Vec::new() };
        for join in joins {
            let own = own_namespace(join)?;
            if let Err(errno) = namespaces::join(&join.namespace, join.kind) {
                joined.leave()?;
                return Err(step(&format!("join the {} namespace", join.name), errno));
            }
            joined.back.push(own);
        }
        Ok(joined)
    }

    fn leave(self) -> Result<()> {
        for own in self.back.into_iter().rev() {
            namespaces::join(&own.namespace, own.kind)
                .map_err(|e| step(&format!("return to the own {} namespace", own.name), e))?;
        }
        Ok(())
    }
}

fn own_namespace(join: &Join) -> Result<Join> {
    let file = match join.name {
        "network" => "net",
        "mount" => "mnt",
        name => name,
    };
    let path = format!("/proc/thread-self/ns/{file}");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(CWD, path.as_str(), flags, Mode::empty())
        .map_err(|e| step(&format!("open {path}"), e))?;
    Ok(Join {
        namespace,
        kind: join.kind,
        name: join.name,
    })
}

pub(crate) fn step(what: &str, errno: Errno) -> Error {
    Error::Step {
        step: what.to_owned(),
        why: errno_text(errno),
    }
}
