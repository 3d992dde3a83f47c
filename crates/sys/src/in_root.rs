//! Paths inside a root that is not trusted (openat2(2) with `RESOLVE_IN_ROOT`).
//!
//! Everything is reached from the root's descriptor: `/`, `..` and symbolic links, absolute ones
//! too, stay inside, also while somebody changes the tree. Nothing allocates, so that it can be
//! used after a clone.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};

use crate::{Errno, Result};

/// The longest path, NUL included (`PATH_MAX`).
const PATH_MAX: usize = 4096;
/// How many symbolic links a path may have, as the kernel counts.
const MAX_LINKS: usize = 40;
/// How often a path is tried when renames disturb its resolution (openat2(2), `EAGAIN`).
const ATTEMPTS: usize = 128;

/// Opens a path as if `root` were `/`. Links of /proc that lead elsewhere are `ELOOP`.
pub fn open(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    open_with(root, path, flags, ResolveFlags::IN_ROOT)
}

/// As [`open`]; any symbolic link on the way is `ELOOP`.
pub fn open_no_links(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    open_with(root, path, flags, resolve)
}

/// Opens a path below `root`; one that leads out of it, by `..` or a symbolic link, is `EXDEV`.
pub fn open_beneath(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    open_with(root, path, flags, ResolveFlags::BENEATH)
}

