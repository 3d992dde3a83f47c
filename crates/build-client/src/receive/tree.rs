//! A result that is a tree of files: fsutil's protocol, the side that gets the files.
//!
//! What is there already stays, unless something of the same name comes. Every name is looked up by
//! the kernel below the folder without following links, so that nothing is written elsewhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use bollard_buildkit_proto::fsutil::types::{Packet, Stat, packet::PacketType};
use futures_util::{Stream, StreamExt as _};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use tokio::sync::mpsc;
use tonic::Status;

use crate::send::entry::{
    CHARACTER, DEVICE, DIRECTORY, KINDS, LINK, PIPE, SET_GROUP, SET_USER, STICKY,
};

/// Writes a tree into a folder, which is made if need be. `answers` are our packets to the sender.
pub async fn into_folder<S>(
    folder: PathBuf,
    mut packets: S,
    answers: mpsc::UnboundedSender<Result<Packet, Status>>,
) -> Result<(), Status>
where
    S: Stream<Item = Result<Packet, Status>> + Unpin,
{
    let mut tree = Tree::new(&folder)?;
    let mut all_told = false;
    let mut finished = false;
    while let Some(packet) = packets.next().await {
        let packet = packet?;
        match (packet.r#type(), packet.stat) {
            (PacketType::PacketStat, Some(stat)) => {
                if let Some(id) = tree.entry(stat)? {
                    let request = Packet {
                        id,
                        ..of(PacketType::PacketReq)
                    };
                    // That nobody listens any more shows in the packets.
                    let _ = answers.send(Ok(request));
                }
            }
            (PacketType::PacketStat, None) => all_told = true,
            (PacketType::PacketData, _) => tree.data(packet.id, &packet.data)?,
            (PacketType::PacketErr, _) => {
                let reason = String::from_utf8_lossy(&packet.data).into_owned();
                return Err(Status::internal(reason));
            }
            (PacketType::PacketFin, _) => return Ok(()),
            (PacketType::PacketReq, _) => {
                return Err(Status::invalid_argument("the sender asks for files"));
            }
        }
        if all_told && !finished && tree.open.is_empty() {
            finished = true;
            tree.finish();
            let _ = answers.send(Ok(of(PacketType::PacketFin)));
        }
    }
    if finished {
        Ok(())
    } else {
        Err(Status::aborted("the files did not all arrive"))
    }
}

struct Tree {
    root: OwnedFd,
    /// The number of the next entry.
    next: u32,
    /// Files that are being written, by number.
    open: HashMap<u32, (File, Stat)>,
    /// Folders, of which the times are set at the end.
    folders: Vec<Stat>,
}

