//! Leaving the caller's session, signals and files behind.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use gantry_sys::signals::{self, SignalSet};
use gantry_sys::{Errno, process};
use rustix::process::DumpableBehavior;

use crate::plan::ProcessPlan;
use crate::report::{At, ChildLink, Outcome, Step};

/// Where things are once the other files are closed: behind those that the program gets.
struct Places {
    link: i32,
    init: i32,
    state: i32,
    gate: i32,
}

impl Places {
    fn of(plan: &ProcessPlan) -> Self {
        let first = plan.preserve.saturating_add(3) as i32;
        Self {
            link: first,
            init: first + 1,
            state: first + 2,
            gate: first + 3,
        }
    }
}

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
pub(super) fn join_keyring(name: Option<&CStr>) {
    if let Some(name) = name {
        let _ = process::join_session_keyring(name);
    }
}

/// Closes every file but the streams, those that the program gets, and our own few, which get
/// numbers behind them, before anything that the image or the spec names is used as a path
/// (CVE-2024-21626).
pub(super) fn close_files(plan: &ProcessPlan, link: &ChildLink<'_>) -> Outcome<ChildLink<'static>> {
    let places = Places::of(plan);
    // SAFETY: the places are files of the parent or of the plan that this process will not use
    // again: what it still needs has numbers above these, was open before, or is one of 0, 1 and 2.
    unsafe { process::place(link.0, places.link) }.at(Step::CloseFiles)?;
    let kept = [
        (places.init, plan.init.as_ref()),
        (
            places.state,
            plan.start_hooks.as_ref().map(|start| &start.state),
        ),
        (places.gate, plan.gate.as_ref()),
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
    unsafe { process::close_from(places.gate as u32 + 1) }.at(Step::CloseFiles)?;
    for number in 3..places.link {
        // SAFETY: only asked about, and the caller said that they are the program's.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        match rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty()) {
            Ok(()) | Err(Errno::BADF) => {}
            Err(errno) => return Err(errno).at(Step::CloseFiles),
        }
    }
    Ok(placed_link(plan))
}

fn placed_link(plan: &ProcessPlan) -> ChildLink<'static> {
    // SAFETY: `close_files` put the link there; it stays open until the exec.
    ChildLink(unsafe { BorrowedFd::borrow_raw(Places::of(plan).link) })
}

/// The init program's descriptor after [`close_files`].
pub(super) fn init_program(plan: &ProcessPlan) -> BorrowedFd<'static> {
    // SAFETY: `close_files` put it there; it stays open until the exec.
    unsafe { BorrowedFd::borrow_raw(Places::of(plan).init) }
}

/// The state for hooks after [`close_files`].
pub(super) fn state(plan: &ProcessPlan) -> BorrowedFd<'static> {
    // SAFETY: `close_files` put it there; it stays open until the exec.
    unsafe { BorrowedFd::borrow_raw(Places::of(plan).state) }
}

/// Waits until the program may run: for the parent's word, or for a byte from the gate.
pub(super) fn wait(plan: &ProcessPlan, link: &ChildLink<'_>) -> Result<(), Errno> {
    if plan.gate.is_none() {
        return link.wait();
    }
    // SAFETY: `close_files` put it there; it stays open until the exec.
    ChildLink(unsafe { BorrowedFd::borrow_raw(Places::of(plan).gate) }).wait()
}

/// The link, wherever it is by now.
pub(super) fn current_link<'a>(plan: &ProcessPlan, link: &ChildLink<'a>) -> ChildLink<'a> {
    match rustix::io::fcntl_getfd(link.0) {
        Err(Errno::BADF) => placed_link(plan),
        _ => ChildLink(link.0),
    }
}
