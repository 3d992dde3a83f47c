//! Copying a directory tree by file descriptors: no name is looked up twice and no symbolic link
//! of the (untrusted) source is followed.
//!
//! Owners, modes, times, extended attributes, hard links and holes are kept; file content is
//! shared with the source where the file system can (`FICLONE`).

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    self as rfs, AtFlags, Dir, FileType, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps,
    XattrFlags,
};
use rustix::io::Errno;

use crate::Error;

/// Copies what is in `from`, and its own owner, mode and attributes, to the existing folder `to`.
pub(crate) fn tree(from: BorrowedFd<'_>, to: &Path) -> Result<(), Error> {
    let fault = |e: Errno| Error::file("copy to", to)(e.into());
    let root = rfs::open(to, DIRECTORY, Mode::empty()).map_err(fault)?;
    let mut copy = Copy {
        root: root.as_fd(),
        path: PathBuf::new(),
        links: HashMap::new(),
        buffers: Buffers::default(),
    };
    copy.directory(from, root.as_fd())
        .map_err(|e| Error::file("copy to", to.join(&copy.path))(e.into()))
}

/// Gives `to` the owner, mode, times and extended attributes of `from`.
pub(crate) fn own_attributes(from: &Path, to: &Path) -> Result<(), Error> {
    let fault = |e: Errno| Error::file("set the owner and mode of", to)(e.into());
    let source = rfs::open(from, DIRECTORY, Mode::empty()).map_err(fault)?;
    let target = rfs::open(to, DIRECTORY, Mode::empty()).map_err(fault)?;
    let stat = rfs::fstat(&source).map_err(fault)?;
    attributes(
        &stat,
        source.as_fd(),
        target.as_fd(),
        &mut Buffers::default(),
    )
    .map_err(fault)
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Scratch space for names and values of extended attributes (64 KiB is the most of each).
struct Buffers {
    names: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            names: vec![0; 64 * 1024],
            value: vec![0; 64 * 1024],
        }
    }
}

struct Copy<'a> {
    root: BorrowedFd<'a>,
    /// Where we are, below the root.
    path: PathBuf,
    /// Files with several names: where the copy's first one is.
    links: HashMap<(u64, u64), PathBuf>,
    buffers: Buffers,
}

impl Copy<'_> {
    fn directory(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> rustix::io::Result<()> {
        for entry in Dir::read_from(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                self.path.push(OsStr::from_bytes(name.to_bytes()));
                self.one(from, to, name)?;
                self.path.pop();
            }
        }
        let stat = rfs::fstat(from)?;
        attributes(&stat, from, to, &mut self.buffers)
    }

    fn one(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
    ) -> rustix::io::Result<()> {
        let stat = rfs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            let source = rfs::openat(from, name, DIRECTORY, Mode::empty())?;
            match rfs::mkdirat(to, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            let target = rfs::openat(to, name, DIRECTORY, Mode::empty())?;
            return self.directory(source.as_fd(), target.as_fd());
        }
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)) {
                return rfs::linkat(self.root, first, to, name, AtFlags::empty());
            }
            let place = ((stat.st_dev, stat.st_ino), self.path.clone());
            self.links.extend([place]);
        }
        match kind {
            FileType::RegularFile => return self.regular(from, to, name),
            FileType::Symlink => {
                let target = rfs::readlinkat(from, name, Vec::new())?;
                rfs::symlinkat(target, to, name)?;
            }
            kind => {
                let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
                rfs::mknodat(to, name, kind, mode, stat.st_rdev)?;
            }
        }
        let (uid, gid) = owner(&stat);
        rfs::chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        if kind != FileType::Symlink {
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
            rfs::chmodat(to, name, mode, AtFlags::empty())?;
        }
        rfs::utimensat(to, name, &times(&stat), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn regular(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
    ) -> rustix::io::Result<()> {
        let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let source = rfs::openat(from, name, read, Mode::empty())?;
        let write =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let target = rfs::openat(to, name, write, Mode::RUSR | Mode::WUSR)?;
        // Of what was opened: the name may mean something else by now.
        let stat = rfs::fstat(&source)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        let (source, target) = content(source, target, stat.st_size as u64)
            .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        attributes(&stat, source.as_fd(), target.as_fd(), &mut self.buffers)
    }
}

