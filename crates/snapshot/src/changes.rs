//! Comparing what a container has written with what its layers hold.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, FileType, Mode, OFlags, Stat};
use rustix::io::Result;

use crate::upper::{
    check_depth, enter, is_directory, is_mount_point, is_opaque, is_whiteout, join, look, names,
};

/// A path that differs from the image's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How it differs.
    pub kind: ChangeKind,
    /// Absolute, byte for byte.
    pub path: Vec<u8>,
}

/// How a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is there in both and not the same, or something below it differs.
    Modified,
    /// The image has nothing there.
    Added,
    /// It is gone.
    Deleted,
}

/// Lists the differences, each directory before what is in it, names sorted.
pub(crate) fn compare(upper: OwnedFd, lower: Option<OwnedFd>) -> Result<Vec<Change>> {
    let mut found = Vec::new();
    let mut levels = vec![Level::open(upper, lower, Vec::new(), None)?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.rest.pop() else {
            if let Some(done) = levels.pop() {
                done.close(&mut found);
            }
            continue;
        };
        if let Some(below) = level.visit(&name, &mut found)? {
            levels.push(below);
            check_depth(levels.len())?;
        }
    }
    Ok(found)
}

/// A directory on the way down.
struct Level {
    upper: OwnedFd,
    /// The same directory in the layers; `None` where they have none, or it is of no account.
    lower: Option<OwnedFd>,
    path: Vec<u8>,
    /// Names still to look at, the next one last.
    rest: Vec<CString>,
    /// The place of this directory's own entry that is withdrawn if nothing in it differs.
    tentative: Option<usize>,
}

impl Level {
    fn open(
        upper: OwnedFd,
        lower: Option<OwnedFd>,
        path: Vec<u8>,
        tentative: Option<usize>,
    ) -> Result<Self> {
        let opaque = is_opaque(upper.as_fd());
        let mut rest = names(&upper)?;
        if let Some(lower) = lower.as_ref().filter(|_| opaque) {
            rest.extend(names(lower)?);
            rest.sort();
            rest.dedup();
        }
        rest.reverse();
        Ok(Self {
            upper,
            lower,
            path,
            rest,
            tentative,
        })
    }

    /// Takes the directory's own entry back if it was there only in case something in it differs.
    fn close(self, found: &mut Vec<Change>) {
        if self.tentative.is_some_and(|at| at + 1 == found.len()) {
            found.pop();
        }
    }

    /// Looks at one name; gives the directory to go on in, if it is one.
    fn visit(&self, name: &CStr, found: &mut Vec<Change>) -> Result<Option<Self>> {
        let path = join(&self.path, name);
        let below = match &self.lower {
            Some(lower) => look(lower, name)?,
            None => None,
        };
        let mut tell = |kind| {
            found.push(Change {
                kind,
                path: path.clone(),
            });
            found.len() - 1
        };
        let Some(own) = look(&self.upper, name)?.filter(|stat| !is_whiteout(stat)) else {
            if below.is_some() {
                tell(ChangeKind::Deleted);
            }
            return Ok(None);
        };
        if is_mount_point(&self.upper, name, &path, &own)? {
            return Ok(None);
        }
        let Some(below) = below else {
            // Parents of mount points are made with them.
            let at = tell(ChangeKind::Added);
            let tentative = (matches!(&*path, b"/etc" | b"/dev")).then_some(at);
            return self.below(name, &own, None, path, tentative);
        };
        let both = is_directory(&own) && is_directory(&below);
        let same = self.is_same(name, &own, &below);
        if same && !both {
            return Ok(None);
        }
        let at = tell(ChangeKind::Modified);
        let lower = match &self.lower {
            Some(lower) if both => enter(lower, name)?,
            _ => None,
        };
        self.below(name, &own, lower, path, same.then_some(at))
    }

    fn below(
        &self,
        name: &CStr,
        own: &Stat,
        lower: Option<OwnedFd>,
        path: Vec<u8>,
        tentative: Option<usize>,
    ) -> Result<Option<Self>> {
        if !is_directory(own) {
            return Ok(None);
        }
        match enter(&self.upper, name)? {
            Some(upper) => Self::open(upper, lower, path, tentative).map(Some),
            None => Ok(None),
        }
    }

    /// Whether nothing but the place differs. Of directories the times do not count: they change
    /// with what is in them.
    fn is_same(&self, name: &CStr, own: &Stat, below: &Stat) -> bool {
        let meta = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid);
        if meta(own) != meta(below) {
            return false;
        }
        match FileType::from_raw_mode(own.st_mode) {
            FileType::Directory => return true,
            FileType::CharacterDevice | FileType::BlockDevice if own.st_rdev != below.st_rdev => {
                return false;
            }
            _ => {}
        }
        let content = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        if content(own) != content(below) {
            return false;
        }
        let Some(lower) = &self.lower else {
            return false;
        };
        capability(self.upper.as_fd(), name) == capability(lower.as_fd(), name)
    }
}

/// A program's capabilities, which may change without anything else changing.
fn capability(directory: BorrowedFd<'_>, name: &CStr) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let stat = look(directory, name).ok()??;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let file = fs::openat(directory, name, flags, Mode::empty()).ok()?;
    let mut value = vec![0; 64];
    let size = fs::fgetxattr(&file, c"security.capability", &mut value[..]).ok()?;
    value.truncate(size);
    Some(value)
}
