//! mount_setattr(2): flags and propagation of a mount or a tree of mounts (5.12 and later).

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::{Result, checked};

/// The attribute bits (`MOUNT_ATTR_*`).
pub mod bits {
    /// Read-only.
    pub const RDONLY: u64 = 0x1;
    /// Set-user-ID bits and file capabilities do nothing.
    pub const NOSUID: u64 = 0x2;
    /// Device nodes do nothing.
    pub const NODEV: u64 = 0x4;
    /// Nothing can be executed.
    pub const NOEXEC: u64 = 0x8;
    /// The bits that say how access times are kept; all of them must be cleared to set one.
    pub const ATIME: u64 = 0x70;
    /// Access times are kept roughly (value 0 of [`ATIME`]).
    pub const RELATIME: u64 = 0x0;
    /// No access times.
    pub const NOATIME: u64 = 0x10;
    /// Every access is noted.
    pub const STRICTATIME: u64 = 0x20;
    /// No access times of directories.
    pub const NODIRATIME: u64 = 0x80;
    /// User IDs are mapped.
    pub const IDMAP: u64 = 0x10_0000;
    /// Symbolic links are not followed (5.14 and later).
    pub const NOSYMFOLLOW: u64 = 0x20_0000;
}

/// The kernel's `struct mount_attr`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MountAttr {
    /// Bits to set.
    pub set: u64,
    /// Bits to clear.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, `MS_UNBINDABLE` or 0.
    pub propagation: u64,
    /// A user namespace for [`bits::IDMAP`].
    pub userns_fd: u64,
}

/// Changes the mount at `path` (empty: the mount that `directory` is the root of), with
/// everything mounted on it if `recursive`.
pub fn mount_setattr(
    directory: BorrowedFd<'_>,
    path: &CStr,
    recursive: bool,
    attributes: &MountAttr,
) -> Result<()> {
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the structure is the kernel's, of the size given, and only read.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory.as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const *attributes,
            size_of::<MountAttr>(),
        )
    })?;
    Ok(())
}

/// Maps the user IDs of a detached mount by a user namespace (idmapped mount).
pub fn idmap(mount: impl AsFd, recursive: bool, user_namespace: impl AsFd) -> Result<()> {
    let attributes = MountAttr {
        set: bits::IDMAP,
        userns_fd: user_namespace.as_fd().as_raw_fd() as u64,
        ..MountAttr::default()
    };
    mount_setattr(mount.as_fd(), c"", recursive, &attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Errno, namespaces};
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

    #[test]
    fn a_detached_mount_becomes_read_only() {
        let refused = namespaces::in_private_mounts(|| {
            let context = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
            rustix::mount::fsconfig_create(&context).unwrap();
            let mount = rustix::mount::fsmount(
                &context,
                FsMountFlags::FSMOUNT_CLOEXEC,
                MountAttrFlags::empty(),
            )
            .unwrap();
            rustix::fs::mkdirat(&mount, c"before", rustix::fs::Mode::RWXU).unwrap();
            let attributes = MountAttr {
                set: bits::RDONLY,
                ..MountAttr::default()
            };
            mount_setattr(mount.as_fd(), c"", false, &attributes).unwrap();
            rustix::fs::mkdirat(&mount, c"after", rustix::fs::Mode::RWXU).unwrap_err()
        });
        assert_eq!(refused.unwrap(), Errno::ROFS);
    }
}
