//! Sizes of volumes, kept by the file system: project quotas of ext4, XFS and f2fs.

use std::os::fd::AsFd;

use gantry_sys::quota;

/// Project IDs begin here, above what people give by hand.
pub(crate) const FIRST_PROJECT: u32 = 0x4000_0000;

/// Limits what is in `folder`, which is still empty, to that many bytes under an ID of its own.
///
/// The error says why that is impossible and what would help.
pub(crate) fn limit(folder: impl AsFd, project: u32, bytes: u64) -> Result<(), String> {
    quota::limit(folder.as_fd(), project, bytes)
        .map_err(|refusal| format!("where the volumes are, {refusal}"))
}

/// Takes the limit off a project whose volume is gone, so that its ID can be used again.
pub(crate) fn lift(root: impl AsFd, project: u32) {
    if let Err(e) = quota::set_limit(root.as_fd(), project, 0) {
        tracing::debug!(project, "cannot lift its quota: {e}");
    }
}
