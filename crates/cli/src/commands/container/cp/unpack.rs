//! A container's files from an archive.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use bytes::{Buf as _, Bytes};
use gantry_archive::copy_large;
use rustix::fs::{CWD, FileType, Mode};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType, Header};
use tokio::sync::mpsc::Receiver;

use super::plan::Place;

/// Unpacks an archive whose names begin with `base` into a place.
pub(crate) fn unpack(chunks: Receiver<Bytes>, base: &str, place: &Place) -> io::Result<()> {
    let root = Path::new(&place.directory).canonicalize()?;
    let mut archive = Archive::new(Chunks::new(chunks));
    let rename = |name: &Path| renamed(name, base, &place.base);
    // Directories get their times and modes last: what is written into them changes both.
    let mut directories = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let relative = rename(&entry.path()?)?;
        let path = root.join(&relative);
        check_parent(&root, &path)?;
        if entry.header().entry_type() == EntryType::Directory {
            if !path.is_dir() {
                fs::create_dir(&path)?;
            }
            if path != root {
                directories.push((path, entry.header().mode()?));
            }
        } else {
            one(&mut entry, &root, &path, &rename)?;
        }
    }
    for (path, mode) in directories.iter().rev() {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777))?;
    }
    Ok(())
}

fn one<R: Read>(
    entry: &mut Entry<'_, R>,
    root: &Path,
    path: &Path,
    rename: &dyn Fn(&Path) -> io::Result<PathBuf>,
) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        let reason = format!("cannot overwrite directory {} with a file", path.display());
        return Err(io::Error::other(reason));
    }
    if entry.header().entry_type() == EntryType::Link {
        let target = entry
            .link_name()?
            .ok_or_else(|| io::Error::other("a hard link to nothing"))?;
        let target = root.join(rename(&target)?);
        check_parent(root, &target)?;
        if path.symlink_metadata().is_ok() {
            fs::remove_file(path)?;
        }
        return fs::hard_link(target, path);
    }
    if let Some(kind) = special(entry.header().entry_type()) {
        return node(entry.header(), kind, path);
    }
    if entry.header().entry_type() == EntryType::Regular {
        return regular(entry, path);
    }
    entry.set_preserve_permissions(true);
    entry.set_preserve_mtime(true);
    entry.unpack(path).map(drop)
}

/// A file with its content, mode and time, in the place of what was there.
fn regular<R: Read>(entry: &mut Entry<'_, R>, path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        fs::remove_file(path)?;
    }
    let with_name = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot write {}: {error}", path.display()),
        )
    };
    let mut file = fs::File::create_new(path).map_err(with_name)?;
    let size = entry.size();
    if copy_large(entry, &mut file, size).map_err(with_name)? != size {
        return Err(with_name(io::Error::other("the archive ends early")));
    }
    let mode = entry.header().mode()? & 0o7777;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    let time = UNIX_EPOCH + Duration::from_secs(entry.header().mtime()?);
    file.set_times(fs::FileTimes::new().set_accessed(time).set_modified(time))
}

/// What is neither a file nor a directory nor a link.
fn special(kind: EntryType) -> Option<FileType> {
    match kind {
        EntryType::Fifo => Some(FileType::Fifo),
        EntryType::Char => Some(FileType::CharacterDevice),
        EntryType::Block => Some(FileType::BlockDevice),
        _ => None,
    }
}

/// Makes a pipe or, for root, a device as the container has it.
fn node(header: &Header, kind: FileType, path: &Path) -> io::Result<()> {
    let with_name =
        |error: Errno| io::Error::other(format!("cannot make {}: {error}", path.display()));
    if path.symlink_metadata().is_ok() {
        fs::remove_file(path)?;
    }
    let device = match kind {
        FileType::Fifo => 0,
        _ => rustix::fs::makedev(
            header.device_major()?.unwrap_or(0),
            header.device_minor()?.unwrap_or(0),
        ),
    };
    let mode = header.mode()? & 0o7777;
    rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(mode), device).map_err(with_name)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Replaces the base of a name; a name that leads out of the archive is refused.
