//! clone3(2) as fork(2) with more to say.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::Pid;

use crate::{Errno, Result, checked};

/// What clone3(2) is asked for. The child always is a copy of the caller (no shared memory, files
/// or signal handlers), ends with SIGCHLD and has default signal handlers (but see `plain_clone`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Clone3<'a> {
    /// `CLONE_NEW*`.
    pub namespaces: u64,
    /// A v2 cgroup's directory in which the child starts.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The child's parent is the caller's parent.
    pub sibling: bool,
}

/// On which side of the clone the code runs.
#[derive(Debug)]
pub enum Side {
    /// In the new process.
    Child,
    /// In the caller.
    Parent {
        /// The child in the caller's PID namespace.
        pid: Pid,
        /// The child, close-on-exec.
        pidfd: OwnedFd,
    },
}

impl Clone3<'_> {
    /// Makes the process.
    ///
    /// # Safety
    /// In a process with several threads the child may only do what is async-signal-safe until it
    /// executes or exits: another thread may have held the allocator's or any other lock. The
    /// child must never return into code that expects to run once: end it by
    /// [`crate::process::exit`] or an exec.
    pub unsafe fn call(&self) -> Result<Side> {
        let mut pidfd: RawFd = -1;
        let mut flags = libc::CLONE_PIDFD as u64 | CLONE_CLEAR_SIGHAND | self.namespaces;
        if self.sibling {
            flags |= libc::CLONE_PARENT as u64;
        }
        if self.cgroup.is_some() {
            flags |= CLONE_INTO_CGROUP;
        }
        let arguments = Arguments {
            flags,
            pidfd: (&raw mut pidfd) as u64,
            // With CLONE_PARENT the signal is the caller's own, and naming one is EINVAL.
            exit_signal: if self.sibling {
                0
            } else {
                libc::SIGCHLD as u64
            },
            cgroup: self.cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
            ..Arguments::default()
        };
        // SAFETY: the structure is the kernel's `clone_args` (version 2) and outlives the call,
        // as does `pidfd`; without CLONE_VM the child continues on its own copy of this stack.
        let made = checked(unsafe {
            libc::syscall(
                libc::SYS_clone3,
                &raw const arguments,
                size_of::<Arguments>(),
            )
        });
        let pid = match made {
            // Docker's default system-call filter hides clone3, whose arguments no filter can
            // see; the init of a container is under that filter.
            Err(Errno::NOSYS) if self.is_plain() => plain_clone(&mut pidfd)?,
            made => made?,
        };
        if pid == 0 {
            return Ok(Side::Child);
        }
        let pid = Pid::from_raw(pid as i32).ok_or(Errno::SRCH)?;
        // SAFETY: with CLONE_PIDFD the kernel stored a new descriptor, ours alone.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        Ok(Side::Parent { pid, pidfd })
    }

    /// Whether clone(2) can do all of it, but for the signal handlers.
    fn is_plain(&self) -> bool {
        self.namespaces == 0 && self.cgroup.is_none() && !self.sibling
    }
}

/// clone(2) as fork(2) with a pidfd. The child keeps the caller's signal handlers.
fn plain_clone(pidfd: &mut RawFd) -> Result<libc::c_long> {
    let none: usize = 0;
    // SAFETY: as for clone3 above; the third argument is where CLONE_PIDFD stores, the stack of
    // zero continues on the copy of this one, and the other two are not asked for by the flags.
    checked(unsafe {
        libc::syscall(
            libc::SYS_clone,
            (libc::CLONE_PIDFD | libc::SIGCHLD) as usize,
            none,
            &raw mut *pidfd,
            none,
            none,
        )
    })
}

/// Since 5.5; libc's constant is an i32 that cannot hold it.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
/// Since 5.7.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The kernel's `struct clone_args`.
#[repr(C, align(8))]
#[derive(Default)]
struct Arguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    use std::os::fd::AsFd;

    #[test]
    fn a_child_ends_and_is_reaped_by_its_pidfd() {
        // SAFETY: the child only exits.
        match unsafe { Clone3::default().call() }.unwrap() {
            Side::Child => crate::process::exit(7),
            Side::Parent { pidfd, .. } => {
                let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)
                    .unwrap()
                    .unwrap();
                assert_eq!(status.exit_status(), Some(7));
            }
        }
    }
}
