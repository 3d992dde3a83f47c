//! Looking into a container's root: every path is resolved by the kernel within that root.

use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::OFlags;

/// Opens a directory of the container, following symbolic links as the container would; `None`
/// when it is not there or is no directory.
pub(crate) fn directory(root: BorrowedFd<'_>, path: &str) -> Option<OwnedFd> {
    let path = CString::new(path).ok()?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    gantry_sys::in_root::open(root, &path, flags).ok()
}
