//! What overlay's upper directory says: which paths a container has made, changed and removed.
//!
//! Overlay's signs, given the options that [`crate::mounting`] mounts with: a character device 0/0
//! removes the name below, a directory with `trusted.overlay.opaque=y` hides all that is below it,
//! and everything else replaces what is below. A directory is copied up with its attributes before
//! anything in it changes.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, Result};

pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Directories above each other that are followed; deeper ones are an error.
pub(crate) const MAX_DEPTH: usize = 2048;

/// What a runtime makes in every root to mount something over it: no change of the container's.
const MOUNT_POINTS: &[&[u8]] = &[
    b"/.dockerenv",
    b"/dev",
    b"/dev/console",
    b"/dev/mqueue",
    b"/dev/pts",
    b"/dev/shm",
    b"/etc/hostname",
    b"/etc/hosts",
    b"/etc/mtab",
    b"/etc/resolv.conf",
    b"/proc",
    b"/sys",
];

/// The names in a directory, sorted.
pub(crate) fn names(directory: impl AsFd) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = match entry {
            // Removed under our eyes.
            Err(Errno::NOENT) => break,
            entry => entry?,
        };
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// What is at a name, links not followed; `None` if nothing is.
pub(crate) fn look(directory: impl AsFd, name: &CStr) -> Result<Option<Stat>> {
    match fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Opens a directory within another one; `None` if it has gone.
pub(crate) fn enter(directory: impl AsFd, name: &CStr) -> Result<Option<OwnedFd>> {
    match fs::openat(directory, name, DIRECTORY, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(e) => Err(e),
    }
}

pub(crate) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Whether this is overlay's sign for a removed name.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Whether a directory of the upper side hides what is below it.
pub(crate) fn is_opaque(directory: BorrowedFd<'_>) -> bool {
    let mut value = [0; 2];
    matches!(fs::fgetxattr(directory, c"trusted.overlay.opaque", &mut value), Ok(1) if value[0] == b'y')
}

/// Whether an entry is nothing but a place that something was mounted over.
pub(crate) fn is_mount_point(
    directory: impl AsFd,
    name: &CStr,
    path: &[u8],
    stat: &Stat,
) -> Result<bool> {
    if !MOUNT_POINTS.contains(&path) {
        return Ok(false);
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat.st_size == 0),
        FileType::Directory => match enter(directory, name)? {
            Some(inside) => all_mount_points(inside, path),
            None => Ok(true),
        },
        // The engine's link to the mounts.
        FileType::Symlink => Ok(stat.st_size == MOUNTS.len() as i64
            && fs::readlinkat(directory, name, Vec::new())?.as_bytes() == MOUNTS),
        _ => Ok(false),
    }
}

/// Where `/etc/mtab` leads in a container.
const MOUNTS: &[u8] = b"/proc/mounts";

/// Whether this is the engine's `/etc/mtab`, which is not counted as written by the container.
pub(crate) fn is_mtab(name: &CStr, stat: &Stat) -> bool {
    name == c"mtab"
        && FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
        && stat.st_size == MOUNTS.len() as i64
}

/// `/dev` may hold the places for `/dev/pts` and the like, and those are empty.
fn all_mount_points(directory: OwnedFd, path: &[u8]) -> Result<bool> {
    for name in names(&directory)? {
        let inner = join(path, &name);
        let Some(stat) = look(&directory, &name)? else {
            continue;
        };
        if !is_mount_point(&directory, &name, &inner, &stat)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A path below another one; paths begin with a slash, and the root is empty.
pub(crate) fn join(path: &[u8], name: &CStr) -> Vec<u8> {
    [path, b"/", name.to_bytes()].concat()
}

/// The error of a tree that is deeper than we follow.
pub(crate) fn check_depth(depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Errno::NAMETOOLONG);
    }
    Ok(())
}
