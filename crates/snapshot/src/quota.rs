//! Sizes of writable layers, kept by the file system: project quotas of ext4 and XFS.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use gantry_sys::{hash, quota};

use crate::Error;
use crate::error::at;

/// Project IDs begin here, above those of volumes.
const FIRST: u32 = 0x5000_0000;
const BITS: u32 = 0x0fff_ffff;

/// An ID for a snapshot that none of `taken` has. By its key, so that the containers of several
/// daemons on one file system do not count as one.
pub(crate) fn project(key: &str, taken: impl Fn(u32) -> bool) -> u32 {
    let mut offset = hash::stable(key) as u32 & BITS;
    while taken(FIRST + offset) {
        offset = (offset + 1) & BITS;
    }
    FIRST + offset
}

/// Whether the file system of `directory` keeps to sizes.
pub(crate) fn check(directory: &Path) -> Result<(), Error> {
    let file = File::open(directory).map_err(at("open", directory))?;
    quota::check(file.as_fd()).map_err(Error::NoQuota)
}

/// Limits what will be in an empty directory.
pub(crate) fn limit(directory: &Path, project: u32, bytes: u64) -> Result<(), Error> {
    let file = File::open(directory).map_err(at("open", directory))?;
    quota::limit(file.as_fd(), project, bytes).map_err(Error::NoQuota)
}

/// Takes the limit off a project whose snapshot is gone.
pub(crate) fn lift(directory: &Path, project: u32) {
    let lifted = File::open(directory)
        .map_err(|error| error.to_string())
        .and_then(|file| {
            quota::set_limit(file.as_fd(), project, 0)
                .map_err(|errno| std::io::Error::from(errno).to_string())
        });
    if let Err(error) = lifted {
        tracing::debug!(project, "cannot lift its quota: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_snapshot_has_a_project_of_its_own() {
        let first = project("a", |_| false);
        assert!((FIRST..=FIRST + BITS).contains(&first));
        assert_eq!(project("a", |_| false), first);
        assert_ne!(project("a", |taken| taken == first), first);
    }
}
