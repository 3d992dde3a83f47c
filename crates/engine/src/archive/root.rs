//! A container's root as files are copied from and to it, running or not.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use gantry_sys::{in_root, namespaces};
use rustix::fs::{CWD, OFlags};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use crate::Error;
use crate::containers::{Container, Containers};

/// A container whose root can be entered.
pub(super) struct RootView {
    service: Containers,
    container: Arc<Container>,
    asked: String,
    pid: Option<u32>,
}

impl RootView {
    pub(super) fn new(service: &Containers, id: &str) -> Result<Self, Error> {
        let container = service.registry.find(id)?;
        let pid = {
            let record = container.record();
            record.state.phase.is_live().then_some(record.state.pid)
        };
        Ok(Self {
            service: service.clone(),
            container,
            asked: id.to_owned(),
            pid,
        })
    }

    /// The container as it was asked for, for messages.
    pub(super) fn container(&self) -> &str {
        &self.asked
    }

    /// User and group of the container's process.
    pub(super) fn user(&self) -> Result<(u32, u32), Error> {
        let user = self.container.record().config.user.clone();
        self.with(|root| Ok(crate::spec::user_of(root, &user)?))
    }

    /// Runs blocking work with the root's descriptor.
    ///
    /// A running container's root is what its process sees. A stopped one's is mounted for the
    /// moment, with its volumes, in a mount namespace that ends with the work.
    pub(super) fn with<T: Send>(
        &self,
        work: impl FnOnce(BorrowedFd<'_>) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        if let Some(pid) = self.pid {
            let path =
                CString::new(format!("/proc/{pid}/root")).map_err(|_| self.no_root("its path"))?;
            let root = in_root::open_root(&path).map_err(|e| self.no_root(e))?;
            return work(root.as_fd());
        }
        let mounted = self.service.snapshots.mount(&self.container.id)?;
        namespaces::in_private_mounts(|| {
            self.attach_volumes(mounted.root.as_fd())?;
            work(mounted.root.as_fd())
        })
        .map_err(|e| self.no_root(e))?
    }

    /// Puts the volumes and binds where the container would see them. A detached mount takes no
    /// mounts, so the root is attached first, over a directory that this namespace alone sees so.
    fn attach_volumes(&self, root: BorrowedFd<'_>) -> Result<(), Error> {
        let mounts = self.container.record().mounts.clone();
        if mounts.is_empty() {
            return Ok(());
        }
        let over = &self.container.state_dir;
        move_mount(
            root,
            c"",
            CWD,
            over,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )
        .map_err(|e| self.no_root(e))?;
        for mount in mounts {
            let Ok(target) = CString::new(mount.destination.as_str()) else {
                continue;
            };
            let is_dir = std::path::Path::new(&mount.source).is_dir();
            let made = if is_dir {
                in_root::make_directory(root, &target)
            } else {
                in_root::make_file(root, &target)
            };
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            made.and_then(|target| {
                let source = open_tree(CWD, mount.source.as_str(), flags)?;
                let both = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH
                    | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
                move_mount(&source, c"", &target, c"", both)
            })
            .map_err(|e| self.no_root(format!("mounting {}: {e}", mount.destination)))?;
        }
        Ok(())
    }

    fn no_root(&self, reason: impl std::fmt::Display) -> Error {
        Error::Internal(format!(
            "cannot enter the root of container {}: {reason}",
            self.container.id
        ))
    }
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
) -> Result<(std::os::fd::OwnedFd, Option<CString>), rustix::io::Errno> {
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
