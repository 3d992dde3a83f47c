//! Walking directories of any depth, with one open descriptor.
//!
//! What containers leave behind can be nested deeper than a process may have open files or stack.
//! The walk holds one directory open and goes up through `..`, checking that it arrives where it
//! came from, so that a tree that changes under it cannot lead it astray.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What to do on the way.
pub(crate) trait Visitor {
    /// Called for everything that is no directory.
    fn file(&mut self, directory: BorrowedFd<'_>, name: &CStr) -> Result<()>;
    /// Called for a directory when all inside it has been visited.
    fn leave(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<()>;
}

/// A directory on the way down, and its subdirectories still to visit.
struct Level {
    id: (u64, u64),
    name: CString,
    subdirectories: Vec<CString>,
}

/// Visits everything below `root`, contents before their directory, the root itself excluded.
///
/// What vanishes on the way is passed over. `ESTALE` if a directory moves during the walk.
pub(crate) fn descend(root: OwnedFd, visitor: &mut dyn Visitor) -> Result<()> {
    let mut at = root;
    let mut levels = vec![enter(&at, CString::default(), visitor)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.subdirectories.pop() {
            match fs::openat(&at, &name, DIRECTORY, Mode::empty()) {
                Ok(below) => {
                    levels.push(enter(&below, name, visitor)?);
                    at = below;
                }
                Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            }
            continue;
        }
        let Some(done) = levels.pop() else { break };
        let Some(above) = levels.last() else { break };
        at = fs::openat(&at, c"..", DIRECTORY, Mode::empty())?;
        if identity(&at)? != above.id {
            return Err(Errno::STALE);
        }
        visitor.leave(at.as_fd(), &done.name)?;
    }
    Ok(())
}

/// Removes everything below a directory, and the directory.
pub(crate) fn remove_tree(parent: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    struct Remover;
    impl Visitor for Remover {
        fn file(&mut self, directory: BorrowedFd<'_>, name: &CStr) -> Result<()> {
            ignore_missing(fs::unlinkat(directory, name, fs::AtFlags::empty()))
        }
        fn leave(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<()> {
            ignore_missing(fs::unlinkat(parent, name, fs::AtFlags::REMOVEDIR))
        }
    }
    match fs::openat(parent, name, DIRECTORY, Mode::empty()) {
        Ok(root) => descend(root, &mut Remover)?,
        Err(Errno::NOENT) => return Ok(()),
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return fs::unlinkat(parent, name, fs::AtFlags::empty());
        }
        Err(e) => return Err(e),
    }
    ignore_missing(fs::unlinkat(parent, name, fs::AtFlags::REMOVEDIR))
}

fn ignore_missing(result: Result<()>) -> Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

fn enter(directory: &OwnedFd, name: CString, visitor: &mut dyn Visitor) -> Result<Level> {
    let mut subdirectories = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = match entry {
            // The directory itself has been removed meanwhile.
            Err(Errno::NOENT) => break,
            entry => entry?,
        };
        let entry_name = entry.file_name();
        if matches!(entry_name.to_bytes(), b"." | b"..") {
            continue;
        }
        if is_directory(directory, entry_name, entry.file_type())? {
            subdirectories.push(entry_name.to_owned());
        } else {
            visitor.file(directory.as_fd(), entry_name)?;
        }
    }
    Ok(Level {
        id: identity(directory)?,
        name,
        subdirectories,
    })
}

fn is_directory(directory: &OwnedFd, name: &CStr, stated: FileType) -> Result<bool> {
    if stated != FileType::Unknown {
        return Ok(stated == FileType::Directory);
    }
    match fs::statat(directory, name, fs::AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
        Err(Errno::NOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

fn identity(directory: &OwnedFd) -> Result<(u64, u64)> {
    let stat = fs::fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_deeper_than_path_max_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let parent = fs::open(scratch.path(), DIRECTORY, Mode::empty()).unwrap();
        fs::mkdirat(&parent, c"top", Mode::RWXU).unwrap();
        let mut at = fs::openat(&parent, c"top", DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..3000 {
            fs::mkdirat(&at, c"deeper", Mode::RWXU).unwrap();
            fs::symlinkat(c"/etc", &at, c"link").unwrap();
            at = fs::openat(&at, c"deeper", DIRECTORY, Mode::empty()).unwrap();
        }
        remove_tree(parent.as_fd(), c"top").unwrap();
        assert!(!scratch.path().join("top").exists());
    }
}
