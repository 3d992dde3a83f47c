//! Mount calls by descriptor, with what older kernels need in their place.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use gantry_sys::Errno;
use gantry_sys::mount_attr::{MountAttr, bits, mount_setattr};
use rustix::fs::StatVfsMountFlags;
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags};

/// Attaches a detached mount at a descriptor.
pub(super) fn attach(mount: impl AsFd, target: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, c"", target, c"", flags)
}

/// A detached copy of what a descriptor means in our own mount namespace.
pub(super) fn copy(source: impl AsFd, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(source, c"", flags)
}

/// Changes flags of an attached mount. Before 5.12 that is a remount, which cannot be recursive
/// (`EOPNOTSUPP`) and must repeat every flag.
pub(super) fn set_flags(
    mount: BorrowedFd<'_>,
    attributes: &MountAttr,
    recursive: bool,
) -> Result<(), Errno> {
    if attributes.set == 0 && attributes.clear == 0 {
        return Ok(());
    }
    match mount_setattr(mount, c"", recursive, attributes) {
        Err(Errno::NOSYS) if recursive => Err(Errno::OPNOTSUPP),
        Err(Errno::NOSYS) => remount(mount, attributes),
        other => other,
    }
}

fn remount(mount: BorrowedFd<'_>, attributes: &MountAttr) -> Result<(), Errno> {
    const FLAGS: [(StatVfsMountFlags, u64, MountFlags); 6] = [
        (StatVfsMountFlags::RDONLY, bits::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, bits::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, bits::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, bits::NOEXEC, MountFlags::NOEXEC),
        (
            StatVfsMountFlags::NODIRATIME,
            bits::NODIRATIME,
            MountFlags::NODIRATIME,
        ),
        (
            StatVfsMountFlags::NOATIME,
            bits::NOATIME,
            MountFlags::NOATIME,
        ),
    ];
    let now = rustix::fs::fstatvfs(mount)?.f_flag;
    let mut flags = MountFlags::BIND;
    for (has, bit, flag) in FLAGS {
        let set = attributes.set & bit != 0;
        if set || (now.contains(has) && attributes.clear & bit == 0) {
            flags |= flag;
        }
    }
    if attributes.set & bits::STRICTATIME != 0 {
        flags |= MountFlags::STRICTATIME;
    }
    let path = DescriptorPath::new(mount);
    rustix::mount::mount_remount(path.as_c_str(), flags, c"")
}

/// Changes how mounts below an attached mount spread.
pub(super) fn set_propagation(
    mount: BorrowedFd<'_>,
    propagation: MountPropagationFlags,
) -> Result<(), Errno> {
    let recursive = propagation.contains(MountPropagationFlags::REC);
    let attributes = MountAttr {
        propagation: u64::from(propagation.difference(MountPropagationFlags::REC).bits()),
        ..MountAttr::default()
    };
    match mount_setattr(mount, c"", recursive, &attributes) {
        Err(Errno::NOSYS) => {
            let path = DescriptorPath::new(mount);
            rustix::mount::mount_change(path.as_c_str(), propagation)
        }
        other => other,
    }
}

/// Cuts an attached copy of a host's mounts off from them: they may be shared.
pub(super) fn make_private(mount: BorrowedFd<'_>) -> Result<(), Errno> {
    set_propagation(
        mount,
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
}

/// `/proc/self/fd/N`: while the host's /proc is still ours.
struct DescriptorPath([u8; 32]);

impl DescriptorPath {
    fn new(fd: BorrowedFd<'_>) -> Self {
        const PREFIX: &[u8] = b"/proc/self/fd/";
        let mut path = [0; 32];
        path[..PREFIX.len()].copy_from_slice(PREFIX);
        let mut digits = [0; 10];
        let mut number = fd.as_raw_fd() as u32;
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        let digits = &digits[first..];
        path[PREFIX.len()..PREFIX.len() + digits.len()].copy_from_slice(digits);
        Self(path)
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_descriptor() {
        for number in [0, 7, 10, 2_147_483_647] {
            // SAFETY: only the number is used.
            let path = DescriptorPath::new(unsafe { BorrowedFd::borrow_raw(number) });
            let expected = format!("/proc/self/fd/{number}");
            assert_eq!(path.as_c_str().to_str().unwrap(), expected);
        }
    }

    #[test]
    fn a_remount_keeps_other_flags() {
        gantry_sys::namespaces::in_private_mounts(|| {
            let directory = std::env::temp_dir();
            rustix::mount::mount(c"t", &directory, c"tmpfs", MountFlags::NOSUID, None).unwrap();
            let mount = std::fs::File::open(&directory).unwrap();
            let attributes = MountAttr {
                set: bits::NODEV,
                ..MountAttr::default()
            };
            remount(mount.as_fd(), &attributes).unwrap();
            let flags = rustix::fs::fstatvfs(&mount).unwrap().f_flag;
            assert!(flags.contains(StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV));
        })
        .unwrap();
    }
}