/// Copies a file's bytes: shared where the file system can, else only those that are there.
fn content(source: OwnedFd, target: OwnedFd, size: u64) -> io::Result<(File, File)> {
    let (mut source, mut target) = (File::from(source), File::from(target));
    if size == 0 || rfs::ioctl_ficlone(&target, &source).is_ok() {
        return Ok((source, target));
    }
    let mut at = 0;
    while at < size {
        let start = match rfs::seek(&source, SeekFrom::Data(at)) {
            Ok(start) => start,
            // A hole to the end.
            Err(Errno::NXIO) => break,
            // No holes are known here.
            Err(_) => at,
        };
        let end = rfs::seek(&source, SeekFrom::Hole(start)).unwrap_or(size);
        let end = if end > start { end } else { size };
        source.seek(io::SeekFrom::Start(start))?;
        target.seek(io::SeekFrom::Start(start))?;
        // This is copy_file_range(2) or splice(2) inside.
        io::copy(&mut source.by_ref().take(end - start), &mut target)?;
        at = end;
    }
    target.set_len(size)?;
    Ok((source, target))
}

/// Owner first: changing it clears set-user-ID bits and file capabilities.
fn attributes(
    stat: &Stat,
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    buffers: &mut Buffers,
) -> rustix::io::Result<()> {
    let (uid, gid) = owner(stat);
    rfs::fchown(to, Some(uid), Some(gid))?;
    rfs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    extended_attributes(from, to, buffers)?;
    rfs::futimens(to, &times(stat))
}

/// Copies extended attributes; those that the target cannot take (another security module's,
/// overlay's own) are left out.
fn extended_attributes(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    buffers: &mut Buffers,
) -> rustix::io::Result<()> {
    let Buffers { names, value } = buffers;
    let length = match rfs::flistxattr(from, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(e) => return Err(e),
    };
    for name in names[..length].split_inclusive(|b| *b == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        let overlays = [b"trusted.overlay.".as_slice(), b"user.overlay."];
        if overlays
            .iter()
            .any(|prefix| name.to_bytes().starts_with(prefix))
        {
            continue;
        }
        let size = match rfs::fgetxattr(from, name, &mut value[..]) {
            Ok(size) => size,
            Err(Errno::NODATA) => continue,
            Err(e) => return Err(e),
        };
        match rfs::fsetxattr(to, name, &value[..size], XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{FileExt, MetadataExt};

    #[test]
    fn hard_links_holes_and_attributes_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("a/one"), "same").unwrap();
        fs::hard_link(from.join("a/one"), from.join("a/b/two")).unwrap();
        let sparse = File::create(from.join("sparse")).unwrap();
        sparse.set_len(64 << 20).unwrap();
        sparse.write_all_at(b"middle", 32 << 20).unwrap();
        rfs::fsetxattr(&sparse, c"user.colour", b"red", XattrFlags::empty()).unwrap();
        std::os::unix::fs::chown(from.join("sparse"), Some(12), Some(34)).unwrap();

        tree(File::open(&from).unwrap().as_fd(), &to).unwrap();

        let inode = |path: &str| fs::metadata(to.join(path)).unwrap().ino();
        assert_eq!(inode("a/one"), inode("a/b/two"));
        let copied = fs::metadata(to.join("sparse")).unwrap();
        assert_eq!((copied.uid(), copied.gid()), (12, 34));
        assert_eq!(copied.len(), 64 << 20);
        assert!(copied.blocks() < 1024, "{} blocks", copied.blocks());
        let mut middle = [0; 6];
        let file = File::open(to.join("sparse")).unwrap();
        file.read_exact_at(&mut middle, 32 << 20).unwrap();
        assert_eq!(&middle, b"middle");
        let mut value = [0; 8];
        assert_eq!(rfs::fgetxattr(&file, c"user.colour", &mut value[..]), Ok(3));
    }
}
