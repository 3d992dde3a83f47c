//! The root: attached, filled by the others, then entered; the host's left behind.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gantry_sys::Errno;
use gantry_sys::mount_attr::{MountAttr, bits};
use rustix::fs::CWD;
use rustix::mount::{MountPropagationFlags, MoveMountFlags, UnmountFlags};

use super::mount_calls;
use crate::plan::ContainerPlan;
use crate::report::{At, Outcome, Step};

/// The container's root while it is filled.
pub(super) struct NewRoot<'a> {
    mount: &'a OwnedFd,
    /// The container's devpts, if it has one.
    pub(super) terminals: Option<OwnedFd>,
}

impl NewRoot<'_> {
    /// From where every path in the container is reached.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }
}

/// Attaches the root in our new mount namespace, where nothing spreads to the host: on top of `/`,
/// or where hooks look for it.
pub(super) fn attach(plan: &ContainerPlan) -> Outcome<NewRoot<'_>> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", private).at(Step::PrivateMounts)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&plan.root, c"", CWD, plan.root_place.as_c_str(), flags)
        .at(Step::AttachRoot)?;
    mount_calls::set_propagation(plan.root.as_fd(), private).at(Step::AttachRoot)?;
    Ok(NewRoot {
        mount: &plan.root,
        terminals: None,
    })
}

/// Makes it `/` and lets go of the host's.
pub(super) fn enter(plan: &ContainerPlan, root: NewRoot<'_>) -> Outcome {
    if plan.readonly_root {
        let attributes = MountAttr {
            set: bits::RDONLY,
            ..MountAttr::default()
        };
        mount_calls::set_flags(root.as_fd(), &attributes, false).at(Step::ReadonlyRoot)?;
    }
    rustix::process::fchdir(root.as_fd()).at(Step::Pivot)?;
    // The old root lands on top of the new one at "/", from where it is taken away
    // (pivot_root(2), "pivot_root(\".\", \".\")").
    let pivoted = if plan.no_pivot {
        Err(Errno::INVAL)
    } else {
        rustix::process::pivot_root(c".", c".")
    };
    match pivoted {
        Ok(()) => {
            rustix::mount::unmount(c".", UnmountFlags::DETACH).at(Step::LeaveHost)?;
        }
        // An initramfs cannot be pivoted away. The new root lies on top of it at "/": whoever
        // breaks out of the chroot finds the new root again, as after switch_root(8).
        Err(Errno::INVAL) => rustix::process::chroot(c".").at(Step::Pivot)?,
        Err(errno) => return Err(errno).at(Step::Pivot),
    }
    rustix::process::chdir(c"/").at(Step::Pivot)?;
    if let Some(propagation) = plan.root_propagation {
        rustix::mount::mount_change(c"/", propagation).at(Step::RootPropagation)?;
    }
    Ok(())
}
