//! A container's root as files are copied from and to it, running or not.

use std::ffi::CString;
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use gantry_sys::{in_root, namespaces};
use rustix::fs::{CWD, FileType, OFlags};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use tokio::sync::OwnedRwLockReadGuard;

use crate::Error;
use crate::containers::{Container, Containers, blocking, resolver, use_of};

/// A container's root, held open: no start makes a second mount of it meanwhile.
///
/// One view serves all who look at the same time, so that a copy from a stopped container into
/// itself does not wait for itself.
#[derive(Debug)]
pub(crate) struct View {
    // Dropped in this order: the mount is gone before a start may make another.
    root: OwnedFd,
    /// The mount namespace that the root is in.
    namespace: OwnedFd,
    /// The process whose root it is, if it runs.
    pid: Option<u32>,
    _turn: OwnedRwLockReadGuard<()>,
}

impl View {
    /// Opens a container's root.
    ///
    /// A running container's root is what its process sees. A stopped one's is mounted for the
    /// moment, with its volumes, in a mount namespace that ends with the last user.
    pub(crate) async fn open(
        service: &Containers,
        container: &Arc<Container>,
    ) -> Result<Arc<Self>, Error> {
        // One at a time: whoever waits here gets the view that is being opened, and does not wait
        // for its end.
        let mut slot = container.view.lock().await;
        if let Some(view) = slot.upgrade().filter(|view| view.is_current(container)) {
            return Ok(view);
        }
        // Alone, until it is known that no other mount is there or made.
        let alone = Arc::clone(&container.root).write_owned().await;
        let (service, subject) = (service.clone(), Arc::clone(container));
        let view = blocking(move || {
            let turn = alone.downgrade();
            let pid = {
                let record = subject.record();
                record.state.phase.is_live().then_some(record.state.pid)
            };
            let (root, namespace) = match pid {
                Some(pid) => live_root(&subject, pid)?,
                None => still_root(&service, &subject)?,
            };
            Ok(Arc::new(Self {
                root,
                namespace,
                pid,
                _turn: turn,
            }))
        })
        .await?;
        *slot = Arc::downgrade(&view);
        Ok(view)
    }

    /// Whether it still shows what is the case.
    fn is_current(&self, container: &Container) -> bool {
        let record = container.record();
        let pid = record.state.phase.is_live().then_some(record.state.pid);
        self.pid == pid
    }

    /// The root as the container sees it.
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The root without what is mounted in it.
    pub(crate) fn bare_root(&self) -> Result<OwnedFd, Error> {
        let failed = |e: &dyn std::fmt::Display| {
            Error::Internal(format!("cannot look at the container's own files: {e}"))
        };
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH;
        let clone = namespaces::in_mounts_of(&self.namespace, || open_tree(&self.root, c"", flags));
        match clone.map_err(|e| failed(&e))? {
            Ok(bare) => Ok(bare),
            // A root that was never attached has nothing mounted in it.
            Err(rustix::io::Errno::INVAL) if self.pid.is_none() => {
                self.root.try_clone().map_err(|e| failed(&e))
            }
            Err(e) => Err(failed(&e)),
        }
    }
}

fn no_root(container: &Container, reason: impl std::fmt::Display) -> Error {
    Error::Internal(format!(
        "cannot enter the root of container {}: {reason}",
        container.id
    ))
}

/// The root of a process, and its mount namespace.
fn live_root(container: &Container, pid: u32) -> Result<(OwnedFd, OwnedFd), Error> {
    let path =
        CString::new(format!("/proc/{pid}/root")).map_err(|_| no_root(container, "its path"))?;
    let root = in_root::open_root(&path).map_err(|e| no_root(container, e))?;
    let namespace = File::open(format!("/proc/{pid}/ns/mnt")).map_err(|e| no_root(container, e))?;
    Ok((root, namespace.into()))
}

/// A mount of a root that no process has, and the namespace that it is in.
fn still_root(service: &Containers, container: &Container) -> Result<(OwnedFd, OwnedFd), Error> {
    let mounted = service.snapshots.mount(&container.id)?;
    let resolve = resolver();
    namespaces::in_private_mounts(|| {
        attach_volumes(service, container, mounted.root.as_fd(), &resolve)?;
        let namespace =
            File::open("/proc/thread-self/ns/mnt").map_err(|e| no_root(container, e))?;
        Ok((mounted.root, namespace.into()))
    })
    .map_err(|e| no_root(container, e))?
}

/// Puts the volumes and binds where the container would see them. A detached mount takes no
/// mounts, so the root is attached first, over a directory that this namespace alone sees so.
fn attach_volumes(
    service: &Containers,
    container: &Container,
    root: BorrowedFd<'_>,
    resolve: &dyn Fn(&str) -> Result<IpAddr, String>,
) -> Result<(), Error> {
    let record = container.record().clone();
    let mounts = &record.mounts;
    if mounts.is_empty() {
        return Ok(());
    }
    let over = &container.state_dir;
    move_mount(
        root,
        c"",
        CWD,
        over,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .map_err(|e| no_root(container, e))?;
    for mount in mounts {
        let Ok(target) = CString::new(mount.destination.as_str()) else {
            continue;
        };
        if mount.kind == "volume" {
            // Such a mount is this namespace's alone and goes with it.
            let volume = service.volumes.get(&mount.name)?;
            service.volumes.mount(&volume, resolve)?;
        }
        let used = use_of(&record, mount);
        let Some(source) = service.mount_tree(container, mount, &used)? else {
            continue;
        };
        let stat = rustix::fs::fstat(&source).map_err(|e| no_root(container, e))?;
        let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let made = if is_dir {
            in_root::make_directory(root, &target)
        } else {
            in_root::make_file(root, &target)
        };
        made.and_then(|target| {
            let both =
                MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            move_mount(&source, c"", &target, c"", both)
        })
        .map_err(|e| no_root(container, format!("mounting {}: {e}", mount.destination)))?;
    }
    Ok(())
}

/// User and group of a container's process.
pub(super) fn user(view: &View, container: &Container) -> Result<(u32, u32), Error> {
    let user = container.record().config.user.clone();
    Ok(crate::spec::user_of(view.root(), &user)?)
}

/// A path of the container as the kernel takes it; the empty path is the root.
pub(super) fn c_path(path: &str) -> Result<CString, Error> {
    let path = if path.is_empty() { "/" } else { path };
    CString::new(path).map_err(|_| Error::Invalid(format!("the path {path:?} has a zero byte")))
}

/// Opens the directory that holds a path's last component, and names that component; a path
/// that ends in `/`, `/.` or `..` is the directory itself (`None`).
pub(super) fn parent_of(
    root: BorrowedFd<'_>,
    path: &str,
) -> Result<(OwnedFd, Option<CString>), rustix::io::Errno> {
    let trimmed = path.trim_end_matches('/');
    let (parent, name) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
    let itself = path.ends_with('/') || matches!(name, "" | "." | "..");
    let (folder, name) = if itself {
        (path, None)
    } else {
        (parent, Some(name))
    };
    let to_c = |text: &str| CString::new(text).map_err(|_| rustix::io::Errno::INVAL);
    let folder = to_c(if folder.is_empty() { "/" } else { folder })?;
    let fd = in_root::open(root, &folder, OFlags::PATH | OFlags::DIRECTORY)?;
    Ok((fd, name.map(to_c).transpose()?))
}
