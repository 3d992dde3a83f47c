//! The namespaces of a container that runs already.

use std::os::fd::{BorrowedFd, OwnedFd};

use gantry_sys::Errno;
use gantry_sys::namespaces::{self, bits};

use super::enter;
use crate::report::{At, Outcome, Step};

/// A running container, as a further process enters it.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// The pidfd of its first process.
    pub(crate) pidfd: BorrowedFd<'a>,
    /// v1 cgroups, joined by writing `0`.
    pub(crate) cgroup: Vec<OwnedFd>,
    /// Whether it has a user namespace of its own.
    pub(crate) user_namespace: bool,
}

impl Target<'_> {
    /// Joins everything of it. The PID namespace is joined already: the parent cloned into it.
    pub(super) fn enter(&self) -> Outcome {
        enter::join_cgroup(&self.cgroup)?;
        let mut kinds = bits::MOUNT | bits::NETWORK | bits::UTS | bits::IPC | bits::CGROUP;
        if self.user_namespace {
            kinds |= bits::USER;
        }
        // A target that ended meanwhile answers ESRCH.
        namespaces::join(self.pidfd, kinds).at(Step::JoinTarget)?;
        if self.user_namespace {
            enter::become_root()?;
        }
        match rustix::process::chdir(c"/") {
            Err(Errno::ACCESS) | Ok(()) => Ok(()),
            Err(errno) => Err(errno).at(Step::JoinTarget),
        }
    }
}