pub(super) fn renamed(name: &Path, old: &str, new: &str) -> io::Result<PathBuf> {
    let mut parts = name
        .components()
        .filter(|part| *part != Component::CurDir)
        .peekable();
    if old != "." && parts.peek().is_some_and(|part| part.as_os_str() == old) {
        parts.next();
    }
    let mut path = if new == "." {
        PathBuf::new()
    } else {
        PathBuf::from(new)
    };
    for part in parts {
        match part {
            Component::Normal(part) => path.push(part),
            _ => {
                let reason = format!(
                    "the archive names a path outside itself: {}",
                    name.display()
                );
                return Err(io::Error::other(reason));
            }
        }
    }
    Ok(path)
}

/// A link in the archive must not lead the entries behind it out of the place.
fn check_parent(root: &Path, path: &Path) -> io::Result<()> {
    if path == root {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(root).canonicalize()?;
    if parent.starts_with(root) {
        return Ok(());
    }
    let reason = format!(
        "the archive leads out of {}: {}",
        root.display(),
        path.display()
    );
    Err(io::Error::other(reason))
}

/// Chunks of an answer as one stream.
pub(super) struct Chunks {
    chunks: Receiver<Bytes>,
    current: Bytes,
}

impl Chunks {
    pub(super) const fn new(chunks: Receiver<Bytes>) -> Self {
        Self {
            chunks,
            current: Bytes::new(),
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pack;
    use super::*;
    use futures_util::{Stream, TryStreamExt as _};
    use tokio::sync::mpsc::channel;

    /// A new directory of this test.
    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("gantry-cp-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        path
    }

    fn feed(bytes: Vec<u8>) -> Receiver<Bytes> {
        let (sender, receiver) = channel(1);
        sender.try_send(Bytes::from(bytes)).unwrap();
        receiver
    }

    fn place(directory: &Path, base: &str) -> Place {
        Place {
            directory: directory.to_str().unwrap().to_owned(),
            base: base.to_owned(),
        }
    }

    /// All that a stream gives, or what it broke with.
    async fn all(stream: impl Stream<Item = io::Result<Bytes>>) -> io::Result<Vec<u8>> {
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        Ok(pieces.concat())
    }

    #[tokio::test]
    async fn a_tree_arrives_under_its_new_name() {
        let root = directory("tree");
        let source = root.join("s");
        fs::create_dir_all(source.join("inner")).unwrap();
        fs::write(source.join("inner/file"), "text").unwrap();
        std::os::unix::fs::symlink("file", source.join("inner/link")).unwrap();
        let (packed, count) = pack::archive(source, "s".to_owned()).unwrap();
        let bytes = all(packed).await.unwrap();
        assert_eq!(count.total(), 4);
        let unpack =
            |bytes, to: Place| tokio::task::spawn_blocking(move || unpack(feed(bytes), "s", &to));
        unpack(bytes.clone(), place(&root, "new"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            fs::read_to_string(root.join("new/inner/link")).unwrap(),
            "text"
        );
        fs::create_dir(root.join("into")).unwrap();
        let into = place(&root.join("into"), ".");
        unpack(bytes, into).await.unwrap().unwrap();
        assert_eq!(
            fs::read_to_string(root.join("into/inner/file")).unwrap(),
            "text"
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn nothing_is_written_outside() {
        let root = directory("outside");
        fs::create_dir(root.join("in")).unwrap();
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "s", "..").unwrap();
        let mut header = Header::new_gnu();
        header.set_size(1);
        builder
            .append_data(&mut header, "s/evil", &b"x"[..])
            .unwrap();
        let bytes = builder.into_inner().unwrap();
        let error = unpack(feed(bytes), "s", &place(&root.join("in"), "s")).unwrap_err();
        assert!(error.to_string().contains("leads out of"), "{error}");
        assert!(!root.join("evil").exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn names_with_dots_are_refused() {
        assert!(renamed(Path::new("s/../../x"), "s", "t").is_err());
        assert_eq!(
            renamed(Path::new("./a"), ".", "t").unwrap(),
            Path::new("t/a")
        );
        assert_eq!(renamed(Path::new("s"), "s", "t").unwrap(), Path::new("t"));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told() {
        let (packed, _) = pack::archive("/nonexistent/x".into(), "x".to_owned()).unwrap();
        let error = all(packed).await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent/x"), "{error}");
    }
}
