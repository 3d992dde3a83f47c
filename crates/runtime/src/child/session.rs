//! Leaving the caller's session, signals and files behind.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use gantry_sys::signals::{self, SignalSet};
use gantry_sys::{Errno, process};
use rustix::process::DumpableBehavior;

use crate::plan::ProcessPlan;
use crate::report::{At, ChildLink, Outcome, Step};

/// Where the link, the init program and the state for hooks are once the other files are closed.
const LINK: i32 = 3;
const INIT: i32 = 4;
const STATE: i32 = 5;

/// First of all: our own session; no one may look at us or trace us before the exec; every
/// signal as a new program expects it; modes are made exactly as asked.
pub(super) fn begin() -> Outcome {
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    rustix::process::setsid().at(Step::Session)?;
    signals::reset_handlers();
    signals::set_mask(SignalSet::NONE).at(Step::Session)?;
    rustix::process::umask(rustix::fs::Mode::empty());
    Ok(())
}

/// A session keyring of the container's own, so that it does not share the host's. A kernel
/// without keyrings, or a full quota, is no reason not to run.
pub(super) fn join_keyring(name: &CStr) {
    let _ = process::join_session_keyring(name);
}

/// Closes every file but the streams, the link (now 3), the init program (now 4) and the state for
/// hooks (now 5), before
/// anything that the image or the spec names is used as a path (CVE-2024-21626).
pub(super) fn close_files(plan: &ProcessPlan, link: &ChildLink<'_>) -> Outcome<ChildLink<'static>> {
    // SAFETY: 3, 4 and 5 are files of the parent or of the plan that this process will not use
    // again: what it still needs has numbers from 10 on or is one of 0, 1 and 2.
    unsafe { process::place(link.0, LINK) }.at(Step::CloseFiles)?;
    let kept = [
        (INIT, plan.init.as_ref()),
        (STATE, plan.start_hooks.as_ref().map(|start| &start.state)),
    ];
    for (number, file) in kept {
        match file {
            // SAFETY: as above.
            Some(file) => unsafe { process::place(file.as_fd(), number) }.at(Step::CloseFiles)?,
            // SAFETY: as above.
            None => unsafe { process::close_one(number as u32) }.at(Step::CloseFiles)?,
        }
    }
    // SAFETY: this process ends by exec or exit and so never drops an owner of these.
    unsafe { process::close_from(STATE as u32 + 1) }.at(Step::CloseFiles)?;
    Ok(placed_link())
}

fn placed_link() -> ChildLink<'static> {
    // SAFETY: `close_files` put the link there; it stays open until the exec.
    ChildLink(unsafe { BorrowedFd::borrow_raw(LINK) })
}

/// The init program's descriptor after [`close_files`].
pub(super) fn init_program() -> BorrowedFd<'static> {
    // SAFETY: `close_files` put it there; it stays open until the exec.
    unsafe { BorrowedFd::borrow_raw(INIT) }
}

/// The state for hooks after [`close_files`].
pub(super) fn state() -> BorrowedFd<'static> {
    // SAFETY: `close_files` put it there; it stays open until the exec.
    unsafe { BorrowedFd::borrow_raw(STATE) }
}

/// The link, wherever it is by now.
pub(super) fn current_link<'a>(link: &ChildLink<'a>) -> ChildLink<'a> {
    match rustix::io::fcntl_getfd(link.0) {
        Err(Errno::BADF) => placed_link(),
        _ => ChildLink(link.0),
    }
}
