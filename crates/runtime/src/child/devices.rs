//! /dev: device nodes and the usual links.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gantry_sys::{Errno, in_root};
use rustix::fs::{AtFlags, CWD, FileType, OFlags};
use rustix::mount::OpenTreeFlags;

use super::mount_calls;
use super::root::NewRoot;
use crate::plan::DevicePlan;
use crate::report::{At, Outcome, Step};

/// Links (runtime-spec, `runtime-linux.md#dev-symbolic-links`), and /dev/ptmx.
const LINKS: [(&CStr, &CStr); 5] = [
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"ptmx", c"pts/ptmx"),
];

/// Makes the nodes and links.
pub(super) fn all(nodes: &[DevicePlan], root: &NewRoot<'_>) -> Outcome {
    let dev = in_root::make_directory(root.as_fd(), c"/dev").at(Step::DeviceDirectory)?;
    for (item, node) in nodes.iter().enumerate() {
        if node.directory.as_c_str() == c"/dev" {
            make(node, dev.as_fd()).at_item(Step::Device, item)?;
        } else {
            let directory = in_root::make_directory(root.as_fd(), &node.directory)
                .at_item(Step::Device, item)?;
            make(node, directory.as_fd()).at_item(Step::Device, item)?;
        }
    }
    links(&dev).at(Step::DeviceLink)
}

fn make(node: &DevicePlan, directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let name = node.name.as_c_str();
    match rustix::fs::mknodat(directory, name, node.kind, node.mode, node.number) {
        Ok(()) if node.uid.is_root() && node.gid.as_raw() == 0 => Ok(()),
        Ok(()) => {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::chownat(directory, name, Some(node.uid), Some(node.gid), flags)
        }
        // An image without a tmpfs on /dev may bring its own, or the spec mounted something there.
        Err(Errno::EXIST) => Ok(()),
        // In a user namespace nobody makes nodes: the host's is bound.
        Err(Errno::PERM) => bind(node, directory),
        Err(errno) => Err(errno),
    }
}

/// The host's node of the same path, which is still to be seen from here.
fn bind(node: &DevicePlan, directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let host = rustix::mount::open_tree(CWD, &node.path, flags)?;
    let name = node.name.as_c_str();
    match rustix::fs::mknodat(directory, name, FileType::RegularFile, node.mode, 0) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = rustix::fs::openat(directory, name, flags, rustix::fs::Mode::empty())?;
    mount_calls::attach(&host, &target)
}

fn links(dev: &OwnedFd) -> Result<(), Errno> {
    for (name, target) in LINKS {
        link(dev, name, target)?;
    }
    // The kernel's memory image, where the host has it.
    if rustix::fs::accessat(
        CWD,
        c"/proc/kcore",
        rustix::fs::Access::EXISTS,
        AtFlags::empty(),
    )
    .is_ok()
    {
        link(dev, c"core", c"/proc/kcore")?;
    }
    Ok(())
}

fn link(dev: &OwnedFd, name: &CStr, target: &CStr) -> Result<(), Errno> {
    match rustix::fs::symlinkat(target, dev, name) {
        // An image's own node for /dev/ptmx would open the host's terminals.
        Err(Errno::EXIST) if name == c"ptmx" => {
            rustix::fs::unlinkat(dev, name, AtFlags::empty())?;
            rustix::fs::symlinkat(target, dev, name)
        }
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}
