//! Sources that must be opened by the daemon, race-free: parts of volumes and images.
//!
//! What is in a volume is not trusted: a container may swap a directory for a symbolic link at any
//! moment. So a subpath is resolved by the kernel in one call that never leaves the volume, and
//! what was opened then is what is mounted; no name is looked up again.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use gantry_api_types::MountPoint;
use gantry_sys::{in_root, namespaces};
use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use super::bind;
use super::owners::Mappings;
use crate::Error;
use crate::containers::record::{MountUse, Record};
use crate::containers::{Container, Containers};

/// A mount whose source is open.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Where it goes.
    pub(crate) destination: String,
    /// A detached mount, unless its path will do.
    pub(crate) tree: Option<OwnedFd>,
    /// Whom files seem to belong to.
    pub(crate) mappings: Option<Mappings>,
}

impl Containers {
    /// Opens the sources of a container's mounts that need it, and looks at the others.
    ///
    /// Those that were `lent` are open already.
    pub(crate) fn prepare_mounts(
        &self,
        container: &Container,
        mut lent: Vec<(String, OwnedFd)>,
    ) -> Result<Vec<Prepared>, Error> {
        let record = container.record().clone();
        let mut prepared = Vec::new();
        for mount in &record.mounts {
            if let Some(at) = lent.iter().position(|(to, _)| *to == mount.destination) {
                let (destination, tree) = lent.swap_remove(at);
                prepared.push(Prepared {
                    destination,
                    tree: Some(tree),
                    mappings: None,
                });
                continue;
            }
            let used = use_of(&record, mount);
            if mount.kind == "bind" {
                bind::at_start(mount, &used)?;
            }
            let special = !used.subpath.is_empty() || used.image.is_some();
            let tree = if special || used.owners.is_some() {
                self.mount_tree(container, mount, &used)?
            } else {
                None
            };
            let mappings = match (&used.owners, &tree) {
                (Some(owners), Some(tree)) => {
                    let stat = rustix::fs::fstat(tree).map_err(|e| cannot(mount, e))?;
                    let owner = (stat.st_uid, stat.st_gid);
                    Some(owners.mappings(owner).map_err(Error::Invalid)?)
                }
                _ => None,
            };
            if tree.is_some() {
                prepared.push(Prepared {
                    destination: mount.destination.clone(),
                    tree,
                    mappings,
                });
            }
        }
        Ok(prepared)
    }

    /// A mount's source as a detached mount; `None` for one that has none.
    pub(crate) fn mount_tree(
        &self,
        container: &Container,
        mount: &MountPoint,
        used: &MountUse,
    ) -> Result<Option<OwnedFd>, Error> {
        let recursive = !used.bind.as_ref().is_some_and(|b| b.non_recursive);
        if used.image.is_some() {
            let view = self.snapshots.view(&used.layers)?.root;
            if used.subpath.is_empty() {
                return Ok(Some(view));
            }
            // A part of a detached mount cannot be copied before Linux 6.15, so it is attached for
            // a moment where nobody else sees it.
            let part = namespaces::in_private_mounts(|| {
                let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
                move_mount(&view, c"", CWD, &container.state_dir, flags)
                    .map_err(|e| cannot(mount, e))?;
                part_of(view.as_fd(), mount, &used.subpath, recursive)
            });
            return part.map_err(|e| cannot(mount, e))?.map(Some);
        }
        if mount.source.is_empty() {
            return Ok(None);
        }
        if used.subpath.is_empty() {
            let tree = open_tree(CWD, mount.source.as_str(), tree_flags(recursive));
            return tree.map(Some).map_err(|e| cannot(mount, e));
        }
        let path = CString::new(mount.source.as_str()).map_err(|_| cannot(mount, Errno::INVAL))?;
        let root = in_root::open_root(&path).map_err(|e| cannot(mount, e))?;
        part_of(root.as_fd(), mount, &used.subpath, recursive).map(Some)
    }
}

/// How a container uses a mount.
pub(crate) fn use_of(record: &Record, mount: &MountPoint) -> MountUse {
    let used = record.volume_options.get(&mount.destination).cloned();
    used.unwrap_or_else(|| {
        // What an older daemon wrote has the options in the request alone.
        let same = |target: &str| Path::new(target) == Path::new(&mount.destination);
        let asked = record.host_config.mounts.iter();
        let asked = asked.filter(|m| m.kind == "bind").find(|m| same(&m.target));
        MountUse {
            bind: asked.and_then(|m| m.bind_options.clone()),
            create_source: asked.is_none(),
            ..MountUse::default()
        }
    })
}

fn part_of(
    root: BorrowedFd<'_>,
    mount: &MountPoint,
    subpath: &str,
    recursive: bool,
) -> Result<OwnedFd, Error> {
    let path = CString::new(subpath).map_err(|_| cannot(mount, Errno::INVAL))?;
    let shown = Path::new(&mount.source).join(subpath).display().to_string();
    let part = in_root::open_beneath(root, &path, OFlags::PATH).map_err(|e| match e {
        Errno::XDEV | Errno::LOOP => Error::Invalid(format!(
            "cannot access path {shown}: it leads out of the {}",
            mount.kind
        )),
        Errno::NOENT | Errno::NOTDIR => Error::Invalid(format!(
            "cannot access path {shown}: no such file or directory"
        )),
        e => cannot(mount, e),
    })?;
    let flags = tree_flags(recursive) | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(&part, c"", flags).map_err(|e| cannot(mount, e))
}

fn tree_flags(recursive: bool) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags | OpenTreeFlags::AT_RECURSIVE
    } else {
        flags
    }
}

fn cannot(mount: &MountPoint, errno: Errno) -> Error {
    Error::Internal(format!(
        "cannot open {} for the mount on {}: {}",
        mount.source,
        mount.destination,
        std::io::Error::from(errno)
    ))
}
