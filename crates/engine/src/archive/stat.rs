//! What is at a path, in the words of Go's `os.FileMode`.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use gantry_api_types::PathStat;
use rustix::fs::{AtFlags, FileType, Stat, fstat, readlinkat, statat};
use rustix::io::Errno;

use super::missing;
use super::root::parent_of;
use crate::{Error, clock};

/// Looks at a path without following a symbolic link at its end.
pub(super) fn stat(root: BorrowedFd<'_>, path: &str, container: &str) -> Result<PathStat, Error> {
    let absent = |e: Errno| match e {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => missing(path, container),
        other => Error::Internal(format!(
            "cannot look at {path} in container {container}: {other}"
        )),
    };
    let (parent, name) = parent_of(root, path).map_err(absent)?;
    let (stat, link_target) = match &name {
        None => (fstat(&parent).map_err(absent)?, String::new()),
        Some(name) => {
            let stat = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(absent)?;
            let target = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => link_target(parent.as_fd(), name, path),
                _ => String::new(),
            };
            (stat, target)
        }
    };
    Ok(PathStat {
        name: base_name(path),
        size: stat.st_size,
        mode: go_mode(&stat),
        mtime: clock::of_file(stat.st_mtime, stat.st_mtime_nsec as i64),
        link_target,
    })
}

/// Docker tells where the link leads as an absolute path of the container.
fn link_target(parent: BorrowedFd<'_>, name: &std::ffi::CStr, path: &str) -> String {
    let target = readlinkat(parent, name, Vec::new()).unwrap_or_default();
    let target = target.to_string_lossy().into_owned();
    if target.starts_with('/') {
        return target;
    }
    let folder = Path::new("/").join(path.trim_start_matches('/'));
    let mut absolute = folder.parent().unwrap_or(Path::new("/")).to_owned();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(absolute.pop()),
            name => absolute.push(name),
        }
    }
    absolute.display().to_string()
}

/// The last component as Go's `filepath.Base` gives it, `.` and `/` kept as they are.
pub(super) fn base_name(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some("") | None => "/".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// Go keeps the kind in the upper bits of its own making.
fn go_mode(stat: &Stat) -> u32 {
    let permissions = stat.st_mode & 0o777;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => 1 << 31,
        FileType::Symlink => 1 << 27,
        FileType::BlockDevice => 1 << 26,
        FileType::CharacterDevice => (1 << 26) | (1 << 21),
        FileType::Fifo => 1 << 25,
        FileType::Socket => 1 << 24,
        FileType::RegularFile | FileType::Unknown => 0,
    };
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    let special: u32 = special
        .iter()
        .filter(|(bit, _)| stat.st_mode & bit != 0)
        .map(|(_, go)| go)
        .sum();
    permissions | kind | special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_names_are_gos() {
        for (path, base) in [
            ("/a/b", "b"),
            ("/a/b/", "b"),
            ("/", "/"),
            ("/a/.", "."),
            ("x", "x"),
        ] {
            assert_eq!(base_name(path), base);
        }
    }
}
