//! A layer's archive.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gantry_archive::append_large;
use gantry_sys::in_root;
use rustix::fs::{FileType, OFlags, Stat};
use tar::{Builder, EntryType, Header};

use super::{Found, Owner, c_path};
use crate::Error;

/// Extended attributes larger than this together are refused.
const XATTR_MAX: usize = 64 << 10;

/// Writes entries, each name once.
pub(crate) struct LayerWriter<W: Write> {
    tar: Builder<W>,
    /// First names of files with several, by device and inode.
    linked: HashMap<(u64, u64), Vec<u8>>,
    /// Directories that are written already.
    directories: std::collections::HashSet<Vec<u8>>,
}

impl<W: Write> LayerWriter<W> {
    /// Begins an archive.
    pub(crate) fn new(out: W) -> Self {
        Self {
            tar: Builder::new(out),
            linked: HashMap::new(),
            directories: std::collections::HashSet::new(),
        }
    }

    /// A directory that is in a layer below, as it is there: whatever is above shows its own.
    pub(crate) fn known(&mut self, path: &[u8], stat: &Stat) -> Result<(), Error> {
        let owner = Owner {
            uid: stat.st_uid,
            gid: stat.st_gid,
        };
        self.directory(path, stat.st_mode & 0o7777, owner, stat.st_mtime)
    }

    /// A directory.
    pub(crate) fn directory(
        &mut self,
        path: &[u8],
        mode: u32,
        owner: Owner,
        mtime: i64,
    ) -> Result<(), Error> {
        if path.is_empty() || !self.directories.insert(path.to_vec()) {
            return Ok(());
        }
        let mut header = header(EntryType::Directory, mode, owner, mtime);
        let name = [path, b"/"].concat();
        self.tar
            .append_data(&mut header, as_path(&name), io::empty())
            .map_err(Error::file("write", as_path(path)))
    }

    /// A file whose content is at hand.
    pub(crate) fn text(
        &mut self,
        path: &[u8],
        content: &[u8],
        mode: u32,
        owner: Owner,
    ) -> Result<(), Error> {
        let mut header = header(EntryType::Regular, mode, owner, 0);
        header.set_size(content.len() as u64);
        self.tar
            .append_data(&mut header, as_path(path), content)
            .map_err(Error::file("write", as_path(path)))
    }

    /// A file from a root, under another name, with this mode and owner.
    pub(crate) fn found(
        &mut self,
        root: BorrowedFd<'_>,
        found: &Found,
        path: &[u8],
        (mode, owner): (u32, Owner),
        xattrs: bool,
    ) -> Result<(), Error> {
        let mtime = found.stat.st_mtime;
        let failed = |e: io::Error| Error::file("copy", as_path(&found.source))(e);
        match found.kind() {
            FileType::Directory => return self.directory(path, mode, owner, mtime),
            FileType::Symlink => {
                let mut header = header(EntryType::Symlink, 0o777, owner, mtime);
                let target = link(root, &found.source)?;
                return self
                    .tar
                    .append_link(&mut header, as_path(path), as_path(&target))
                    .map_err(failed);
            }
            FileType::RegularFile => {}
            other => return self.special(other, found, path, mode, owner),
        }
        let key = (found.stat.st_dev, found.stat.st_ino);
        if found.stat.st_nlink > 1 {
            if let Some(first) = self.linked.get(&key) {
                let mut header = header(EntryType::Link, mode, owner, mtime);
                let first = first.clone();
                return self
                    .tar
                    .append_link(&mut header, as_path(path), as_path(&first))
                    .map_err(failed);
            }
            self.linked.insert(key, path.to_vec());
        }
        let file = open(root, &found.source)?;
        if xattrs {
            self.attributes(&file, &found.source)?;
        }
        let mut header = header(EntryType::Regular, mode, owner, mtime);
        let size = file.metadata().map_err(failed)?.len();
        // A file that grows meanwhile is cut where it ended; one that shrinks is an error.
        let mut exact = Exact {
            file: file.take(size),
            left: size,
        };
        append_large(&mut self.tar, &mut header, as_path(path), &mut exact, size).map_err(failed)
    }

