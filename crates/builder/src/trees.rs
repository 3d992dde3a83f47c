//! Detached mounts for a step: memory with one file, folders that can be written to without being changed.
//!
//! What is mounted here is in nobody's mount table but a thread's own, for a moment; the step gets descriptors.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use gantry_sys::{in_root, namespaces};
use rustix::fs::{CWD, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use crate::Error;
use crate::files::c_path;

/// Who may do what with a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// Permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A file in memory of its own, which is never on a disk: where the kernel can (6.4), not even swapped out.
pub(crate) fn in_memory(place: &Path, content: &[u8], access: Access) -> Result<OwnedFd, Error> {
    let made = || -> rustix::io::Result<OwnedFd> {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "mode", "0700")?;
        match fsconfig_set_flag(&context, "noswap") {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
        fsconfig_create(&context)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
        let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        attached(mount, place, |root| {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = rustix::fs::openat(root, c"content", flags, Mode::from_raw_mode(0o600))?;
            let mut file = File::from(file);
            file.write_all(content)
                .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
            let (uid, gid) = (Uid::from_raw(access.uid), Gid::from_raw(access.gid));
            rustix::fs::fchown(&file, Some(uid), Some(gid))?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(access.mode & 0o7777))?;
            copy(root, c"content")
        })
    };
    made().map_err(Error::file("make memory in", place))
}

/// A folder with an overlay: whatever is written goes into `scratch`, which takes two new folders.
pub(crate) fn writable(lower: BorrowedFd<'_>, scratch: &Path) -> Result<OwnedFd, Error> {
    overlay(lower, scratch).map_err(Error::file("make a writable mount in", scratch))
}

fn overlay(lower: BorrowedFd<'_>, scratch: &Path) -> std::io::Result<OwnedFd> {
    let (upper, work) = (scratch.join("upper"), scratch.join("work"));
    std::fs::create_dir(&upper)?;
    std::fs::create_dir(&work)?;
    let (upper, work) = (File::open(&upper)?, File::open(&work)?);
    let below = rustix::fs::fstat(lower)?;
    rustix::fs::fchmod(&upper, Mode::from_raw_mode(below.st_mode & 0o7777))?;
    let (uid, gid) = (Uid::from_raw(below.st_uid), Gid::from_raw(below.st_gid));
    rustix::fs::fchown(&upper, Some(uid), Some(gid))?;
    // The kernel takes strings of less than 256 bytes.
    let through = |fd: BorrowedFd<'_>| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [
        ("lowerdir", through(lower)),
        ("upperdir", through(upper.as_fd())),
        ("workdir", through(work.as_fd())),
    ] {
        fsconfig_set_string(&context, key, value.as_str())?;
    }
    fsconfig_create(&context)?;
    let (flags, attributes) = (FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty());
    Ok(fsmount(&context, flags, attributes)?)
}

/// The part of a detached mount at a path, whose links lead nowhere else; `place` is any folder.
pub(crate) fn part(mount: OwnedFd, path: &[u8], place: &Path) -> Result<OwnedFd, Error> {
    if path.is_empty() {
        return Ok(mount);
    }
    let shown = format!("/{}", String::from_utf8_lossy(path));
    let path = c_path(path)?;
    let part = attached(mount, place, |root| {
        let found = in_root::open(root, &path, OFlags::PATH)?;
        copy(found.as_fd(), c"")
    });
    part.map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR => Error::SourceNotFound(shown),
        other => Error::file("mount", shown)(other),
    })
}

/// A mount of a file or a folder of a root that is attached somewhere.
pub(crate) fn of_folder(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Error> {
    let shown = format!("/{}", String::from_utf8_lossy(path));
    let found = in_root::open(root, &c_path(&[b"/", path].concat())?, OFlags::PATH);
    let copied = found.and_then(|found| copy(found.as_fd(), c""));
    copied.map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR => Error::SourceNotFound(shown),
        other => Error::file("mount", shown)(other),
    })
}

/// Attaches a mount for as long as `work` goes on, where nobody else sees it: parts of a detached one can be copied
/// since Linux 6.15 only.
fn attached<T: Send>(
    mount: OwnedFd,
    place: &Path,
    work: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<T> + Send,
) -> rustix::io::Result<T> {
    namespaces::in_private_mounts(|| {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&mount, c"", CWD, place, flags)?;
        work(mount.as_fd())
    })?
}

fn copy(root: BorrowedFd<'_>, path: &std::ffi::CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(root, path, flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// Mounts are root's business.
    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    fn read(tree: &OwnedFd) -> String {
        let mut text = String::new();
        let path = format!("/proc/self/fd/{}", tree.as_raw_fd());
        File::open(path).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_secret_is_a_file_in_memory_with_an_owner() {
        if !is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let access = Access {
            mode: 0o440,
            uid: 5,
            gid: 6,
        };
        let tree = in_memory(place.path(), b"hidden", access).unwrap();
        let stat = rustix::fs::fstat(&tree).unwrap();
        assert_eq!(
            (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid),
            (0o440, 5, 6)
        );
        assert_eq!(read(&tree), "hidden");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_written_to_a_copy_stays_there() {
        if !is_root() {
            return;
        }
        let (place, lower) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(lower.path().join("sub")).unwrap();
        std::fs::write(lower.path().join("sub/file"), "old").unwrap();
        let root =
            in_root::open_root(&c_path(lower.path().as_os_str().as_encoded_bytes()).unwrap());
        let root = root.unwrap();
        // Not every file system can carry an overlay.
        let Ok(whole) = writable(root.as_fd(), place.path()) else {
            return;
        };
        let tree = part(whole, b"sub", lower.path()).unwrap();
        let file = rustix::fs::openat(
            &tree,
            c"file",
            OFlags::WRONLY | OFlags::TRUNC,
            Mode::empty(),
        );
        File::from(file.unwrap()).write_all(b"new").unwrap();
        assert_eq!(
            std::fs::read(lower.path().join("sub/file")).unwrap(),
            b"old"
        );
        let found = of_folder(root.as_fd(), b"sub/file").unwrap();
        assert_eq!(read(&found), "old");
        assert!(of_folder(root.as_fd(), b"missing").is_err());
    }
}