fn open_with(
    root: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd> {
    let resolve = resolve | ResolveFlags::NO_MAGICLINKS;
    let mut result = Err(Errno::AGAIN);
    for _ in 0..ATTEMPTS {
        let flags = flags | OFlags::CLOEXEC;
        result = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve);
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    result
}

/// Opens a directory (`O_PATH`), after making it and its parents (mode 0755) where they lack.
pub fn make_directory(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd> {
    match open(root, path, OFlags::PATH | OFlags::DIRECTORY) {
        Err(Errno::NOENT) => Walk::new(path)?.make(root),
        other => other,
    }
}

/// Opens a file of any kind but a directory (`O_PATH`), after making an empty one and its parents
/// where they lack.
pub fn make_file(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd> {
    match open(root, path, OFlags::PATH) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    let mut walk = Walk::new(path)?;
    let mut name = [0; PATH_MAX];
    let mut links = 0;
    loop {
        let parent = walk.make_parent(root, &mut name)?;
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| Errno::INVAL)?;
        match rustix::fs::mknodat(&parent, name, FileType::RegularFile, Mode::from(0o644), 0) {
            Ok(()) => {}
            // A dangling link, or somebody was faster.
            Err(Errno::EXIST) => match open(root, walk.whole()?, OFlags::PATH) {
                Err(Errno::NOENT) if links < MAX_LINKS => {
                    links += 1;
                    walk.follow(&parent, name, walk.length)?;
                    continue;
                }
                other => return other,
            },
            Err(e) => return Err(e),
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        return rustix::fs::openat(&parent, name, flags, Mode::empty());
    }
}

/// A path being made, component by component.
struct Walk {
    path: [u8; PATH_MAX],
    length: usize,
}

impl Walk {
    fn new(path: &CStr) -> Result<Self> {
        let bytes = path.to_bytes();
        let mut walk = Self {
            path: [0; PATH_MAX],
            length: bytes.len(),
        };
        if bytes.len() >= PATH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        walk.path[..bytes.len()].copy_from_slice(bytes);
        while walk.length > 1 && walk.path[walk.length - 1] == b'/' {
            walk.length -= 1;
            walk.path[walk.length] = 0;
        }
        Ok(walk)
    }

    fn whole(&self) -> Result<&CStr> {
        CStr::from_bytes_until_nul(&self.path).map_err(|_| Errno::NAMETOOLONG)
    }

    /// Makes every directory of the path.
    fn make(&mut self, root: BorrowedFd<'_>) -> Result<OwnedFd> {
        let mut made = open(root, c"/", OFlags::PATH | OFlags::DIRECTORY)?;
        let (mut at, mut links) = (0, 0);
        while let Some((start, end)) = self.component(at) {
            // Cutting the path at `end` makes the prefix a C string of its own.
            let after = std::mem::replace(&mut self.path[end], 0);
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            let opened = match open(root, self.whole()?, flags) {
                Err(Errno::NOENT) => self.make_one(root, &made, start),
                other => other,
            };
            self.path[end] = after;
            match opened {
                Ok(directory) => (made, at) = (directory, end),
                Err(Errno::NOENT) if links < MAX_LINKS => {
                    links += 1;
                    let name = self.name(start, end)?;
                    self.follow(&made, name.as_c_str()?, end)?;
                    made = open(root, c"/", flags)?;
                    at = 0;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(made)
    }

    /// Makes the last component of the path that is cut behind it; `ENOENT` for a dangling link.
    fn make_one(&self, root: BorrowedFd<'_>, parent: &OwnedFd, start: usize) -> Result<OwnedFd> {
        let name = CStr::from_bytes_until_nul(&self.path[start..]).map_err(|_| Errno::INVAL)?;
        match rustix::fs::mkdirat(parent, name, Mode::from(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {
                open(root, self.whole()?, OFlags::PATH | OFlags::DIRECTORY)
            }
            Err(e) => Err(e),
        }
    }

    /// Makes all directories but the last component, whose name goes to `name`.
    fn make_parent(&mut self, root: BorrowedFd<'_>, name: &mut [u8; PATH_MAX]) -> Result<OwnedFd> {
        let start = self.path[..self.length]
            .iter()
            .rposition(|b| *b == b'/')
            .map_or(0, |slash| slash + 1);
        name.fill(0);
        name[..self.length - start].copy_from_slice(&self.path[start..self.length]);
        if matches!(&name[..3], [0, ..] | [b'.', 0, _] | [b'.', b'.', 0]) {
            return Err(Errno::ISDIR);
        }
        let mut parent = Self {
            path: [0; PATH_MAX],
            length: start,
        };
        parent.path[..start].copy_from_slice(&self.path[..start]);
        parent.make(root)
    }

    /// Replaces the component before `end`, a dangling link in `parent`, by where it leads.
    fn follow(&mut self, parent: &OwnedFd, name: &CStr, end: usize) -> Result<()> {
        let mut target = [0u8; PATH_MAX];
        let length = read_link(parent, name, &mut target)?;
        let start = end - name.to_bytes().len();
        let prefix = if target[0] == b'/' { 0 } else { start };
        let rest = self.length - end;
        let total = prefix + length + rest;
        if total >= PATH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        let mut path = [0u8; PATH_MAX];
        path[..prefix].copy_from_slice(&self.path[..prefix]);
        path[prefix..prefix + length].copy_from_slice(&target[..length]);
        path[prefix + length..total].copy_from_slice(&self.path[end..self.length]);
        (self.path, self.length) = (path, total);
        Ok(())
    }

    /// The next component from `at`: its start and the place behind it.
    fn component(&self, at: usize) -> Option<(usize, usize)> {
        let path = &self.path[..self.length];
        let start = at + path.get(at..)?.iter().position(|b| *b != b'/')?;
        let end = path[start..]
            .iter()
            .position(|b| *b == b'/')
            .map_or(self.length, |n| start + n);
        Some((start, end))
    }

    fn name(&self, start: usize, end: usize) -> Result<Name> {
        let mut name = Name([0; 256]);
        let room = name.0.get_mut(..end - start).ok_or(Errno::NAMETOOLONG)?;
        room.copy_from_slice(&self.path[start..end]);
        Ok(name)
    }
}

/// A component of a path (`NAME_MAX` and a NUL).
struct Name([u8; 256]);

impl Name {
    fn as_c_str(&self) -> Result<&CStr> {
        CStr::from_bytes_until_nul(&self.0).map_err(|_| Errno::NAMETOOLONG)
    }
}

/// readlink(2) without allocating; `EEXIST` if it is no link (somebody changed it).
fn read_link(parent: &OwnedFd, name: &CStr, target: &mut [u8; PATH_MAX]) -> Result<usize> {
    match rustix::fs::readlinkat_raw(parent, name, &mut target[..]) {
        Ok(length) => Ok(length),
        Err(Errno::INVAL) => Err(Errno::EXIST),
        Err(e) => Err(e),
    }
}

/// Opens a trusted path of our own file system as the root for the others (`O_PATH`).
pub fn open_root(path: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn root() -> (tempfile::TempDir, OwnedFd) {
        let directory = tempfile::tempdir().unwrap();
        let path = CString::new(directory.path().to_str().unwrap()).unwrap();
        let fd = open_root(&path).unwrap();
        (directory, fd)
    }

    fn same(fd: &OwnedFd, path: &Path) {
        let left = rustix::fs::fstat(fd).unwrap();
        let right = rustix::fs::lstat(path).unwrap();
        assert_eq!((left.st_dev, left.st_ino), (right.st_dev, right.st_ino));
    }

    #[test]
    fn missing_directories_and_files_are_made() {
        let (directory, root) = root();
        let made = make_directory(root.as_fd(), c"/a//b/c/").unwrap();
        same(&made, &directory.path().join("a/b/c"));
        let file = make_file(root.as_fd(), c"/x/y/file").unwrap();
        same(&file, &directory.path().join("x/y/file"));
        assert!(directory.path().join("x/y/file").is_file());
        make_file(root.as_fd(), c"plain").unwrap();
        assert!(directory.path().join("plain").is_file());
        assert_eq!(
            make_directory(root.as_fd(), c"/plain/under").unwrap_err(),
            Errno::NOTDIR
        );
    }

    #[test]
    fn links_lead_nowhere_but_inside() {
        let (directory, root) = root();
        symlink("/", directory.path().join("up")).unwrap();
        symlink("../../../../../..", directory.path().join("dots")).unwrap();
        symlink("/run", directory.path().join("abs")).unwrap();
        symlink("nowhere/deep", directory.path().join("rel")).unwrap();
        make_directory(root.as_fd(), c"/up/one").unwrap();
        make_directory(root.as_fd(), c"/dots/two").unwrap();
        make_directory(root.as_fd(), c"/abs/three").unwrap();
        make_directory(root.as_fd(), c"/rel/four").unwrap();
        make_directory(root.as_fd(), c"/../../five").unwrap();
        for made in ["one", "two", "run/three", "nowhere/deep/four", "five"] {
            assert!(directory.path().join(made).is_dir(), "{made}");
        }
    }

    #[test]
    fn a_dangling_link_to_a_file_is_followed_inside() {
        let (directory, root) = root();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        symlink("/run/resolv/conf", directory.path().join("etc/resolv.conf")).unwrap();
        let made = make_file(root.as_fd(), c"/etc/resolv.conf").unwrap();
        same(&made, &directory.path().join("run/resolv/conf"));
    }

    #[test]
    fn circles_end() {
        let (directory, root) = root();
        symlink("b", directory.path().join("a")).unwrap();
        symlink("a", directory.path().join("b")).unwrap();
        assert_eq!(
            make_directory(root.as_fd(), c"/a/x").unwrap_err(),
            Errno::LOOP
        );
        assert_eq!(make_file(root.as_fd(), c"/a").unwrap_err(), Errno::LOOP);
        assert_eq!(
            open_no_links(root.as_fd(), c"/a", OFlags::PATH).unwrap_err(),
            Errno::LOOP
        );
    }

    #[test]
    fn what_leads_out_is_refused_beneath() {
        let (directory, root) = root();
        std::fs::create_dir(directory.path().join("in")).unwrap();
        symlink("in", directory.path().join("fine")).unwrap();
        symlink("/etc", directory.path().join("out")).unwrap();
        symlink("../..", directory.path().join("up")).unwrap();
        let open = |path: &CStr| open_beneath(root.as_fd(), path, OFlags::PATH);
        same(&open(c"fine").unwrap(), &directory.path().join("in"));
        for bad in [c"out", c"up", c"..", c"/etc", c"in/../../x"] {
            assert_eq!(open(bad).unwrap_err(), Errno::XDEV, "{bad:?}");
        }
    }

    #[test]
    fn links_of_proc_are_refused() {
        let root = open_root(c"/").unwrap();
        let refused = open(root.as_fd(), c"/proc/self/cwd", OFlags::PATH).unwrap_err();
        assert_eq!(refused, Errno::LOOP);
    }
}
