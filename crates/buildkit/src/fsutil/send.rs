//! The side that has the files.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::Bytes;
use gantry_sys::in_root;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat as Known};
use tokio::sync::mpsc;

use super::tree::join;
use super::{Packet, PacketKind, Stat, TransferError, mode};

/// Bytes of a file in one packet.
const CHUNK: usize = 32 << 10;

/// Tells a folder's files in order and sends those that are asked for, until the other side is finished.
///
/// Waits for the disk: not for threads that must not.
pub(crate) fn send(
    root: &OwnedFd,
    mut packets: mpsc::Receiver<Packet>,
    answers: &mpsc::Sender<Packet>,
) -> Result<(), TransferError> {
    // Roots are often handles that only name a folder; reading it needs another one.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = &rustix::fs::openat(root, c".", flags, Mode::empty())
        .map_err(TransferError::file("open", b"."))?;
    let mut sender = Sender {
        root: root.as_fd(),
        answers,
        files: HashMap::new(),
        names: HashMap::new(),
        next: 0,
    };
    sender.walk(root.as_fd(), b"")?;
    sender.answer(Packet::of(PacketKind::Stat))?;
    while let Some(packet) = packets.blocking_recv() {
        match PacketKind::try_from(packet.kind) {
            Ok(PacketKind::Request) => sender.file(packet.id)?,
            Ok(PacketKind::Finished) => return sender.answer(Packet::of(PacketKind::Finished)),
            Ok(PacketKind::Error) => {
                let text = String::from_utf8_lossy(&packet.data).into_owned();
                return Err(TransferError::Told(text));
            }
            _ => return Err(TransferError::Protocol("an unexpected packet".to_owned())),
        }
    }
    Err(TransferError::Gone)
}

struct Sender<'a> {
    root: BorrowedFd<'a>,
    answers: &'a mpsc::Sender<Packet>,
    /// The paths of plain files, by number.
    files: HashMap<u32, Vec<u8>>,
    /// The first name of files that have several.
    names: HashMap<(u64, u64), Vec<u8>>,
    next: u32,
}

impl Sender<'_> {
    fn answer(&self, packet: Packet) -> Result<(), TransferError> {
        let sent = self.answers.blocking_send(packet);
        sent.map_err(|_| TransferError::Gone)
    }

    fn walk(&mut self, folder: BorrowedFd<'_>, path: &[u8]) -> Result<(), TransferError> {
        let entries = Dir::read_from(folder).map_err(TransferError::file("read", path))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(TransferError::file("read", path))?;
            if entry.file_name() != c"." && entry.file_name() != c".." {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort();
        for name in names {
            let whole = join(path, name.to_bytes());
            let known = rustix::fs::statat(folder, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(TransferError::file("look at", &whole))?;
            let kind = FileType::from_raw_mode(known.st_mode);
            if kind == FileType::Socket {
                continue;
            }
            let stat = self.stat(folder, &name, &whole, &known)?;
            if kind == FileType::RegularFile {
                self.files.insert(self.next, whole.clone());
            }
            self.next += 1;
            self.answer(Packet {
                stat: Some(stat),
                ..Packet::of(PacketKind::Stat)
            })?;
            if kind == FileType::Directory {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = rustix::fs::openat(folder, name.as_c_str(), flags, Mode::empty());
                let inner = inner.map_err(TransferError::file("open", &whole))?;
                self.walk(inner.as_fd(), &whole)?;
            }
        }
        Ok(())
    }

    fn stat(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: &[u8],
        known: &Known,
    ) -> Result<Stat, TransferError> {
        let kind = FileType::from_raw_mode(known.st_mode);
        let mut stat = Stat {
            path: path.to_vec(),
            mode: mode::of(kind, known.st_mode & 0o7777),
            uid: known.st_uid,
            gid: known.st_gid,
            modified: known.st_mtime.saturating_mul(1_000_000_000) + known.st_mtime_nsec as i64,
            ..Stat::default()
        };
        match kind {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, name, Vec::new());
                let target = target.map_err(TransferError::file("read", path))?;
                stat.link = target.into_bytes();
            }
            FileType::CharacterDevice | FileType::BlockDevice => {
                stat.major = i64::from(rustix::fs::major(known.st_rdev));
                stat.minor = i64::from(rustix::fs::minor(known.st_rdev));
            }
            FileType::RegularFile => {
                stat.size = known.st_size;
                if known.st_nlink > 1 {
                    let first = self.names.entry((known.st_dev, known.st_ino));
                    match first {
                        std::collections::hash_map::Entry::Occupied(first) => {
                            stat.link.clone_from(first.get());
                        }
                        std::collections::hash_map::Entry::Vacant(place) => {
                            place.insert(path.to_vec());
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(stat)
    }

    fn file(&mut self, id: u32) -> Result<(), TransferError> {
        let Some(path) = self.files.remove(&id) else {
            return Err(TransferError::Protocol(format!("file {id} is not there")));
        };
        let name = std::ffi::CString::new(path.as_slice())
            .map_err(|_| TransferError::Protocol("a zero byte in a path".to_owned()))?;
        let file = in_root::open_no_links(self.root, &name, OFlags::RDONLY | OFlags::NONBLOCK);
        let mut file = File::from(file.map_err(TransferError::file("open", &path))?);
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = file
                .read(&mut chunk)
                .map_err(TransferError::file("read", &path))?;
            chunk.truncate(read);
            self.answer(Packet {
                id,
                data: Bytes::from(chunk),
                ..Packet::of(PacketKind::Data)
            })?;
            if read == 0 {
                return Ok(());
            }
        }
    }
}
