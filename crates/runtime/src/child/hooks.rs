//! Hooks in the container's namespaces, each a child of this process.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use gantry_sys::clone::{Clone3, Side};
use gantry_sys::{Errno, process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::SeekFrom;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::plan::{ChildHook, ContainerPlan};
use crate::report::{At, ChildLink, Failure, Outcome, Step};

/// Lets the parent run the hooks of the runtime's namespaces, then runs those of the container's.
pub(super) fn before_root(plan: &ContainerPlan, link: &ChildLink<'_>) -> Outcome {
    let Some(hooks) = &plan.hooks else {
        return Ok(());
    };
    link.send_namespaces().at(Step::Link)?;
    link.wait().at(Step::Link)?;
    run(
        &hooks.create_container,
        hooks.state.as_fd(),
        Step::HookCreateContainer,
    )
}

/// Runs one after the other; the first that fails ends the launch.
pub(super) fn run(hooks: &[ChildHook], state: BorrowedFd<'_>, step: Step) -> Outcome {
    for (item, hook) in hooks.iter().enumerate() {
        match one(hook, state) {
            Ok(0) => {}
            Ok(status) => {
                return Err(Failure {
                    step,
                    errno: Errno::CANCELED,
                    item: item as u32 | (status as u32) << 16,
                });
            }
            Err(errno) => return Err(errno).at_item(step, item),
        }
    }
    Ok(())
}

/// The exit status, 128 + signal if it was killed.
fn one(hook: &ChildHook, state: BorrowedFd<'_>) -> Result<u8, Errno> {
    rustix::fs::seek(state, SeekFrom::Start(0))?;
    // SAFETY: this process has one thread, and the child ends by exec or exit.
    match unsafe { Clone3::default().call() }? {
        Side::Child => {
            if rustix::stdio::dup2_stdin(state).is_ok() {
                process::execve(&hook.path, &hook.arguments, &hook.environment);
            }
            process::exit(127)
        }
        Side::Parent { pidfd, .. } => wait(&pidfd, hook.timeout),
    }
}

fn wait(pidfd: &OwnedFd, timeout: Option<Duration>) -> Result<u8, Errno> {
    let in_time = match timeout.and_then(|limit| Timespec::try_from(limit).ok()) {
        Some(limit) => {
            let mut files = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
            poll(&mut files, Some(&limit))? > 0
        }
        None => true,
    };
    if !in_time {
        process::send_signal(pidfd.as_fd(), libc::SIGKILL)?;
    }
    let status = loop {
        match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    if !in_time {
        return Err(Errno::TIMEDOUT);
    }
    let status = status.ok_or(Errno::CHILD)?;
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    Ok(code.unwrap_or(255) as u8)
}
