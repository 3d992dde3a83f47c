//! The mounts of the spec, in its order.

use std::os::fd::{AsFd, OwnedFd};

use gantry_sys::{Errno, in_root};
use rustix::fs::{FileType, OFlags};

use super::file_systems::Made;
use super::root::NewRoot;
use super::{cgroup_mount, file_systems, mount_calls};
use crate::plan::{ContainerPlan, MountPlan, MountSource};
use crate::report::{At, Outcome, Step};

/// Makes all of them.
pub(super) fn all(plan: &ContainerPlan, root: &mut NewRoot<'_>) -> Outcome {
    for (item, mount) in plan.mounts.iter().enumerate() {
        one(mount, item, root)?;
    }
    Ok(())
}

fn one(plan: &MountPlan, item: usize, root: &mut NewRoot<'_>) -> Outcome {
    match &plan.source {
        MountSource::Bind { tree, directory } => {
            let target = bind_target(plan, *directory, root).at_item(Step::MountTarget, item)?;
            mount_calls::attach(tree, &target).at_item(Step::MountAttach, item)?;
            finish(plan, tree, item)
        }
        MountSource::Cgroup(cgroup) => {
            let target = directory_target(plan, root).at_item(Step::MountTarget, item)?;
            cgroup_mount::mount(cgroup, plan, &target, item)
        }
        MountSource::FileSystem { kind, parameters } => {
            let kind = kind.as_c_str();
            let covered = covered(plan, root);
            let target = if kind == c"proc" || kind == c"sysfs" {
                plain_target(plan, item, root)?
            } else {
                directory_target(plan, root).at_item(Step::MountTarget, item)?
            };
            let made = file_systems::make(kind, parameters, plan, item)?;
            let (Made::New(mount) | Made::Copy(mount)) = &made;
            if let Some(covered) = covered {
                file_systems::keep_mode(mount, &covered).at_item(Step::MountInside, item)?;
            }
            mount_calls::attach(mount, &target).at_item(Step::MountAttach, item)?;
            if let Made::Copy(copy) = &made {
                restrict(plan, copy, item)?;
            }
            finish(plan, mount, item)?;
            if let (true, Made::New(mount)) = (kind == c"devpts", made) {
                root.terminals = Some(mount);
            }
            Ok(())
        }
    }
}

/// Gives a copy of the host's mounts the flags that were asked for.
fn restrict(plan: &MountPlan, copy: &OwnedFd, item: usize) -> Outcome {
    mount_calls::make_private(copy.as_fd()).at_item(Step::MountPropagation, item)?;
    match mount_calls::set_flags(copy.as_fd(), &plan.own, true) {
        // Before 5.12.
        Err(Errno::OPNOTSUPP) => mount_calls::set_flags(copy.as_fd(), &plan.own, false),
        other => other,
    }
    .at_item(Step::MountFlags, item)
}

fn bind_target(plan: &MountPlan, directory: bool, root: &NewRoot<'_>) -> Result<OwnedFd, Errno> {
    if directory {
        in_root::make_directory(root.as_fd(), &plan.target)
    } else {
        let target = in_root::make_file(root.as_fd(), &plan.target)?;
        let stat = rustix::fs::fstat(&target)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(Errno::ISDIR);
        }
        Ok(target)
    }
}

fn directory_target(plan: &MountPlan, root: &NewRoot<'_>) -> Result<OwnedFd, Errno> {
    in_root::make_directory(root.as_fd(), &plan.target)
}

/// The directory whose mode a tmpfs without a mode of its own takes over.
fn covered(plan: &MountPlan, root: &NewRoot<'_>) -> Option<OwnedFd> {
    match &plan.source {
        MountSource::FileSystem { kind, parameters }
            if kind.as_c_str() == c"tmpfs"
                && !parameters.iter().any(|(key, _)| key.as_c_str() == c"mode") =>
        {
            in_root::open(root.as_fd(), &plan.target, OFlags::PATH | OFlags::DIRECTORY).ok()
        }
        _ => None,
    }
}

/// /proc and /sys must be where they seem to be, or masked paths would miss them: no symbolic
/// link on the way (CVE-2019-19921).
fn plain_target(plan: &MountPlan, item: usize, root: &NewRoot<'_>) -> Outcome<OwnedFd> {
    in_root::make_directory(root.as_fd(), &plan.target).at_item(Step::MountTarget, item)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    in_root::open_no_links(root.as_fd(), &plan.target, flags).at_item(Step::MountLink, item)
}

/// Flags and propagation of what is attached now.
pub(super) fn finish(plan: &MountPlan, mount: &OwnedFd, item: usize) -> Outcome {
    let mount = mount.as_fd();
    if matches!(plan.source, MountSource::Bind { .. }) {
        mount_calls::set_flags(mount, &plan.own, false).at_item(Step::MountFlags, item)?;
    }
    mount_calls::set_flags(mount, &plan.recursive, true).at_item(Step::MountFlags, item)?;
    match plan.propagation {
        Some(propagation) => {
            mount_calls::set_propagation(mount, propagation).at_item(Step::MountPropagation, item)
        }
        None => Ok(()),
    }
}
