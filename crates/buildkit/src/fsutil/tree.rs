//! A folder that becomes equal to what the other side tells.
//!
//! Every name is looked up by the kernel below the folder without following links, so that nothing is written elsewhere.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gantry_sys::in_root;
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat as Known, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use super::{Stat, TransferError, mode};

/// The folder, and the directories on the way to the current entry.
pub(super) struct Tree {
    root: OwnedFd,
    /// The open directories, each with its path; the root is not among them.
    way: Vec<(Vec<u8>, OwnedFd)>,
    /// All that was told.
    told: HashSet<Vec<u8>>,
    last: Option<Vec<u8>>,
    /// Second names, and what they are names of: made when the contents are there.
    links: Vec<(Vec<u8>, Vec<u8>)>,
    /// Times of directories: writing into one changes its own.
    times: Vec<(Vec<u8>, i64)>,
    /// Whether there may be something else.
    fresh: bool,
    /// Whether anything that a build can tell is different now.
    changed: Cell<bool>,
}

type Result<T> = std::result::Result<T, TransferError>;

impl Tree {
    /// Takes a folder.
    pub(super) fn new(root: OwnedFd) -> Result<Self> {
        let mut entries = Dir::read_from(&root).map_err(TransferError::file("read", b"/"))?;
        let other = |name: &CStr| name != c"." && name != c"..";
        let fresh = !entries.any(|entry| entry.is_ok_and(|entry| other(entry.file_name())));
        Ok(Self {
            root,
            way: Vec::new(),
            told: HashSet::new(),
            last: None,
            links: Vec::new(),
            times: Vec::new(),
            changed: Cell::new(fresh),
            fresh,
        })
    }

    /// Makes an entry what it is told to be; whether its content is wanted.
    pub(super) fn entry(&mut self, stat: &Stat) -> Result<bool> {
        let path = &stat.path;
        in_order(self.last.as_deref(), path)?;
        let (parent, name) = split(path)?;
        self.enter(parent)?;
        let at = self.here();
        let known = if self.fresh {
            None
        } else {
            look(at, &name, path)?
        };
        let kind = mode::kind(stat.mode);
        let wanted = match kind {
            FileType::Directory => {
                self.directory(stat, &name, known.as_ref())?;
                false
            }
            FileType::RegularFile if !stat.link.is_empty() => {
                if !self.told.contains(&stat.link) {
                    return Err(protocol(&stat.link, "is linked to, but was not told"));
                }
                // Linked anew, always.
                self.changed.set(true);
                self.links.push((path.clone(), stat.link.clone()));
                false
            }
            FileType::RegularFile => !known.is_some_and(|known| is_same(&known, stat)),
            _ => {
                self.other(stat, &name, kind, known.as_ref())?;
                false
            }
        };
        if wanted {
            self.changed.set(true);
        }
        self.told.insert(path.clone());
        self.last = Some(path.clone());
        Ok(wanted)
    }

