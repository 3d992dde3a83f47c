//! Two files that every container of Docker's has in its root, and that programs look for:
//! `/.dockerenv`, by which they know where they are, and `/etc/mtab`, the mounts.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;

use crate::inside;

/// Makes them where the image and earlier starts have not; a root that cannot take them has none.
pub(super) fn place(root: BorrowedFd<'_>) {
    for (what, made) in [("/.dockerenv", sign(root)), ("/etc/mtab", mounts(root))] {
        if let Err(e) = made
            && e != Errno::EXIST
        {
            tracing::debug!("cannot make {what} in a container's root: {e}");
        }
    }
}

fn sign(root: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(root, c".dockerenv", flags, Mode::from_raw_mode(0o755)).map(drop)
}

fn mounts(root: BorrowedFd<'_>) -> Result<(), Errno> {
    match mkdirat(root, c"etc", Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e),
    }
    let etc = inside::directory(root, "/etc").ok_or(Errno::NOTDIR)?;
    symlinkat(c"/proc/mounts", etc.as_fd(), c"mtab")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;

    #[test]
    fn they_are_made_once_and_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("real")).unwrap();
        // Led out of the root, it would be the test's own folder.
        std::os::unix::fs::symlink("/../real", root.join("etc")).unwrap();
        let opened = fs::File::open(&root).unwrap();
        super::place(opened.as_fd());
        super::place(opened.as_fd());
        assert_eq!(fs::read(root.join(".dockerenv")).unwrap(), b"");
        let mtab = fs::read_link(root.join("real/mtab")).unwrap();
        assert_eq!(mtab.to_str().unwrap(), "/proc/mounts");
    }
}
