//! Quotas of projects: a folder's files count together, whoever owns them (quotactl_fd(2),
//! `FS_IOC_FSSETXATTR`).

use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{Errno, Result, checked};

/// The kernel's `struct fsxattr`.
#[repr(C)]
#[derive(Default)]
struct FsXattr {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    cow_extent_size: u32,
    padding: [u8; 8],
}

/// The kernel's `struct if_dqblk`.
#[repr(C)]
#[derive(Default)]
struct Limits {
    hard_blocks: u64,
    soft_blocks: u64,
    space: u64,
    hard_inodes: u64,
    soft_inodes: u64,
    inodes: u64,
    block_time: u64,
    inode_time: u64,
    valid: u32,
}

/// `FS_IOC_FSGETXATTR`, `_IOR('X', 31, struct fsxattr)`.
const GET: libc::c_ulong = 0x801c_581f;
/// `FS_IOC_FSSETXATTR`, `_IOW('X', 32, struct fsxattr)`.
const SET: libc::c_ulong = 0x401c_5820;
/// `FS_XFLAG_PROJINHERIT`: what is made in the folder is of its project.
const INHERIT: u32 = 0x200;
/// `PRJQUOTA`.
const PROJECTS: u32 = 2;
/// `Q_SETQUOTA`.
const SET_QUOTA: u32 = 0x80_0008;
/// `Q_XGETQSTAT`.
const GET_STATE: u32 = (b'X' as u32) << 8 | 5;
/// `QIF_BLIMITS`.
const BLOCK_LIMITS: u32 = 1;
/// `FS_QUOTA_PDQ_ENFD`.
const ENFORCED: u16 = 1 << 5;
/// A block of quotas, in bytes (`QUOTABLOCK_SIZE`).
const BLOCK: u64 = 1024;

/// Why a project cannot be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The file system could, but was not told to.
    Off,
    /// There is no such thing here.
    Missing,
    /// A step failed.
    Failed(&'static str, Errno),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str(
                "the file system does not enforce quotas of projects; mount it with prjquota \
                 (ext4 also needs mkfs.ext4 -O quota,project)",
            ),
            Self::Missing => f.write_str(
                "this kernel or the file system has no quotas of projects; use ext4 or XFS with \
                 prjquota",
            ),
            Self::Failed(what, errno) => {
                write!(f, "cannot {what}: {}", std::io::Error::from(*errno))
            }
        }
    }
}

/// Whether [`limit`] can work on the file system that `on` is of.
pub fn check(on: BorrowedFd<'_>) -> std::result::Result<(), Refusal> {
    match projects_are_enforced(on) {
        Ok(true) => Ok(()),
        Ok(false) | Err(Errno::SRCH) => Err(Refusal::Off),
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOTTY) => Err(Refusal::Missing),
        Err(errno) => Err(Refusal::Failed(
            "look at the quotas of the file system",
            errno,
        )),
    }
}

/// Limits what will be in `folder`, which is still empty, to that many bytes under a project.
pub fn limit(folder: BorrowedFd<'_>, project: u32, bytes: u64) -> std::result::Result<(), Refusal> {
    check(folder)?;
    set_project(folder, project)
        .map_err(|errno| Refusal::Failed("give the folder to a project", errno))?;
    set_limit(folder, project, bytes)
        .map_err(|errno| Refusal::Failed("set the limit of the project", errno))
}

/// Gives an empty folder, and what will be made in it, to a project.
pub fn set_project(folder: BorrowedFd<'_>, project: u32) -> Result<()> {
    let mut attributes = FsXattr::default();
    // SAFETY: the kernel writes the structure that the request's number names, whole.
    checked(unsafe {
        libc::ioctl(folder.as_raw_fd(), GET as _, &raw mut attributes) as libc::c_long
    })?;
    attributes.project = project;
    attributes.flags |= INHERIT;
    // SAFETY: the kernel reads the structure that the request's number names.
    checked(unsafe {
        libc::ioctl(folder.as_raw_fd(), SET as _, &raw const attributes) as libc::c_long
    })?;
    Ok(())
}

/// Limits a project on the file system that `on` is of; 0 is no limit.
pub fn set_limit(on: BorrowedFd<'_>, project: u32, bytes: u64) -> Result<()> {
    let mut limits = Limits {
        hard_blocks: bytes.div_ceil(BLOCK),
        valid: BLOCK_LIMITS,
        ..Limits::default()
    };
    limits.soft_blocks = limits.hard_blocks;
    // SAFETY: Q_SETQUOTA reads an if_dqblk.
    unsafe { quotactl(on, SET_QUOTA, project, (&raw mut limits).cast()) }
}

/// Whether the limits of projects hold on the file system that `on` is of. `ESRCH` where quotas
/// are off, `ENOSYS` where there are none.
pub fn projects_are_enforced(on: BorrowedFd<'_>) -> Result<bool> {
    // An fs_quota_stat of 80 bytes: a version, then 16 bits of flags at offset 2.
    let mut state = [0u16; 64];
    // SAFETY: Q_XGETQSTAT writes an fs_quota_stat, which the buffer of 128 bytes holds.
    unsafe { quotactl(on, GET_STATE, 0, state.as_mut_ptr().cast()) }?;
    Ok(state[1] & ENFORCED != 0)
}

/// # Safety
/// `argument` must be what the command takes.
unsafe fn quotactl(
    on: BorrowedFd<'_>,
    command: u32,
    id: u32,
    argument: *mut libc::c_void,
) -> Result<()> {
    // SAFETY: the caller's promise.
    checked(unsafe {
        libc::syscall(
            libc::SYS_quotactl_fd,
            on.as_raw_fd(),
            command << 8 | PROJECTS,
            id,
            argument,
        )
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn where_there_are_no_quotas_that_is_said() {
        let proc = std::fs::File::open("/proc").unwrap();
        projects_are_enforced(proc.as_fd()).unwrap_err();
        set_project(proc.as_fd(), 1).unwrap_err();
    }
}
