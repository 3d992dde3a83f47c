//! Sizes of volumes, kept by the file system: project quotas of ext4, XFS and f2fs.

use std::os::fd::AsFd;

use gantry_sys::Errno;
use gantry_sys::quota;

/// Project IDs begin here, above what people give by hand.
pub(crate) const FIRST_PROJECT: u32 = 0x4000_0000;

/// Limits what is in `folder`, which is still empty, to that many bytes under an ID of its own.
///
/// The error says why that is impossible and what would help.
pub(crate) fn limit(folder: impl AsFd, project: u32, bytes: u64) -> Result<(), String> {
    let folder = folder.as_fd();
    match quota::projects_are_enforced(folder) {
        Ok(true) => {}
        Ok(false) | Err(Errno::SRCH) => {
            return Err(
                "the file system of the volumes does not enforce quotas of projects; mount it \
                 with prjquota (ext4 also needs mkfs.ext4 -O quota,project)"
                    .to_owned(),
            );
        }
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
            return Err(
                "neither this kernel nor the file system of the volumes has quotas of projects; \
                 use ext4 or XFS with prjquota"
                    .to_owned(),
            );
        }
        Err(e) => return Err(said("look at the quotas of the volumes' file system", e)),
    }
    quota::set_project(folder, project).map_err(|e| said("set the project of the volume", e))?;
    quota::set_limit(folder, project, bytes).map_err(|e| said("set the limit of the project", e))
}

/// Takes the limit off a project whose volume is gone, so that its ID can be used again.
pub(crate) fn lift(root: impl AsFd, project: u32) {
    if let Err(e) = quota::set_limit(root.as_fd(), project, 0) {
        tracing::debug!(project, "cannot lift its quota: {e}");
    }
}

fn said(what: &str, errno: Errno) -> String {
    format!("cannot {what}: {}", std::io::Error::from(errno))
}
