//! What a container has written, as a layer's archive.
//!
//! The form is that of the OCI image layer specification: a removed name is an empty file
//! `.wh.NAME`, a replaced directory has an entry `.wh..wh..opq`. Names are sorted, times are whole
//! seconds, so that the same content gives the same bytes.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use tar::{Builder, EntryType, Header};

use crate::upper::{check_depth, enter, is_mount_point, is_opaque, is_whiteout, join, look, names};

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// Bytes of an extended attribute, and of the list of their names (`XATTR_SIZE_MAX`).
const XATTR_MAX: usize = 64 * 1024;

/// Writes the archive of an upper directory; `lower` is what it lies on.
pub(crate) fn pack(upper: OwnedFd, lower: OwnedFd, out: &mut dyn Write) -> io::Result<()> {
    let mut packer = Packer {
        tar: Builder::new(io::BufWriter::with_capacity(1 << 20, out)),
        links: HashMap::new(),
    };
    let mut levels = vec![Level::open(upper, Some(lower), Vec::new())?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.rest.pop() else {
            levels.pop();
            continue;
        };
        if let Some(below) = packer.visit(level, &name)? {
            levels.push(below);
            check_depth(levels.len())?;
        }
    }
    packer.tar.finish()?;
    packer.tar.into_inner()?.flush()
}

struct Level {
    directory: OwnedFd,
    /// The same directory below, if there is one that shows.
    lower: Option<OwnedFd>,
    path: Vec<u8>,
    /// Names still to pack, the next one last.
    rest: Vec<CString>,
}

impl Level {
    fn open(directory: OwnedFd, lower: Option<OwnedFd>, path: Vec<u8>) -> io::Result<Self> {
        let mut rest = names(&directory)?;
        rest.reverse();
        Ok(Self {
            directory,
            lower,
            path,
            rest,
        })
    }
}

struct Packer<W: Write> {
    tar: Builder<W>,
    /// Files with several names: the first one's.
    links: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packer<W> {
    fn visit(&mut self, level: &Level, name: &CStr) -> io::Result<Option<Level>> {
        let path = join(&level.path, name);
        let Some(stat) = look(&level.directory, name)? else {
            return Ok(None);
        };
        if is_mount_point(&level.directory, name, &path, &stat)? {
            return Ok(None);
        }
        if is_whiteout(&stat) {
            self.mark(
                &level.path,
                &[WHITEOUT.as_bytes(), name.to_bytes()].concat(),
            )?;
            return Ok(None);
        }
        if name.to_bytes().starts_with(WHITEOUT.as_bytes()) {
            // In an image the name would remove another one.
            tracing::warn!(path = %String::from_utf8_lossy(&path), "a file cannot be part of an image by its name");
            return Ok(None);
        }
        let shown = relative(&path).to_owned();
        let mut header = header(&stat);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return self.directory(level, name, path, header),
            FileType::RegularFile => {
                self.regular(level.directory.as_fd(), name, &shown, &stat, header)?;
            }
            FileType::Symlink => {
                header.set_entry_type(EntryType::Symlink);
                let target = fs::readlinkat(&level.directory, name, Vec::new())?;
                self.tar
                    .append_link(&mut header, &shown, OsStr::from_bytes(target.as_bytes()))?;
            }
            // An archive knows no sockets, and nobody could connect to a packed one.
            FileType::Socket => {}
            kind => {
                header.set_entry_type(match kind {
                    FileType::Fifo => EntryType::Fifo,
                    FileType::BlockDevice => EntryType::Block,
                    _ => EntryType::Char,
                });
                header.set_device_major(fs::major(stat.st_rdev))?;
                header.set_device_minor(fs::minor(stat.st_rdev))?;
                self.tar.append_data(&mut header, &shown, io::empty())?;
            }
        }
        Ok(None)
    }

    fn directory(
        &mut self,
        level: &Level,
        name: &CStr,
        path: Vec<u8>,
        mut header: Header,
    ) -> io::Result<Option<Level>> {
        let Some(directory) = enter(&level.directory, name)? else {
            return Ok(None);
        };
        self.attributes(directory.as_fd())?;
        header.set_entry_type(EntryType::Directory);
        let mut shown = relative(&path).as_os_str().to_owned();
        shown.push("/");
        self.tar.append_data(&mut header, &shown, io::empty())?;
        let mut lower = match &level.lower {
            Some(lower) => enter(lower, name)?,
            None => None,
        };
        // The kernel gives the sign to every new directory; it means something only over another.
        if is_opaque(directory.as_fd()) && lower.take().is_some() {
            self.mark(&path, OPAQUE.as_bytes())?;
        }
        Level::open(directory, lower, path).map(Some)
    }

    fn regular(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
        stat: &Stat,
        mut header: Header,
    ) -> io::Result<()> {
        if stat.st_nlink > 1
            && let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino))
        {
            header.set_entry_type(EntryType::Link);
            return self.tar.append_link(&mut header, path, first);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match fs::openat(directory, name, flags, Mode::empty()) {
            // Removed under our eyes.
            Err(Errno::NOENT) => return Ok(()),
            file => file?,
        };
        self.attributes(file.as_fd())?;
        if stat.st_nlink > 1 {
            self.links
                .insert((stat.st_dev, stat.st_ino), path.to_owned());
        }
        header.set_entry_type(EntryType::Regular);
        let size = stat.st_size as u64;
        header.set_size(size);
        // A file that shrinks meanwhile is filled up: the header has promised its size.
        let content = File::from(file).chain(io::repeat(0)).take(size);
        self.tar.append_data(&mut header, path, content)
    }

    /// An empty file that says what was removed.
    fn mark(&mut self, directory: &[u8], name: &[u8]) -> io::Result<()> {
        let path = [directory, b"/", name].concat();
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        self.tar
            .append_data(&mut header, relative(&path), io::empty())
    }

    /// Extended attributes as PAX records in front of the entry; overlay's own are no content.
    fn attributes(&mut self, file: BorrowedFd<'_>) -> io::Result<()> {
        let mut list = vec![0; XATTR_MAX];
        let Ok(length) = fs::flistxattr(file, &mut list[..]) else {
            return Ok(());
        };
        let mut records = Vec::new();
        for name in list[..length].split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else {
                continue;
            };
            let text = name.to_string_lossy();
            if text.starts_with("trusted.overlay.") || text == "security.selinux" {
                continue;
            }
            let mut value = vec![0; XATTR_MAX];
            if let Ok(size) = fs::fgetxattr(file, name, &mut value[..]) {
                value.truncate(size);
                records.push((format!("SCHILY.xattr.{text}"), value));
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        records.sort();
        self.tar
            .append_pax_extensions(records.iter().map(|(key, value)| (&**key, &**value)))
    }
}

/// The path as archives have it, without the slash in front.
fn relative(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)))
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
