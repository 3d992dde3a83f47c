//! Mounting an EROFS index with its tar.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, StatxFlags, fstatfs, fstatvfs, statx};
use rustix::mount::MountAttrFlags;

use super::context::{Context, MountFailure};

/// The two files of a layer.
#[derive(Debug)]
pub(crate) struct LayerFiles {
    pub(crate) index: File,
    pub(crate) tar: File,
}

/// Mounts a layer, detached and read-only.
///
/// With `direct`, file content is read past the page cache of the tar (what a container reads is
/// cached once, for the EROFS file, instead of twice). Ignored where the disk's sectors are larger
/// than EROFS's 512-byte blocks: there such a mount succeeds and every read of it fails.
pub(crate) fn mount_layer(files: &LayerFiles, direct: bool) -> Result<OwnedFd, MountFailure> {
    let context = Context::open("erofs")?;
    context.string("source", &through_proc(&files.index))?;
    context.string("device", &through_proc(&files.tar))?;
    if direct && takes_small_reads(&files.index) && takes_small_reads(&files.tar) {
        context.flag("directio")?;
    }
    context.mount(MountAttrFlags::empty())
}

/// A name short enough for fsconfig(2), however long the file's path is.
pub(super) fn through_proc(file: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

/// Whether direct reads may start at any multiple of 512 bytes (STATX_DIOALIGN, Linux 6.1).
fn takes_small_reads(file: &File) -> bool {
    let wanted = StatxFlags::DIOALIGN;
    statx(file, c"", AtFlags::EMPTY_PATH, wanted).is_ok_and(|stat| {
        StatxFlags::from_bits_retain(stat.stx_mask).contains(wanted)
            && (1..=512).contains(&stat.stx_dio_offset_align)
    })
}

/// What statfs(2) says of a volume with this UUID (`uuid_to_fsid` in the kernel).
pub(crate) fn volume_id(uuid: [u8; 16]) -> u64 {
    let half = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
    half(&uuid[..8]) ^ half(&uuid[8..])
}

/// The volume that a mount shows, if it is EROFS.
pub(crate) fn mounted_volume(mount: impl AsFd) -> Option<u64> {
    const EROFS_SUPER_MAGIC: u64 = 0xE0F5_E1E2;
    let kind = fstatfs(&mount).ok()?.f_type as u64;
    let volume = fstatvfs(&mount).ok()?.f_fsid;
    (kind == EROFS_SUPER_MAGIC).then_some(volume)
}
