//! Deleting a tree without ever going into what is mounted in it.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, openat2, unlinkat};
use rustix::io::Errno;

use crate::Error;

/// Deletes a folder with all that is in it. A mount below it is an error (`EXDEV`, or `EBUSY` for
/// a mounted file), and is left as it is.
pub(crate) fn tree(folder: &Path) -> Result<(), Error> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Ok(());
    };
    let failed = |e: Errno| Error::file("remove", folder)(e.into());
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = rustix::fs::openat(CWD, parent, directory, Mode::empty()).map_err(failed)?;
    let name = std::ffi::CString::new(name.as_encoded_bytes()).map_err(|_| failed(Errno::INVAL))?;
    match entry(parent.as_fd(), &name) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(failed(e)),
    }
}

fn entry(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other,
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    let folder = openat2(parent, name, flags, Mode::empty(), resolve)?;
    for found in Dir::read_from(&folder)? {
        let found = found?;
        let name = found.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            match entry(folder.as_fd(), name) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            }
        }
    }
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn links_are_removed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (outside, inside) = (dir.path().join("outside"), dir.path().join("inside"));
        fs::create_dir_all(inside.join("deep/er")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("deep/link")).unwrap();
        tree(&inside).unwrap();
        assert!(!inside.exists());
        assert!(outside.join("precious").exists());
        tree(&inside).unwrap();
    }
}
