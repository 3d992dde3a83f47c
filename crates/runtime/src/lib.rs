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

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

pub use rustix::process::Pid;

mod child;
mod create;
mod describe;
mod error;
mod exec;
pub mod hooks;
pub mod init;
mod launch;
mod plan;
mod process_files;
mod program;
mod report;

pub use create::{Created, create};
pub use error::{Error, Kind, Result, Warning};
pub use exec::exec;
pub use program::own_program;

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
    /// Detached mounts for bind mounts of the spec, by their place in its list: what they bind
    /// was opened already, and their `source` is for messages only.
    pub mounts: &'a [(usize, BorrowedFd<'a>)],
    /// A network namespace to join, in place of what the spec says.
    pub network: Option<BorrowedFd<'a>>,
    /// Its cgroup, made already.
    pub cgroup: &'a gantry_cgroups::Cgroup,
    /// Its streams.
    pub stdio: Stdio,
    /// The directory of `config.json`, which hooks are told; absolute.
    pub bundle: &'a Path,
    /// A program to run as PID 1 in front of the process, one that calls [`init::run`]
    /// (`--init`). Use [`own_program`].
    pub init: Option<BorrowedFd<'a>>,
    /// Most callers want the default.
    pub manner: Manner<'a>,
}

/// The most descriptors that a program can be given beside its streams.
pub const MOST_PRESERVED: u32 = 48;

/// What is asked for by a caller that does not stay with the container, or speaks runc's language.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner<'a> {
    /// In place of [`Created::start`]: the process waits for a byte from this FIFO, which was
    /// opened for reading and writing. Use [`Created::leave`].
    pub gate: Option<BorrowedFd<'a>>,
    /// How many descriptors from 3 on the program gets.
    pub preserve: u32,
    /// The root is entered by chroot(2) instead of pivot_root(2).
    pub no_pivot: bool,
    /// The container shares the caller's session keyring.
    pub no_keyring: bool,
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
    /// How many descriptors from 3 on the program gets.
    pub preserve: u32,
}
