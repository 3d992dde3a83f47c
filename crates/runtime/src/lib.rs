//! A container's launch on Linux: what `config.json` says becomes a process.
//!
//! [`create`] turns a [`Launch`] into a process that has everything of its container (namespaces,
//! cgroup, root, mounts, devices, terminal) and waits just before `execve`; [`Created::start`]
//! lets it go and reports what `execve` said. [`exec`] runs a further process in a container that
//! runs already. [`init`] is the small PID 1 of `--init`.
//!
//! # How it works
//! The caller has one thread. [`create`] first computes a plan from the spec: every string a C
//! string, every bind source opened, the seccomp program compiled. Then comes one `clone3`; the
//! child walks through the plan without allocating and tells its parent, in messages of fixed
//! size over a socket pair, how far it came. What is inside the container's root is only ever
//! reached by `openat2(RESOLVE_IN_ROOT)` from the root's own descriptor, so that no symbolic link
//! of an image, nor one changed meanwhile, leads outside.
//!
//! A process of [`exec`] is a child of the caller too: the caller joins the target's PID namespace
//! for its children only, clones, and goes back; the child joins all others.
//!
//! # What it may not know
//! Images, networks, names, the engine's defaults: the spec says everything. It keeps no state
//! and makes no cgroup. Specification: runtime-spec 1.2 (`config.md`, `config-linux.md`,
//! `runtime.md`); where that is silent, runc's behaviour, and Docker's wording in [`Error`].

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

pub use rustix::process::Pid;

mod error;
pub mod init;

pub use error::{Error, Kind, Result, Warning};

/// The standard streams of a process.
#[derive(Debug)]
pub enum Stdio {
    /// Three descriptors, handed over.
    Fds {
        /// Descriptor 0.
        stdin: OwnedFd,
        /// Descriptor 1.
        stdout: OwnedFd,
        /// Descriptor 2.
        stderr: OwnedFd,
    },
    /// A new pseudo-terminal of the container; its master is in [`Running::terminal`].
    Terminal {
        /// Its first size.
        size: Option<gantry_oci::ConsoleSize>,
    },
}

/// Where the root file system comes from. It wins over `spec.root.path`.
#[derive(Debug, Clone, Copy)]
pub enum Root<'a> {
    /// A detached mount, as fsmount(2) makes it; the container takes it.
    Mount(BorrowedFd<'a>),
    /// A directory, which is bound recursively.
    Path(&'a Path),
}

/// A container to be made.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The container's ID, for messages and the session keyring's name.
    pub id: &'a str,
    /// What it is.
    pub spec: &'a gantry_oci::Spec,
    /// Its root.
    pub root: Root<'a>,
    /// A network namespace to join, in place of what the spec says.
    pub network: Option<BorrowedFd<'a>>,
    /// Its cgroup, made already.
    pub cgroup: &'a gantry_cgroups::Cgroup,
    /// Its streams.
    pub stdio: Stdio,
    /// A program to run as PID 1 in front of the process, one that calls [`init::run`]
    /// (`--init`). Use [`own_program`].
    pub init: Option<BorrowedFd<'a>>,
}

/// Makes a container: everything is done but `execve`; the process waits.
///
/// On failure nothing is left of it.
pub fn create(launch: Launch<'_>) -> Result<Created> {
    let _ = launch;
    Err(Error::Unsupported {
        what: "create".into(),
    })
}

/// A container whose process waits for [`Created::start`]. Dropping it kills the process.
#[derive(Debug)]
pub struct Created {
    child: Child,
    terminal: Option<OwnedFd>,
    warnings: Vec<Warning>,
}

impl Created {
    /// The process, in the caller's PID namespace.
    pub fn pid(&self) -> Pid {
        self.child.pid
    }

    /// The process.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// What was asked for and could not be done, without keeping the container from running.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Lets the process execute its program; returns when it has, or with the reason why not.
    pub fn start(self) -> Result<Running> {
        Ok(Running {
            child: self.child,
            terminal: self.terminal,
            warnings: self.warnings,
        })
    }
}

/// A child process. It is the caller's to reap, by `waitid(P_PIDFD)`.
#[derive(Debug)]
pub struct Child {
    /// In the caller's PID namespace.
    pub pid: Pid,
    /// Close-on-exec.
    pub pidfd: OwnedFd,
}

/// A process that runs its program.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    /// The pseudo-terminal's master, when [`Stdio::Terminal`] was asked for.
    pub terminal: Option<OwnedFd>,
    /// What was asked for and could not be done.
    pub warnings: Vec<Warning>,
}

/// A further process for a running container.
#[derive(Debug)]
pub struct Exec<'a> {
    /// The pidfd of the container's first process.
    pub target: BorrowedFd<'a>,
    /// What to run.
    pub process: &'a gantry_oci::Process,
    /// The container's system-call filter.
    pub seccomp: Option<&'a gantry_oci::Seccomp>,
    /// The container's cgroup.
    pub cgroup: &'a gantry_cgroups::Cgroup,
    /// Its streams.
    pub stdio: Stdio,
}

/// Runs a further process in a running container; returns when its program executes.
pub fn exec(exec: Exec<'_>) -> Result<Running> {
    let _ = exec;
    Err(Error::Unsupported {
        what: "exec".into(),
    })
}

/// Opens the running program for [`Launch::init`].
///
/// It must be a sealed memfd or lie on a read-only mount, or else a container could overwrite it
/// through `/proc/1/exe` (CVE-2019-5736); otherwise a sealed copy is made.
pub fn own_program() -> Result<OwnedFd> {
    Err(Error::Unsupported {
        what: "init".into(),
    })
}