impl Tree {
    fn new(folder: &Path) -> Result<Self, Status> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Status::internal(format!("{}: {error}", folder.display())))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(folder, flags, Mode::empty())
            .map_err(|error| Status::internal(format!("{}: {error}", folder.display())))?;
        Ok(Self {
            root,
            next: 0,
            open: HashMap::new(),
            folders: Vec::new(),
        })
    }

    /// Makes an entry; a number if its contents are to be asked for.
    fn entry(&mut self, stat: Stat) -> Result<Option<u32>, Status> {
        let id = self.next;
        self.next += 1;
        let failed = |error: Errno| Status::internal(format!("{}: {error}", stat.path));
        let (parent, name) = self.parent(&stat.path)?;
        if stat.mode & DIRECTORY != 0 {
            make_folder(&parent, &name, &stat).map_err(failed)?;
            self.folders.push(stat);
            return Ok(None);
        }
        clear(&parent, &name).map_err(failed)?;
        if stat.mode & KINDS == 0 && stat.linkname.is_empty() {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&parent, name.as_str(), flags, Mode::from(0o600))
                .map_err(failed)?;
            self.open.insert(id, (File::from(file), stat));
            return Ok(Some(id));
        }
        if stat.mode & KINDS == 0 {
            let (other, first) = self.parent(&stat.linkname)?;
            rustix::fs::linkat(
                &other,
                first.as_str(),
                &parent,
                name.as_str(),
                AtFlags::empty(),
            )
            .map_err(failed)?;
            return Ok(None);
        }
        make_special(&parent, &name, &stat).map_err(failed)?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let _ = rustix::fs::utimensat(&parent, name.as_str(), &times(&stat), flags);
        Ok(None)
    }

    fn data(&mut self, id: u32, bytes: &[u8]) -> Result<(), Status> {
        if !bytes.is_empty() {
            let Some((file, stat)) = self.open.get_mut(&id) else {
                return Err(Status::invalid_argument("data of no file"));
            };
            return file
                .write_all(bytes)
                .map_err(|error| Status::internal(format!("{}: {error}", stat.path)));
        }
        let Some((file, stat)) = self.open.remove(&id) else {
            return Err(Status::invalid_argument("data of no file"));
        };
        rustix::fs::fchmod(&file, mode(&stat))
            .map_err(|error| Status::internal(format!("{}: {error}", stat.path)))?;
        for (name, value) in &stat.xattrs {
            // Not every file system has them, and not everybody may set them.
            let _ = rustix::fs::fsetxattr(&file, name.as_str(), value, XattrFlags::empty());
        }
        let _ = rustix::fs::futimens(&file, &times(&stat));
        Ok(())
    }

    /// Folders' modes and times, the innermost first: what is made in them changes the latter.
    fn finish(&mut self) {
        for stat in std::mem::take(&mut self.folders).into_iter().rev() {
            if let Ok((parent, name)) = self.parent(&stat.path) {
                let _ = rustix::fs::chmodat(&parent, name.as_str(), mode(&stat), AtFlags::empty());
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                let _ = rustix::fs::utimensat(&parent, name.as_str(), &times(&stat), flags);
            }
        }
    }

    /// The folder that a path is in, and its last name.
    fn parent(&self, path: &str) -> Result<(OwnedFd, String), Status> {
        let wrong = || Status::invalid_argument(format!("{path:?} is no path within the result"));
        let parts: Vec<&str> = Path::new(path)
            .components()
            .map(|component| match component {
                Component::Normal(name) => name.to_str().ok_or_else(wrong),
                _ => Err(wrong()),
            })
            .collect::<Result<_, _>>()?;
        let (name, above) = parts.split_last().ok_or_else(wrong)?;
        let above = if above.is_empty() {
            ".".to_owned()
        } else {
            above.join("/")
        };
        let folder = rustix::fs::openat2(
            &self.root,
            above.as_str(),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )
        .map_err(|error| Status::internal(format!("{path}: {error}")))?;
        Ok((folder, (*name).to_owned()))
    }
}

/// Folders are ours while they are filled; their modes come at the end.
fn make_folder(parent: &OwnedFd, name: &str, stat: &Stat) -> Result<(), Errno> {
    match rustix::fs::mkdirat(parent, name, mode(stat) | Mode::RWXU) {
        Err(Errno::EXIST) if is_folder(parent, name)? => Ok(()),
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
            rustix::fs::mkdirat(parent, name, mode(stat) | Mode::RWXU)
        }
        other => other,
    }
}

fn make_special(parent: &OwnedFd, name: &str, stat: &Stat) -> Result<(), Errno> {
    if stat.mode & LINK != 0 {
        return rustix::fs::symlinkat(stat.linkname.as_str(), parent, name);
    }
    let kind = match stat.mode {
        bits if bits & PIPE != 0 => FileType::Fifo,
        bits if bits & CHARACTER != 0 => FileType::CharacterDevice,
        bits if bits & DEVICE != 0 => FileType::BlockDevice,
        _ => return Err(Errno::INVAL),
    };
    let device = rustix::fs::makedev(stat.devmajor as u32, stat.devminor as u32);
    rustix::fs::mknodat(parent, name, kind, mode(stat), device)
}

