//! A file or a tree of the container as a tar stream.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gantry_archive::append_large;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, fgetxattr, flistxattr, openat, readlinkat, statat,
};
use tar::{Builder, EntryType, Header};

use super::root::parent_of;
use super::stat::base_name;

/// Writes the entry and all below it; the top is called as the path's last component.
pub(super) fn pack(root: BorrowedFd<'_>, path: &str, out: &mut impl Write) -> io::Result<()> {
    let (parent, name) = parent_of(root, path)?;
    let top = match base_name(path).as_str() {
        "/" => PathBuf::from("."),
        base => PathBuf::from(base),
    };
    let mut packer = Packer {
        tar: Builder::new(out),
        links: HashMap::new(),
    };
    packer.entry(parent.as_fd(), name.as_deref().unwrap_or(c"."), &top)?;
    packer.tar.finish()?;
    packer.tar.into_inner()?.flush()
}

/// Writes everything below a root, without an entry for the root itself.
pub(crate) fn pack_root(root: impl AsFd, out: &mut impl Write) -> io::Result<()> {
    let mut packer = Packer {
        tar: Builder::new(out),
        links: HashMap::new(),
    };
    let flags = READ | OFlags::DIRECTORY;
    let folder = openat(&root, c".", flags, Mode::empty())?;
    for name in names(folder.as_fd())? {
        let path = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        packer.entry(folder.as_fd(), &name, &path)?;
    }
    packer.tar.finish()?;
    packer.tar.into_inner()?.flush()
}

/// The names in a directory, sorted.
fn names(folder: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut names: Vec<CString> = Dir::read_from(folder)?
        .map(|entry| entry.map(|e| e.file_name().to_owned()))
        .collect::<Result<_, _>>()?;
    names.retain(|n| !matches!(n.as_bytes(), b"." | b".."));
    names.sort();
    Ok(names)
}

struct Packer<W: Write> {
    tar: Builder<W>,
    /// Files with several names: the first one's.
    links: HashMap<(u64, u64), PathBuf>,
}

const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

impl<W: Write> Packer<W> {
    fn entry(&mut self, parent: BorrowedFd<'_>, name: &CStr, path: &Path) -> io::Result<()> {
        let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mut header = header(&stat);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.directory(parent, name, path, header),
            FileType::RegularFile => self.regular(parent, name, path, &stat, header),
            FileType::Symlink => {
                header.set_entry_type(EntryType::Symlink);
                let target = readlinkat(parent, name, Vec::new())?;
                self.tar
                    .append_link(&mut header, path, OsStr::from_bytes(target.as_bytes()))
            }
            FileType::Socket => Ok(()), // tar knows none; Docker leaves them out too
            kind => {
                header.set_entry_type(match kind {
                    FileType::Fifo => EntryType::Fifo,
                    FileType::BlockDevice => EntryType::Block,
                    _ => EntryType::Char,
                });
                header.set_device_major(rustix::fs::major(stat.st_rdev))?;
                header.set_device_minor(rustix::fs::minor(stat.st_rdev))?;
                self.tar.append_data(&mut header, path, io::empty())
            }
        }
    }

    fn directory(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
        mut header: Header,
    ) -> io::Result<()> {
        let folder = openat(parent, name, READ | OFlags::DIRECTORY, Mode::empty())?;
        header.set_entry_type(EntryType::Directory);
        self.attributes(folder.as_fd())?;
        let mut shown = path.as_os_str().to_owned();
        shown.push("/");
        self.tar.append_data(&mut header, &shown, io::empty())?;
        for name in names(folder.as_fd())? {
            self.entry(
                folder.as_fd(),
                &name,
                &path.join(OsStr::from_bytes(name.as_bytes())),
            )?;
        }
        Ok(())
    }

    fn regular(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
        stat: &Stat,
        mut header: Header,
    ) -> io::Result<()> {
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)) {
                header.set_entry_type(EntryType::Link);
                return self.tar.append_link(&mut header, path, first);
            }
            self.links
                .insert((stat.st_dev, stat.st_ino), path.to_owned());
        }
        let file = openat(parent, name, READ, Mode::empty())?;
        self.attributes(file.as_fd())?;
        let size = stat.st_size as u64;
        header.set_entry_type(EntryType::Regular);
        append_large(&mut self.tar, &mut header, path, File::from(file), size)
    }

    /// Extended attributes as PAX records in front of the entry.
    fn attributes(&mut self, file: BorrowedFd<'_>) -> io::Result<()> {
        let mut names = vec![0u8; 64 * 1024];
        let Ok(length) = flistxattr(file, &mut names[..]) else {
            return Ok(());
        };
        let mut records = Vec::new();
        for name in names[..length].split_inclusive(|b| *b == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else {
                continue;
            };
            let text = name.to_string_lossy();
            if text.starts_with("trusted.overlay.") {
                continue;
            }
            let mut value = vec![0u8; 64 * 1024];
            if let Ok(size) = fgetxattr(file, name, &mut value[..]) {
                value.truncate(size);
                records.push((format!("SCHILY.xattr.{text}"), value));
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        self.tar
            .append_pax_extensions(records.iter().map(|(k, v)| (k.as_str(), v.as_slice())))
    }
}

fn header(stat: &Stat) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(stat.st_mode & 0o7777);
    header.set_uid(u64::from(stat.st_uid));
    header.set_gid(u64::from(stat.st_gid));
    header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
    header.set_size(0);
    header
}