    /// The directory that the current entry is in.
    fn here(&self) -> BorrowedFd<'_> {
        match self.way.last() {
            Some((_, fd)) => fd.as_fd(),
            None => self.root.as_fd(),
        }
    }

    /// Goes into a directory that was told before.
    fn enter(&mut self, parent: &[u8]) -> Result<()> {
        let within = |path: &[u8]| {
            parent.starts_with(path) && matches!(parent.get(path.len()), None | Some(b'/'))
        };
        while self.way.last().is_some_and(|(path, _)| !within(path)) {
            self.way.pop();
        }
        let here = self.way.last().map_or(&b""[..], |(path, _)| path);
        if here == parent {
            return Ok(());
        }
        if !self.told.contains(parent) {
            return Err(protocol(parent, "is no directory that was told"));
        }
        let fd = self.open(parent, OFlags::PATH | OFlags::DIRECTORY)?;
        self.way.push((parent.to_vec(), fd));
        Ok(())
    }

    fn open(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd> {
        let name = c_string(path)?;
        in_root::open_no_links(self.root.as_fd(), &name, flags)
            .map_err(TransferError::file("open", path))
    }

    fn directory(&mut self, stat: &Stat, name: &CStr, known: Option<&Known>) -> Result<()> {
        let path = &stat.path;
        let at = self.here();
        let there =
            known.is_some_and(|k| FileType::from_raw_mode(k.st_mode) == FileType::Directory);
        let same = known.is_some_and(|k| k.st_mode & 0o7777 == mode::permissions(stat.mode));
        if !there || !same {
            self.changed.set(true);
        }
        if !there {
            remove(at, name, path)?;
            rustix::fs::mkdirat(at, name, Mode::RWXU).map_err(TransferError::file("make", path))?;
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(at, name, flags, Mode::empty());
        let fd = fd.map_err(TransferError::file("open", path))?;
        own(fd.as_fd(), stat)?;
        self.times.push((path.clone(), stat.modified));
        self.way.push((path.clone(), fd));
        Ok(())
    }

    /// Gives a file another name.
    fn same_as(&self, path: &[u8], link: &[u8]) -> Result<()> {
        let (from, old) = self.parent(link)?;
        let (to, new) = self.parent(path)?;
        let (from, to) = (self.or_root(from.as_ref()), self.or_root(to.as_ref()));
        remove(to, &new, path)?;
        rustix::fs::linkat(from, old.as_c_str(), to, new.as_c_str(), AtFlags::empty())
            .map_err(TransferError::file("link", path))
    }

    /// The directory that a path is in, `None` for the root, and its name there.
    fn parent(&self, path: &[u8]) -> Result<(Option<OwnedFd>, CString)> {
        let (parent, name) = split(path)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let folder = (!parent.is_empty()).then(|| self.open(parent, flags));
        Ok((folder.transpose()?, name))
    }

    fn or_root<'a>(&'a self, folder: Option<&'a OwnedFd>) -> BorrowedFd<'a> {
        folder.map_or(self.root.as_fd(), OwnedFd::as_fd)
    }

    /// Links, pipes, devices.
    fn other(&self, stat: &Stat, name: &CStr, kind: FileType, known: Option<&Known>) -> Result<()> {
        let (path, at) = (&stat.path, self.here());
        let there = known.is_some_and(|k| FileType::from_raw_mode(k.st_mode) == kind);
        if kind == FileType::Symlink {
            let target = c_string(&stat.link)?;
            let same =
                || rustix::fs::readlinkat(at, name, Vec::new()).is_ok_and(|known| known == target);
            if !there || !same() {
                self.changed.set(true);
                remove(at, name, path)?;
                rustix::fs::symlinkat(target.as_c_str(), at, name)
                    .map_err(TransferError::file("link", path))?;
            }
        } else if kind == FileType::Socket {
            return Err(protocol(path, "is a socket"));
        } else {
            self.changed.set(true);
            remove(at, name, path)?;
            let part = |number: i64| u32::try_from(number).unwrap_or_default();
            let device = rustix::fs::makedev(part(stat.major), part(stat.minor));
            let mode = Mode::from_raw_mode(mode::permissions(stat.mode));
            rustix::fs::mknodat(at, name, kind, mode, device)
                .map_err(TransferError::file("make", path))?;
        }
        let (uid, gid) = (Uid::from_raw(stat.uid), Gid::from_raw(stat.gid));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(at, name, Some(uid), Some(gid), flags)
            .map_err(TransferError::file("give away", path))?;
        rustix::fs::utimensat(at, name, &times(stat.modified), flags)
            .map_err(TransferError::file("set the time of", path))
    }

    /// Makes a file, in the place of whatever was there; its content comes now.
    pub(super) fn create(&self, path: &[u8]) -> Result<OwnedFd> {
        let (folder, name) = self.parent(path)?;
        let at = self.or_root(folder.as_ref());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let make = || rustix::fs::openat(at, name.as_c_str(), flags, Mode::RUSR | Mode::WUSR);
        match make() {
            Err(Errno::EXIST) => {
                remove(at, &name, path)?;
                make()
            }
            made => made,
        }
        .map_err(TransferError::file("create", path))
    }

    /// Removes a file that will never be whole, so that it takes no room until somebody sends it again.
    pub(super) fn discard(&self, path: &[u8]) {
        if let Ok((folder, name)) = self.parent(path) {
            let _ = rustix::fs::unlinkat(self.or_root(folder.as_ref()), &name, AtFlags::empty());
        }
    }

    /// Removes what was not told, and sets the times of directories. Whether anything but times is different now.
    pub(super) fn finish(&mut self) -> Result<bool> {
        self.way.clear();
        for (path, link) in &self.links {
            self.same_as(path, link)?;
        }
        if !self.fresh {
            self.sweep(self.root.as_fd(), b"")?;
        }
        for (path, time) in self.times.iter().rev() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            set_time(self.open(path, flags)?.as_fd(), *time, path)?;
        }
        Ok(self.changed.get())
    }

    fn sweep(&self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
        let entries = Dir::read_from(folder).map_err(TransferError::file("read", path))?;
        for entry in entries {
            let entry = entry.map_err(TransferError::file("read", path))?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let whole = join(path, name.to_bytes());
            if !self.told.contains(&whole) {
                self.changed.set(true);
                remove(folder, name, &whole)?;
            } else if entry.file_type() == FileType::Directory {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = rustix::fs::openat(folder, name, flags, Mode::empty());
                let inner = inner.map_err(TransferError::file("open", &whole))?;
                self.sweep(inner.as_fd(), &whole)?;
            }
        }
        Ok(())
    }
}

