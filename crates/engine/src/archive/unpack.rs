//! A tar stream into a directory of the container.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use gantry_archive::copy_large;
use gantry_sys::in_root;
use rustix::fs::{
    self as rfs, AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType};

use super::root::c_path;
use super::{UnpackOptions, missing};
use crate::Error;

/// Unpacks all entries of an archive, compressed or not, below `options.path`; `owner` takes the place of the archive's owners.
pub(super) fn unpack(
    root: BorrowedFd<'_>,
    options: &UnpackOptions,
    owner: Option<(u32, u32)>,
    archive: impl Read,
    container: &str,
) -> Result<(), Error> {
    let target = match in_root::open(root, &c_path(&options.path)?, OFlags::PATH) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::NOTDIR) => return Err(missing(&options.path, container)),
        Err(e) => return Err(failed(&options.path, e)),
    };
    let kind = rfs::fstat(&target).map_err(|e| failed(&options.path, e))?;
    if FileType::from_raw_mode(kind.st_mode) != FileType::Directory {
        return Err(Error::Invalid(
            "extraction point is not a directory".to_owned(),
        ));
    }
    let unpacker = Unpacker {
        root,
        base: clean(Path::new(&options.path)),
        options,
        owner,
    };
    let mut directories = Vec::new();
    let mut archive = Archive::new(gantry_archive::decode(archive).map_err(unreadable)?);
    let entries = archive.entries().map_err(unreadable)?;
    for entry in entries {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.into_owned();
        unpacker
            .entry(&mut entry, &name, &mut directories)
            .map_err(|e| match e {
                Error::Invalid(_) | Error::NotSupported(_) => e,
                other => Error::Internal(format!("cannot unpack {}: {other}", name.display())),
            })?;
    }
    // Times of directories last: writing into them changes those.
    for (path, mtime) in directories.into_iter().rev() {
        unpacker.set_directory_time(&path, mtime);
    }
    Ok(())
}

struct Unpacker<'a> {
    root: BorrowedFd<'a>,
    base: PathBuf,
    options: &'a UnpackOptions,
    owner: Option<(u32, u32)>,
}

impl Unpacker<'_> {
    fn entry(
        &self,
        entry: &mut Entry<'_, impl Read>,
        name: &Path,
        directories: &mut Vec<(PathBuf, i64)>,
    ) -> Result<(), Error> {
        if name.components().any(|part| part == Component::ParentDir) {
            return Err(Error::Invalid(format!(
                "the archive has the hostile name {:?}",
                name.display()
            )));
        }
        let path = self
            .base
            .join(clean(name).strip_prefix("/").unwrap_or(name));
        let kind = entry.header().entry_type();
        if path == self.base {
            if self.options.own_root && kind == EntryType::Directory {
                self.attributes_at(entry, self.root, c".", kind)
                    .map_err(|e| failed(&path, e))?;
            }
            return Ok(());
        }
        let (parent, last) = self.parent(&path)?;
        self.make_room(parent.as_fd(), &last, kind, &path)?;
        match kind {
            EntryType::Directory => {
                match rfs::mkdirat(&parent, &last, Mode::RWXU) {
                    Err(Errno::EXIST) | Ok(()) => {}
                    Err(e) => return Err(failed(&path, e)),
                }
                directories.push((path.clone(), mtime(entry)));
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                return self.regular(entry, parent.as_fd(), &last, &path);
            }
            EntryType::Symlink => {
                let target = link_name(entry)?;
                rfs::symlinkat(target.as_os_str(), &parent, &last).map_err(|e| failed(&path, e))?;
            }
            EntryType::Link => return self.hard_link(entry, parent.as_fd(), &last, &path),
            EntryType::Fifo | EntryType::Char | EntryType::Block => {
                make_node(entry, kind, parent.as_fd(), &last).map_err(|e| failed(&path, e))?;
            }
            // Headers about other entries, which the reader has applied already.
            _ => return Ok(()),
        }
        self.attributes_at(entry, parent.as_fd(), &last, kind)
            .map_err(|e| failed(&path, e))
    }

    /// Opens the directory above, making what is missing, all within the root.
    fn parent(&self, path: &Path) -> Result<(OwnedFd, CString), Error> {
        let last = path.file_name().unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("/"));
        let folder_c = CString::new(folder.as_os_str().as_bytes()).map_err(|_| zero_byte(path))?;
        let last_c = CString::new(last.as_bytes()).map_err(|_| zero_byte(path))?;
        let fd = in_root::make_directory(self.root, &folder_c).map_err(|e| failed(folder, e))?;
        Ok((fd, last_c))
    }

    /// What stands in the way goes, unless that would change a directory into something else.
    fn make_room(
        &self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        kind: EntryType,
        path: &Path,
    ) -> Result<(), Error> {
        let Ok(stat) = rfs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) else {
            return Ok(());
        };
        let was_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let is_directory = kind == EntryType::Directory;
        if was_directory && is_directory {
            return Ok(());
        }
        if self.options.keep_kinds && was_directory != is_directory {
            let (new, old) = if is_directory {
                ("directory", "non-directory")
            } else {
                ("non-directory", "directory")
            };
            return Err(Error::Invalid(format!(
                "cannot overwrite {old} \"{}\" with {new}",
                path.display()
            )));
        }
        let flags = if was_directory {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        rfs::unlinkat(parent, name, flags).map_err(|e| failed(path, e))
    }

    fn regular(
        &self,
        entry: &mut Entry<'_, impl Read>,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
    ) -> Result<(), Error> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rfs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| failed(path, e))?;
        let mut file = File::from(fd);
        let size = entry.size();
        let copied = copy_large(entry, &mut file, size)
            .map_err(|e| Error::Internal(format!("cannot write {}: {e}", path.display())))?;
        if copied != size {
            return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
        }
        let (uid, gid) = self.owner_of(entry);
        let mode = Mode::from_raw_mode(entry.header().mode().unwrap_or(0o644) & 0o7777);
        let all = || {
            rfs::fchown(&file, Some(uid), Some(gid))?;
            rfs::fchmod(&file, mode)?;
            set_xattrs(entry, file.as_fd());
            rfs::futimens(&file, &times(mtime(entry)))
        };
        let mut all = all;
        all().map_err(|e| failed(path, e))
    }

    fn hard_link(
        &self,
        entry: &mut Entry<'_, impl Read>,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
    ) -> Result<(), Error> {
        let target = link_name(entry)?;
        if target.components().any(|part| part == Component::ParentDir) {
            return Err(Error::Invalid(format!(
                "the archive has a hostile link to {:?}",
                target.display()
            )));
        }
        let target = self
            .base
            .join(clean(&target).strip_prefix("/").unwrap_or(&target));
        let (from, from_name) = self.parent(&target)?;
        rfs::linkat(&from, &from_name, parent, name, AtFlags::empty()).map_err(|e| failed(path, e))
    }

    fn attributes_at(
        &self,
        entry: &Entry<'_, impl Read>,
        parent: BorrowedFd<'_>,
        name: &CStr,
        kind: EntryType,
    ) -> rustix::io::Result<()> {
        let (uid, gid) = self.owner_of(entry);
        rfs::chownat(
            parent,
            name,
            Some(uid),
            Some(gid),
            AtFlags::SYMLINK_NOFOLLOW,
        )?;
        if kind != EntryType::Symlink {
            let mode = entry.header().mode().unwrap_or(0o755) & 0o7777;
            change_mode(parent, name, Mode::from_raw_mode(mode))?;
        }
        rfs::utimensat(
            parent,
            name,
            &times(mtime(entry)),
            AtFlags::SYMLINK_NOFOLLOW,
        )
    }

    fn owner_of(&self, entry: &Entry<'_, impl Read>) -> (Uid, Gid) {
        let header = entry.header();
        let given = || {
            (
                header.uid().unwrap_or(0) as u32,
                header.gid().unwrap_or(0) as u32,
            )
        };
        let (uid, gid) = self.owner.unwrap_or_else(given);
        (Uid::from_raw(uid), Gid::from_raw(gid))
    }

    fn set_directory_time(&self, path: &Path, mtime: i64) {
        let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
            return;
        };
        if let Ok(fd) = in_root::open(self.root, &path, OFlags::RDONLY | OFlags::DIRECTORY) {
            let _ = rfs::futimens(&fd, &times(mtime));
        }
    }
}

