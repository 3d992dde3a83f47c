//! What `stat` says of a file, as the packets carry it.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use bollard_buildkit_proto::fsutil::types::Stat;

/// Go's bits for the kinds of files, in which fsutil sends modes.
pub(crate) const DIRECTORY: u32 = 1 << 31;
pub(crate) const LINK: u32 = 1 << 27;
pub(crate) const DEVICE: u32 = 1 << 26;
pub(crate) const PIPE: u32 = 1 << 25;
pub(crate) const SET_USER: u32 = 1 << 23;
pub(crate) const SET_GROUP: u32 = 1 << 22;
pub(crate) const CHARACTER: u32 = 1 << 21;
pub(crate) const STICKY: u32 = 1 << 20;
/// The bits that say that a file is no plain one.
pub(crate) const KINDS: u32 = DIRECTORY | LINK | DEVICE | PIPE | CHARACTER | (1 << 24);

/// A file's description; the owner is root's, as whoever built it must not matter.
pub(super) fn stat(path: &Path, name: &str, metadata: &Metadata) -> std::io::Result<Stat> {
    let mode = go_mode(metadata);
    let mut stat = Stat {
        path: name.to_owned(),
        mode,
        mod_time: metadata.mtime().saturating_mul(1_000_000_000) + metadata.mtime_nsec(),
        ..Stat::default()
    };
    if mode & DIRECTORY == 0 {
        stat.size = metadata.size() as i64;
    }
    if mode & LINK != 0 {
        stat.linkname = std::fs::read_link(path)?.to_string_lossy().into_owned();
    }
    if mode & DEVICE != 0 {
        stat.devmajor = i64::from(rustix::fs::major(metadata.rdev()));
        stat.devminor = i64::from(rustix::fs::minor(metadata.rdev()));
    }
    stat.xattrs = attributes(path);
    Ok(stat)
}

fn go_mode(metadata: &Metadata) -> u32 {
    let unix = metadata.mode();
    let kind = metadata.file_type();
    let mut mode = unix & 0o777;
    if kind.is_dir() {
        mode |= DIRECTORY;
    } else if kind.is_symlink() {
        mode |= LINK;
    } else if kind.is_fifo() {
        mode |= PIPE;
    } else if kind.is_block_device() {
        mode |= DEVICE;
    } else if kind.is_char_device() {
        mode |= DEVICE | CHARACTER;
    }
    for (unix_bit, go_bit) in [(0o4000, SET_USER), (0o2000, SET_GROUP), (0o1000, STICKY)] {
        if unix & unix_bit != 0 {
            mode |= go_bit;
        }
    }
    mode
}

/// Extended attributes. A label of SELinux is this machine's own affair.
fn attributes(path: &Path) -> HashMap<String, Vec<u8>> {
    let mut names = [0_u8; 4096];
    let Ok(length) = rustix::fs::llistxattr(path, &mut names) else {
        return HashMap::new();
    };
    names[..length]
        .split_inclusive(|byte| *byte == 0)
        .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
        .filter(|name| name.to_bytes() != b"security.selinux")
        .filter_map(|name| {
            let mut value = vec![0_u8; 65536];
            let length = rustix::fs::lgetxattr(path, name, &mut value).ok()?;
            value.truncate(length);
            Some((name.to_str().ok()?.to_owned(), value))
        })
        .collect()
}