    fn special(
        &mut self,
        kind: FileType,
        found: &Found,
        path: &[u8],
        mode: u32,
        owner: Owner,
    ) -> Result<(), Error> {
        let entry = match kind {
            FileType::CharacterDevice => EntryType::Char,
            FileType::BlockDevice => EntryType::Block,
            FileType::Fifo => EntryType::Fifo,
            // Sockets are made by programs, not by images.
            _ => return Ok(()),
        };
        let failed = |e: io::Error| Error::file("copy", as_path(&found.source))(e);
        let mut header = header(entry, mode, owner, found.stat.st_mtime);
        if entry != EntryType::Fifo {
            let device = found.stat.st_rdev;
            let set = header.set_device_major(rustix::fs::major(device));
            set.and_then(|()| header.set_device_minor(rustix::fs::minor(device)))
                .map_err(failed)?;
        }
        self.tar
            .append_data(&mut header, as_path(path), io::empty())
            .map_err(failed)
    }

    /// Extended attributes go in front of their file, as pax records; overlay's own do not travel.
    fn attributes(&mut self, file: &File, source: &[u8]) -> Result<(), Error> {
        // Most files have none: those are asked once and need no room for names.
        let none: &mut [u8] = &mut [];
        if matches!(rustix::fs::flistxattr(file, none), Ok(0) | Err(_)) {
            return Ok(());
        }
        let mut names = vec![0; XATTR_MAX];
        let Ok(length) = rustix::fs::flistxattr(file, &mut names) else {
            return Ok(());
        };
        let mut records: Vec<(String, Vec<u8>)> = Vec::new();
        for name in names[..length].split(|b| *b == 0) {
            let Ok(text) = str::from_utf8(name) else {
                continue;
            };
            let travels = text.starts_with("user.") || text == "security.capability";
            if !travels {
                continue;
            }
            let mut value = vec![0; XATTR_MAX];
            let Ok(length) = rustix::fs::fgetxattr(file, text, &mut value) else {
                continue;
            };
            value.truncate(length);
            records.push((format!("SCHILY.xattr.{text}"), value));
        }
        if records.is_empty() {
            return Ok(());
        }
        let records = records.iter().map(|(k, v)| (k.as_str(), v.as_slice()));
        self.tar
            .append_pax_extensions(records)
            .map_err(Error::file("copy", as_path(source)))
    }

    /// An entry of another archive, renamed.
    pub(crate) fn entry(
        &mut self,
        header: &Header,
        path: &[u8],
        link: Option<&[u8]>,
        content: impl Read,
    ) -> Result<(), Error> {
        let failed = |e: io::Error| Error::file("unpack", as_path(path))(e);
        let mut header = header.clone();
        if header.entry_type() == EntryType::Directory {
            if path.is_empty() || !self.directories.insert(path.to_vec()) {
                return Ok(());
            }
            let name = [path, b"/"].concat();
            header.set_size(0);
            return self
                .tar
                .append_data(&mut header, as_path(&name), io::empty())
                .map_err(failed);
        }
        match link {
            Some(target) => {
                header.set_size(0);
                self.tar
                    .append_link(&mut header, as_path(path), as_path(target))
            }
            None => self.tar.append_data(&mut header, as_path(path), content),
        }
        .map_err(failed)
    }

    /// What comes now has no names in common with what was before.
    pub(crate) fn forget_links(&mut self) {
        self.linked.clear();
    }

    /// Ends the archive.
    pub(crate) fn finish(self) -> Result<W, Error> {
        self.tar
            .into_inner()
            .map_err(Error::file("end", "the layer"))
    }
}

/// A reader that is an error when it ends too early.
struct Exact {
    file: io::Take<File>,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf)?;
        if read == 0 && self.left > 0 && !buf.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it became shorter while it was read",
            ));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn header(kind: EntryType, mode: u32, owner: Owner, mtime: i64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode & 0o7777);
    header.set_uid(owner.uid.into());
    header.set_gid(owner.gid.into());
    header.set_mtime(u64::try_from(mtime).unwrap_or(0));
    header.set_size(0);
    header
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// Opens a regular file of a root; its last part is no link.
pub(crate) fn open(root: BorrowedFd<'_>, path: &[u8]) -> Result<File, Error> {
    let c_path = c_path(&[b"/", path].concat())?;
    in_root::open(root.as_fd(), &c_path, OFlags::RDONLY | OFlags::NONBLOCK)
        .map(File::from)
        .map_err(Error::file("open", as_path(path)))
}

/// Where a symbolic link of a root leads.
pub(crate) fn link(root: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<u8>, Error> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW;
    let c_path = c_path(&[b"/", path].concat())?;
    let link: OwnedFd =
        in_root::open(root, &c_path, flags).map_err(Error::file("open", as_path(path)))?;
    rustix::fs::readlinkat(&link, c"", Vec::new())
        .map(std::ffi::CString::into_bytes)
        .map_err(Error::file("read", as_path(path)))
}
