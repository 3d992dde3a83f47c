//! Idmapped mounts: owners of files seen through a user namespace (mount_setattr(2)).

use std::os::fd::{AsFd, OwnedFd};

use gantry_oci::{Linux, Mount, NamespaceKind};
use gantry_sys::clone::{Clone3, Side};
use gantry_sys::namespaces::bits;
use gantry_sys::{Errno, mount_attr};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};

use super::namespaces::UserMaps;
use crate::launch::step;
use crate::process_files::write;
use crate::{Error, Result};

/// Maps the owners of a detached copy of a host's mount, if the spec asks for it.
pub(super) fn apply(
    mount: &Mount,
    option: Option<bool>,
    tree: &OwnedFd,
    linux: &Linux,
) -> Result<()> {
    let own = !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty();
    if !own && option.is_none() {
        return Ok(());
    }
    let namespace = if own {
        user_namespace(&UserMaps::of(&mount.uid_mappings, &mount.gid_mappings)?)?
    } else {
        containers(linux, &mount.destination)?
    };
    mount_attr::idmap(tree, option.unwrap_or(false), &namespace).map_err(|errno| match errno {
        Errno::INVAL | Errno::PERM => Error::Mount {
            source_name: mount.source.clone().unwrap_or_default(),
            destination: mount.destination.clone(),
            why: "its owners cannot be mapped: the file system (or one mounted below it) does \
                  not know how, or maps them already; ext4, xfs, btrfs and tmpfs can"
                .to_owned(),
        },
        errno => step(
            &format!("map the owners of mount {}", mount.destination),
            errno,
        ),
    })
}

/// A mount without mappings of its own has the container's.
fn containers(linux: &Linux, destination: &str) -> Result<OwnedFd> {
    let user = linux
        .namespaces
        .iter()
        .find(|n| n.kind == NamespaceKind::User)
        .ok_or_else(|| {
            Error::Invalid(format!(
                "mount {destination}: idmap without mappings needs a user namespace"
            ))
        })?;
    match user.path.as_deref().filter(|path| !path.is_empty()) {
        Some(path) => open(path),
        None => user_namespace(&UserMaps::of(&linux.uid_mappings, &linux.gid_mappings)?),
    }
}

fn open(path: &str) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| step(&format!("open {path}"), e))
}

/// A user namespace with these maps: made by a process that lives only as long as it takes to
/// open it.
fn user_namespace(maps: &UserMaps) -> Result<OwnedFd> {
    let clone = Clone3 {
        namespaces: bits::USER,
        ..Clone3::default()
    };
    // SAFETY: the child waits for its death and calls nothing that allocates.
    let side = unsafe { clone.call() }.map_err(|e| step("make a user namespace", e))?;
    let Side::Parent { pid, pidfd } = side else {
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        loop {
            rustix::event::pause();
        }
    };
    let made = write(pid, "uid_map", &maps.users)
        .and_then(|()| write(pid, "gid_map", &maps.groups))
        .and_then(|()| open(&format!("/proc/{}/ns/user", pid.as_raw_nonzero())));
    let _ = gantry_sys::process::send_signal(pidfd.as_fd(), libc::SIGKILL);
    while matches!(
        waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED),
        Err(Errno::INTR)
    ) {}
    made
}
