//! The namespaces and cgroup of a container's first process.

use std::os::fd::OwnedFd;

use gantry_sys::clone::{Clone3, Side};
use gantry_sys::namespaces::{self, bits};
use gantry_sys::{loopback, process};
use rustix::fs::{Gid, Mode, OFlags, Uid};

use super::session;
use crate::plan::{ContainerPlan, Join};
use crate::report::{At, ChildLink, Outcome, Step};

/// Joins the cgroup and everything that is joined, makes what clone3 could not, names the host.
pub(super) fn namespaces(plan: &ContainerPlan, link: &ChildLink<'_>) -> Outcome {
    join_cgroup(&plan.cgroup)?;
    if plan.namespaces.maps.is_some() {
        // The parent writes the maps meanwhile.
        link.wait().at(Step::Link)?;
    }
    if plan.namespaces.has_user() {
        become_root()?;
    }
    for (item, join) in plan.namespaces.by_child.iter().enumerate() {
        namespaces::join(&join.namespace, join.kind).at_item(Step::Join, item)?;
    }
    if plan.namespaces.cgroup {
        namespaces::unshare(bits::CGROUP).at(Step::CgroupNamespace)?;
    }
    if let Some(clocks) = &plan.clocks {
        own_clocks(clocks, plan)?;
    }
    if plan.namespaces.loopback {
        loopback::set_up().at(Step::Loopback)?;
    }
    if let Some(name) = &plan.hostname {
        rustix::system::sethostname(name.as_bytes()).at(Step::Hostname)?;
    }
    if let Some(name) = &plan.domainname {
        rustix::system::setdomainname(name.as_bytes()).at(Step::Domainname)?;
    }
    Ok(())
}

/// A time namespace of our own. Its clocks can be set only while nobody is in it, so it is made for
/// children first and entered then.
fn own_clocks(clocks: &str, plan: &ContainerPlan) -> Outcome {
    namespaces::unshare(bits::TIME).at(Step::TimeNamespace)?;
    let procfs = &plan.process.procfs;
    if !clocks.is_empty() {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::openat(procfs, c"self/timens_offsets", flags, Mode::empty())
            .and_then(|file| rustix::io::write(&file, clocks.as_bytes()))
            .at(Step::Clocks)?;
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(procfs, c"self/ns/time_for_children", flags, Mode::empty())
        .and_then(|file| namespaces::join(&file, bits::TIME))
        .at(Step::TimeNamespace)
}

/// Moves this process into v1 cgroups. Alone and by itself: the one move for which the kernel
/// takes no global lock.
pub(super) fn join_cgroup(tasks: &[OwnedFd]) -> Outcome {
    for (item, file) in tasks.iter().enumerate() {
        rustix::io::write(file, b"0").at_item(Step::JoinCgroup, item)?;
    }
    Ok(())
}

/// In a user namespace every ID is unknown until it is set.
pub(super) fn become_root() -> Outcome {
    let set = || {
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
        rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
    };
    set().at(Step::MapUsers)
}

/// The process between the caller and a container that joins a user namespace: nobody who has
/// joined one can leave it, so a process of its own joins, clones the container's as its sibling,
/// hands that one's pidfd over and ends.
pub(crate) fn through_user_namespace(join: &Join, plan: &ContainerPlan, link: &ChildLink<'_>) -> ! {
    let clone = || -> Outcome<Side> {
        session::begin()?;
        namespaces::join(&join.namespace, bits::USER).at(Step::JoinUser)?;
        become_root()?;
        let clone = Clone3 {
            namespaces: plan.namespaces.clone,
            sibling: true,
            ..Clone3::default()
        };
        // SAFETY: this process has one thread, and both sides end by exec or exit.
        unsafe { clone.call() }.at(Step::JoinUser)
    };
    match clone() {
        Ok(Side::Child) => super::container(plan, link),
        Ok(Side::Parent { pidfd, .. }) => {
            let sent = link.send_process(&pidfd);
            process::exit(i32::from(sent.is_err()))
        }
        Err(failure) => {
            link.send_failure(failure);
            process::exit(1)
        }
    }
}
