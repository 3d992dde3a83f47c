//! /sys/fs/cgroup.

use std::ffi::CString;
use std::iter;
use std::os::fd::{AsFd, OwnedFd};

use gantry_sys::Errno;
use gantry_sys::mount_attr::{MountAttr, bits};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::OpenTreeFlags;

use super::{file_systems, mount_calls, mounts};
use crate::plan::{CgroupMount, MountPlan, V1Hierarchy, V1Source};
use crate::report::{At, Outcome, Step};

/// Mounts what the plan says on `target`.
pub(super) fn mount(
    cgroup: &CgroupMount,
    plan: &MountPlan,
    target: &OwnedFd,
    item: usize,
) -> Outcome {
    match cgroup {
        CgroupMount::V2 { namespace } => v2(*namespace, plan, target, item),
        CgroupMount::V1 { hierarchies, links } => v1(hierarchies, links, plan, target, item),
    }
}

/// The tree below the cgroup namespace's root; without such a namespace the host's.
fn v2(namespace: bool, plan: &MountPlan, target: &OwnedFd, item: usize) -> Outcome {
    let mount = match file_systems::new(c"cgroup2", iter::empty(), plan.own.set, item) {
        Err(failure) if !namespace && matches!(failure.errno, Errno::PERM | Errno::BUSY) => {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            rustix::mount::open_tree(CWD, c"/sys/fs/cgroup", flags)
                .at_item(Step::MountCreate, item)?
        }
        other => other?,
    };
    mount_calls::attach(&mount, target).at_item(Step::MountAttach, item)?;
    mount_calls::make_private(mount.as_fd()).at_item(Step::MountPropagation, item)?;
    mount_calls::set_flags(mount.as_fd(), &plan.own, false).at_item(Step::MountFlags, item)?;
    mounts::finish(plan, &mount, item)
}

/// A tmpfs with a directory for each hierarchy.
fn v1(
    hierarchies: &[V1Hierarchy],
    links: &[(CString, CString)],
    plan: &MountPlan,
    target: &OwnedFd,
    item: usize,
) -> Outcome {
    let parameters = [(c"source", Some(c"tmpfs")), (c"mode", Some(c"755"))];
    // Read-only only once it is filled.
    let attributes = plan.own.set & !bits::RDONLY;
    let tmpfs = file_systems::new(c"tmpfs", parameters.into_iter(), attributes, item)?;
    mount_calls::attach(&tmpfs, target).at_item(Step::MountAttach, item)?;
    for hierarchy in hierarchies {
        one(hierarchy, plan, &tmpfs, item)?;
    }
    for (alias, name) in links {
        match rustix::fs::symlinkat(name, &tmpfs, alias) {
            Err(Errno::EXIST) => {}
            other => other.at_item(Step::MountInside, item)?,
        }
    }
    let read_only = MountAttr {
        set: plan.own.set & bits::RDONLY,
        ..MountAttr::default()
    };
    mount_calls::set_flags(tmpfs.as_fd(), &read_only, false).at_item(Step::MountFlags, item)?;
    mounts::finish(plan, &tmpfs, item)
}

fn one(hierarchy: &V1Hierarchy, plan: &MountPlan, tmpfs: &OwnedFd, item: usize) -> Outcome {
    let name = hierarchy.name.as_c_str();
    let directory = || {
        rustix::fs::mkdirat(tmpfs, name, Mode::from(0o755))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(tmpfs, name, flags, Mode::empty())
    };
    let target = directory().at_item(Step::MountInside, item)?;
    match &hierarchy.source {
        V1Source::Bind(tree) => {
            mount_calls::attach(tree, &target).at_item(Step::MountAttach, item)?;
            mount_calls::make_private(tree.as_fd()).at_item(Step::MountPropagation, item)?;
            mount_calls::set_flags(tree.as_fd(), &plan.own, false).at_item(Step::MountFlags, item)
        }
        V1Source::Mount { kind, parameters } => {
            let parameters = file_systems::borrowed(parameters);
            let mount = file_systems::new(kind, parameters, plan.own.set, item)?;
            mount_calls::attach(&mount, &target).at_item(Step::MountAttach, item)
        }
    }
}
