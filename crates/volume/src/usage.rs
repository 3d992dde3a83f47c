//! Counting what a volume holds.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

/// Bytes of file content below a folder; a file with several names counts once. What goes away
/// meanwhile, or cannot be read, is not counted.
pub(crate) fn bytes(folder: &Path) -> u64 {
    let mut seen = HashSet::new();
    openat(CWD, folder, FLAGS, Mode::empty()).map_or(0, |fd| count(fd.as_fd(), &mut seen))
}

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn count(folder: BorrowedFd<'_>, seen: &mut HashSet<(u64, u64)>) -> u64 {
    let Ok(entries) = Dir::read_from(folder) else {
        return 0;
    };
    let mut total = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Ok(stat) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            if let Ok(below) = openat(folder, name, FLAGS, Mode::empty()) {
                total += count(below.as_fd(), seen);
            }
        } else if stat.st_nlink < 2 || seen.insert((stat.st_dev, stat.st_ino)) {
            total += stat.st_size as u64;
        }
    }
    total
}
