//! What a runtime makes to mount something over it, and what of it goes when a step has ended.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use gantry_sys::in_root;
use rustix::fs::{AtFlags, FileType, OFlags, Timespec, Timestamps};

use crate::Error;
use crate::files::{c_path, resolve};

/// Directories and files that were not there, the deepest first of each target.
#[derive(Debug, Default)]
pub(crate) struct Stubs(Vec<Vec<u8>>);

impl Stubs {
    /// Finds out which parts of the targets are missing in a root.
    pub(crate) fn missing<'a>(
        root: BorrowedFd<'_>,
        targets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let mut all = Vec::new();
        for target in targets {
            let mut missing = resolve(Some(root), target.as_bytes())?.missing(true);
            missing.reverse();
            all.append(&mut missing);
        }
        Ok(Self(all))
    }

    /// Removes those that are empty still from a directory that holds all that a step wrote.
    pub(crate) fn clear(&self, upper: &Path) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let failed = || Error::file("clear", upper);
        let root = in_root::open_root(&c_path(upper.as_os_str().as_encoded_bytes())?);
        let root = root.map_err(failed())?;
        for path in &self.0 {
            // What is not there, or has something in it, stays as it is.
            let _ = clear_one(root.as_fd(), path);
        }
        Ok(())
    }
}

fn clear_one(root: BorrowedFd<'_>, path: &[u8]) -> Result<(), Error> {
    let shown = String::from_utf8_lossy(path).into_owned();
    let failed = || Error::file("clear", &shown);
    let cut = path.iter().rposition(|b| *b == b'/');
    let (above, name) = match cut {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&b"."[..], path),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let parent: OwnedFd = in_root::open_no_links(root, &c_path(above)?, flags).map_err(failed())?;
    let name: CString = c_path(name)?;
    let stat = rustix::fs::statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed())?;
    let before = rustix::fs::fstat(&parent).map_err(failed())?;
    let how = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => AtFlags::REMOVEDIR,
        FileType::RegularFile if stat.st_size == 0 => AtFlags::empty(),
        _ => return Ok(()),
    };
    rustix::fs::unlinkat(&parent, &name, how).map_err(failed())?;
    let times = Timestamps {
        last_access: time(before.st_atime, before.st_atime_nsec),
        last_modification: time(before.st_mtime, before.st_mtime_nsec),
    };
    rustix::fs::futimens(&parent, &times).map_err(failed())
}

fn time(seconds: i64, nanos: u64) -> Timespec {
    Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanos).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_empty_goes_and_what_was_there_stays() {
        let temp = tempfile::tempdir().unwrap();
        let (lower, upper) = (temp.path().join("lower"), temp.path().join("upper"));
        fs::create_dir_all(lower.join("there")).unwrap();
        let root = fs::File::open(&lower).unwrap();
        let targets = ["/there/new/deep", "/kept/file", "/there", "/empty"];
        let stubs = Stubs::missing(root.as_fd(), targets).unwrap();
        fs::create_dir_all(upper.join("there/new/deep")).unwrap();
        fs::create_dir_all(upper.join("kept/file")).unwrap();
        fs::write(upper.join("kept/more"), "").unwrap();
        fs::write(upper.join("empty"), "").unwrap();
        stubs.clear(&upper).unwrap();
        assert!(upper.join("there").exists() && !upper.join("there/new").exists());
        assert!(upper.join("kept/more").exists() && !upper.join("kept/file").exists());
        assert!(!upper.join("empty").exists());
    }
}
