//! Counting what a container has written.

use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, statat};
use rustix::io::{Errno, Result};

use crate::Usage;
use crate::descent::{Visitor, descend};
use crate::upper::is_mtab;

/// Counts everything below `directory`, which may change meanwhile.
pub(crate) fn count(directory: OwnedFd) -> Result<Usage> {
    let mut counter = Counter::default();
    match descend(directory, &mut counter) {
        // A container moved a directory under our eyes: what was counted is as good as any.
        Ok(()) | Err(Errno::STALE) => Ok(counter.usage),
        Err(e) => Err(e),
    }
}

/// Bytes of file content below a directory of anybody's; a hard-linked file counts once.
pub fn size_of_tree(path: &std::path::Path) -> std::io::Result<u64> {
    let directory = std::fs::File::open(path)?;
    Ok(count(directory.into())?.bytes)
}

#[derive(Default)]
struct Counter {
    usage: Usage,
    linked: HashSet<(u64, u64)>,
}

impl Visitor for Counter {
    fn file(&mut self, directory: BorrowedFd<'_>, name: &CStr) -> Result<()> {
        let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(()),
            stat => stat?,
        };
        if is_mtab(name, &stat) {
            return Ok(());
        }
        if stat.st_nlink == 1 || self.linked.insert((stat.st_dev, stat.st_ino)) {
            self.usage.bytes += stat.st_size as u64;
            self.usage.inodes += 1;
        }
        Ok(())
    }

    fn leave(&mut self, _parent: BorrowedFd<'_>, _name: &CStr) -> Result<()> {
        self.usage.inodes += 1;
        Ok(())
    }
}