/// Changes the mode of what was just made and never that of what a link leads to: chmodat(2) has no
/// way not to follow one, and a device or pipe is better not opened.
fn change_mode(parent: BorrowedFd<'_>, name: &CStr, mode: Mode) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rfs::openat(parent, name, flags, Mode::empty())?;
    rfs::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), mode)
}

fn make_node(
    entry: &Entry<'_, impl Read>,
    kind: EntryType,
    parent: BorrowedFd<'_>,
    name: &CStr,
) -> rustix::io::Result<()> {
    let header = entry.header();
    let number = |n: io::Result<Option<u32>>| n.ok().flatten().unwrap_or(0);
    let device = rfs::makedev(number(header.device_major()), number(header.device_minor()));
    let (kind, device) = match kind {
        EntryType::Fifo => (FileType::Fifo, 0),
        EntryType::Block => (FileType::BlockDevice, device),
        _ => (FileType::CharacterDevice, device),
    };
    let mode = Mode::from_raw_mode(header.mode().unwrap_or(0o600) & 0o7777);
    rfs::mknodat(parent, name, kind, mode, device)
}

/// `SCHILY.xattr.*` records; what the file system does not take is left out.
fn set_xattrs(entry: &mut Entry<'_, impl Read>, file: BorrowedFd<'_>) {
    let Ok(Some(extensions)) = entry.pax_extensions() else {
        return;
    };
    for extension in extensions.flatten() {
        let Ok(key) = extension.key() else { continue };
        if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
            let _ = rfs::fsetxattr(file, name, extension.value_bytes(), XattrFlags::empty());
        }
    }
}

fn link_name(entry: &Entry<'_, impl Read>) -> Result<PathBuf, Error> {
    let target = entry.link_name().map_err(unreadable)?;
    target
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| Error::Invalid("the archive has a link that leads nowhere".to_owned()))
}

/// An absolute path without `.`; `..` never gets here.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    clean.extend(path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(OsStr::new(name)),
        _ => None,
    }));
    clean
}

fn mtime(entry: &Entry<'_, impl Read>) -> i64 {
    entry
        .header()
        .mtime()
        .map_or(0, |t| i64::try_from(t).unwrap_or(0))
}

fn times(mtime: i64) -> Timestamps {
    let at = Timespec {
        tv_sec: mtime,
        tv_nsec: 0,
    };
    Timestamps {
        last_access: at,
        last_modification: at,
    }
}

fn failed(path: impl AsRef<Path>, e: Errno) -> Error {
    Error::Internal(format!("cannot write {}: {e}", path.as_ref().display()))
}

fn zero_byte(path: &Path) -> Error {
    Error::Invalid(format!("the path {:?} has a zero byte", path.display()))
}

fn unreadable(e: io::Error) -> Error {
    Error::Invalid(format!("the archive cannot be read: {e}"))
}