/// Makes room for something of that name.
fn clear(parent: &OwnedFd, name: &str) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        // Only an empty folder gives way.
        Err(Errno::ISDIR) => rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR),
        Err(error) => Err(error),
    }
}

fn is_folder(parent: &OwnedFd, name: &str) -> Result<bool, Errno> {
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode).is_dir())
}

fn mode(stat: &Stat) -> Mode {
    let mut bits = stat.mode & 0o777;
    for (go_bit, unix_bit) in [(SET_USER, 0o4000), (SET_GROUP, 0o2000), (STICKY, 0o1000)] {
        if stat.mode & go_bit != 0 {
            bits |= unix_bit;
        }
    }
    Mode::from(bits)
}

fn times(stat: &Stat) -> Timestamps {
    let time = Timespec {
        tv_sec: stat.mod_time.div_euclid(1_000_000_000),
        tv_nsec: stat.mod_time.rem_euclid(1_000_000_000) as _,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn of(kind: PacketType) -> Packet {
    Packet {
        r#type: kind as i32,
        ..Packet::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::{Filter, send};
    use futures_util::stream;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    /// Sends a folder into another one, through our own two ends.
    async fn copy(from: &Path, to: &Path) -> Result<(), Status> {
        let (answers, requests) = mpsc::unbounded_channel();
        let requests = stream::unfold(requests, |mut requests| async move {
            requests.recv().await.map(|packet| (packet, requests))
        });
        let packets = Box::pin(send(from.to_owned(), Filter::default(), Box::pin(requests)));
        into_folder(to.to_owned(), packets, answers).await
    }

    #[tokio::test]
    async fn a_tree_arrives_as_it_is() {
        let from = tempfile::tempdir().unwrap();
        let at = from.path();
        std::fs::create_dir(at.join("d")).unwrap();
        std::fs::write(at.join("d/f"), "hello").unwrap();
        std::fs::set_permissions(at.join("d/f"), std::fs::Permissions::from_mode(0o4711)).unwrap();
        std::fs::hard_link(at.join("d/f"), at.join("d/g")).unwrap();
        std::os::unix::fs::symlink("d/f", at.join("s")).unwrap();
        let to = tempfile::tempdir().unwrap();
        std::fs::write(to.path().join("kept"), "old").unwrap();
        std::fs::write(to.path().join("s"), "in the way").unwrap();
        copy(at, to.path()).await.unwrap();
        let got = std::fs::metadata(to.path().join("d/f")).unwrap();
        assert_eq!((got.mode() & 0o7777, got.nlink()), (0o4711, 2));
        assert_eq!(
            got.mtime(),
            std::fs::metadata(at.join("d/f")).unwrap().mtime()
        );
        assert_eq!(
            std::fs::read_to_string(to.path().join("s")).unwrap(),
            "hello"
        );
        assert_eq!(
            std::fs::read_to_string(to.path().join("kept")).unwrap(),
            "old"
        );
        let folder = |path: &Path| std::fs::metadata(path.join("d")).unwrap().mtime_nsec();
        assert_eq!(folder(to.path()), folder(at));
    }

    #[tokio::test]
    async fn nothing_is_written_outside() {
        let outside = tempfile::tempdir().unwrap();
        let to = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), to.path().join("link")).unwrap();
        let (answers, _requests) = mpsc::unbounded_channel();
        for path in ["../x", "link/x", "/x", ""] {
            let stat = Stat {
                path: path.to_owned(),
                mode: 0o644,
                ..Stat::default()
            };
            let packet = Packet {
                stat: Some(stat),
                ..of(PacketType::PacketStat)
            };
            let packets = stream::iter([Ok(packet)]);
            let result = into_folder(to.path().to_owned(), packets, answers.clone()).await;
            assert!(result.is_err(), "{path}");
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
