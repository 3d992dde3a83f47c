//! Copying a directory tree by file descriptors: no name is looked up twice and no symbolic link
//! of the (untrusted) source is followed.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    self as rfs, AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags,
};

use crate::Error;

/// Copies what is in `from`, and its own owner and mode, to the existing folder `to`.
pub(crate) fn tree(from: BorrowedFd<'_>, to: &Path) -> Result<(), Error> {
    let fault = |e: rustix::io::Errno| Error::file("copy the image's files to", to)(e.into());
    let to_fd = rfs::open(to, DIRECTORY, Mode::empty()).map_err(fault)?;
    directory(from, to_fd.as_fd()).map_err(fault)
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn directory(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> rustix::io::Result<()> {
    for entry in Dir::read_from(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            one(from, to, name)?;
        }
    }
    let stat = rfs::fstat(from)?;
    attributes(from, to)?;
    rfs::fchown(to, Some(owner(&stat).0), Some(owner(&stat).1))?;
    rfs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    rfs::futimens(to, &times(&stat))
}

fn one(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<()> {
    let stat = rfs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let source = rfs::openat(from, name, DIRECTORY, Mode::empty())?;
            rfs::mkdirat(to, name, Mode::RWXU)?;
            let target = rfs::openat(to, name, DIRECTORY, Mode::empty())?;
            return directory(source.as_fd(), target.as_fd());
        }
        FileType::RegularFile => return regular(from, to, name, &stat),
        FileType::Symlink => {
            let target = rfs::readlinkat(from, name, Vec::new())?;
            rfs::symlinkat(target, to, name)?;
        }
        kind => rfs::mknodat(
            to,
            name,
            kind,
            Mode::from_raw_mode(stat.st_mode & 0o7777),
            stat.st_rdev,
        )?,
    }
    let (uid, gid) = owner(&stat);
    rfs::chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    rfs::utimensat(to, name, &times(&stat), AtFlags::SYMLINK_NOFOLLOW)
}

fn regular(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    stat: &Stat,
) -> rustix::io::Result<()> {
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let source = rfs::openat(from, name, read, Mode::empty())?;
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = rfs::openat(to, name, write, Mode::RUSR | Mode::WUSR)?;
    let (source, target) = copy_bytes(source, target)?;
    attributes(source.as_fd(), target.as_fd())?;
    let (uid, gid) = owner(stat);
    rfs::fchown(&target, Some(uid), Some(gid))?;
    rfs::fchmod(&target, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    rfs::futimens(&target, &times(stat))
}

/// `io::copy` uses copy_file_range(2), which clones extents where the file system can.
fn copy_bytes(source: OwnedFd, target: OwnedFd) -> rustix::io::Result<(File, File)> {
    let (mut source, mut target) = (File::from(source), File::from(target));
    io::copy(&mut source, &mut target)
        .map_err(|e| rustix::io::Errno::from_io_error(&e).unwrap_or(rustix::io::Errno::IO))?;
    Ok((source, target))
}

/// Copies extended attributes; those that the target cannot take (another security module's,
/// overlay's own) are left out.
fn attributes(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut names = vec![0u8; 64 * 1024];
    let length = match rfs::flistxattr(from, &mut names[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(()),
        Err(e) => return Err(e),
    };
    let mut value = vec![0u8; 64 * 1024];
    for name in names[..length].split_inclusive(|b| *b == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        if name.to_bytes().starts_with(b"trusted.overlay.") {
            continue;
        }
        let size = rfs::fgetxattr(from, name, &mut value[..])?;
        match rfs::fsetxattr(to, name, &value[..size], XattrFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::PERM) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn owner(stat: &Stat) -> (rfs::Uid, rfs::Gid) {
    (
        rfs::Uid::from_raw(stat.st_uid),
        rfs::Gid::from_raw(stat.st_gid),
    )
}

fn times(stat: &Stat) -> Timestamps {
    let at = |tv_sec: i64, nanos: u64| Timespec {
        tv_sec,
        tv_nsec: nanos as i64,
    };
    Timestamps {
        last_access: at(stat.st_atime, stat.st_atime_nsec),
        last_modification: at(stat.st_mtime, stat.st_mtime_nsec),
    }
}