/// Gives a written file its owner, permissions, attributes and time: only now it counts as whole.
pub(super) fn complete(file: BorrowedFd<'_>, stat: &Stat) -> Result<()> {
    own(file, stat)?;
    for (name, value) in &stat.attributes {
        // Not every file system has all of them, and builds do not fail for that.
        let _ = rustix::fs::fsetxattr(file, name.as_str(), value, XattrFlags::empty());
    }
    set_time(file, stat.modified, &stat.path)
}

fn own(file: BorrowedFd<'_>, stat: &Stat) -> Result<()> {
    let (uid, gid) = (Uid::from_raw(stat.uid), Gid::from_raw(stat.gid));
    rustix::fs::fchown(file, Some(uid), Some(gid))
        .map_err(TransferError::file("give away", &stat.path))?;
    let mode = Mode::from_raw_mode(mode::permissions(stat.mode));
    rustix::fs::fchmod(file, mode).map_err(TransferError::file("set the mode of", &stat.path))
}

fn set_time(file: BorrowedFd<'_>, nanoseconds: i64, path: &[u8]) -> Result<()> {
    rustix::fs::futimens(file, &times(nanoseconds))
        .map_err(TransferError::file("set the time of", path))
}

fn times(nanoseconds: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: nanoseconds.div_euclid(1_000_000_000),
        tv_nsec: nanoseconds.rem_euclid(1_000_000_000),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// The same file as before, as far as its description tells.
fn is_same(known: &Known, stat: &Stat) -> bool {
    let time = known.st_mtime.saturating_mul(1_000_000_000) + known.st_mtime_nsec as i64;
    FileType::from_raw_mode(known.st_mode) == FileType::RegularFile
        && known.st_mode & 0o7777 == mode::permissions(stat.mode)
        && (known.st_uid, known.st_gid) == (stat.uid, stat.gid)
        && known.st_size == stat.size
        && time == stat.modified
}

fn look(at: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Option<Known>> {
    match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(known) => Ok(Some(known)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(TransferError::file("look at", path)(error)),
    }
}

/// Removes a name, and all below it.
fn remove(at: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<()> {
    match rustix::fs::unlinkat(at, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(error) => return Err(TransferError::file("remove", path)(error)),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(at, name, flags, Mode::empty());
    let folder = folder.map_err(TransferError::file("open", path))?;
    let entries = Dir::read_from(&folder).map_err(TransferError::file("read", path))?;
    for entry in entries {
        let entry = entry.map_err(TransferError::file("read", path))?;
        let inner = entry.file_name();
        if inner != c"." && inner != c".." {
            remove(folder.as_fd(), inner, &join(path, inner.to_bytes()))?;
        }
    }
    rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR).map_err(TransferError::file("remove", path))
}

/// Parent and name of a path that leads nowhere else.
fn split(path: &[u8]) -> Result<(&[u8], CString)> {
    let plain = |part: &[u8]| !part.is_empty() && part != b"." && part != b"..";
    if !path.split(|byte| *byte == b'/').all(plain) {
        return Err(protocol(path, "is no path within the folder"));
    }
    let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&b""[..], path),
    };
    Ok((parent, c_string(name)?))
}

/// Names come in order, directories before what is in them.
fn in_order(before: Option<&[u8]>, path: &[u8]) -> Result<()> {
    // A slash counts as less than any other byte.
    let key = |path: &[u8]| -> Vec<u8> {
        let low = path
            .iter()
            .map(|byte| if *byte == b'/' { 0 } else { *byte });
        low.collect()
    };
    match before {
        Some(before) if key(before) >= key(path) => Err(protocol(path, "comes out of order")),
        _ => Ok(()),
    }
}

fn c_string(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| protocol(bytes, "has a zero byte"))
}

fn protocol(path: &[u8], problem: &str) -> TransferError {
    TransferError::Protocol(format!("{:?} {problem}", String::from_utf8_lossy(path)))
}

pub(super) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        name.to_vec()
    } else {
        [path, b"/", name].concat()
    }
}
