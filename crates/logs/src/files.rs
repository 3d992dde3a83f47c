//! The files of one log, in the face of rotation and compression.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use gantry_log_format::{Format, compressed_path, local, rotated_path};

use crate::compressed::Compressed;

/// Bytes in which a file's first entry is looked for.
const BEGINNING: usize = 64 * 1024;

/// Which file of a log something is in; a file keeps it when it is renamed or compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileId {
    /// The inode in which it was written.
    pub inode: u64,
    /// The time of its first entry; 0 without one. Inodes are used again, times are not.
    pub first: u64,
}

/// An open file of a log. It keeps its content when it is renamed or removed.
#[derive(Debug)]
pub(crate) struct LogFile {
    content: Content,
    format: Format,
}

#[derive(Debug)]
enum Content {
    Plain { file: File, inode: u64 },
    Compressed(Compressed),
}

impl LogFile {
    /// Opens the `n`th older file of a log, compressed or not; `None` if there is none.
    fn open(path: &Path, n: u32, format: Format) -> io::Result<Option<Self>> {
        // A compressed file is there before the plain one goes.
        if let Some(file) = existing(&rotated_path(path, n))? {
            return Self::plain(file, format).map(Some);
        }
        if n == 0 {
            return Ok(None);
        }
        let Some(file) = existing(&compressed_path(path, n))? else {
            return Ok(None);
        };
        let content = Content::Compressed(Compressed::open(file)?);
        Ok(Some(Self { content, format }))
    }

    pub(crate) fn plain(file: File, format: Format) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        let content = Content::Plain { file, inode };
        Ok(Self { content, format })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Bytes of its content, uncompressed.
    pub(crate) fn size(&self) -> io::Result<u64> {
        match &self.content {
            Content::Plain { file, .. } => Ok(file.metadata()?.len()),
            Content::Compressed(compressed) => Ok(compressed.size()),
        }
    }

    /// Which file it is. An empty file has no first entry yet: it is looked at again each time.
    pub(crate) fn id(&self) -> io::Result<FileId> {
        match &self.content {
            Content::Plain { inode, .. } => Ok(FileId {
                inode: *inode,
                first: self.first_time()?,
            }),
            Content::Compressed(compressed) => Ok(compressed.id()),
        }
    }

    fn inode(&self) -> u64 {
        match &self.content {
            Content::Plain { inode, .. } => *inode,
            Content::Compressed(compressed) => compressed.id().inode,
        }
    }

    fn first_time(&self) -> io::Result<u64> {
        let mut block = vec![0; BEGINNING];
        let count = self.read_at(&mut block, 0)?;
        Ok(first_time(self.format, &block[..count]).unwrap_or(0))
    }

    /// Whether the log's name still leads to this file.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        match &self.content {
            Content::Plain { inode, .. } => {
                std::fs::metadata(path).is_ok_and(|m| m.ino() == *inode)
            }
            Content::Compressed(_) => false,
        }
    }

    /// Reads until the buffer is full or the file ends.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut count = 0;
        while count < buffer.len() {
            let (rest, at) = (&mut buffer[count..], offset + count as u64);
            let read = match &self.content {
                Content::Plain { file, .. } => file.read_at(rest, at),
                Content::Compressed(compressed) => compressed.read_at(rest, at),
            };
            match read {
                Ok(0) => break,
                Ok(read) => count += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

fn existing(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The time of the first entry that can be read in the beginning of a file.
pub(crate) fn first_time(format: Format, bytes: &[u8]) -> Option<u64> {
    let mut text = Vec::new();
    match format {
        Format::Json => bytes
            .split_inclusive(|c| *c == b'\n')
            .find_map(|line| gantry_log_format::decode(line, &mut text).ok())
            .map(|decoded| decoded.time),
        Format::Local => match local::frame(bytes) {
            local::Frame::Whole(message, _) => {
                local::decode(message, &mut text).ok().map(|d| d.time)
            }
            _ => None,
        },
    }
}

/// How often files are looked for again because the log was rotated meanwhile.
const SCANS: usize = 16;

/// What one look at all names came to.
struct Scan {
    /// The files that were met, the newest first.
    files: Vec<(FileId, LogFile)>,
    /// No name was free, and the file that was looked for was met.
    whole: bool,
}

impl Scan {
    /// Whether nothing has moved: the newest file still is where it was met, and none is missing.
    fn is_steady(&self, path: &Path) -> bool {
        let mut newest = self.files.iter().take(1);
        self.whole && newest.all(|(_, newest)| newest.is_at(path))
    }
}

/// Opens the files that were begun after `last`, or all; oldest first.
///
/// They are opened newest first: if the log is rotated meanwhile, a file is met again under its
/// older name, and none is missed. But one that was begun meanwhile may be met between older ones,
/// and one that is moved twice may be missed: then all are looked for again, and where rotations
/// never stop, the times of first entries tell.
pub(crate) fn open_after(
    path: &Path,
    format: Format,
    last: Option<&LogFile>,
) -> io::Result<Vec<LogFile>> {
    let mut scan = look(path, format, last)?;
    for _ in 0..SCANS {
        if scan.is_steady(path) {
            break;
        }
        scan = look(path, format, last)?;
    }
    let steady = scan.is_steady(path);
    let mut files = scan.files;
    files.reverse();
    if !steady {
        // The one without an entry is the newest.
        let age = |id: &FileId| if id.first == 0 { u64::MAX } else { id.first };
        files.sort_by_key(|(id, _)| age(id));
    }
    Ok(files.into_iter().map(|(_, file)| file).collect())
}

/// Opens the files newest first, down to `last`.
fn look(path: &Path, format: Format, last: Option<&LogFile>) -> io::Result<Scan> {
    let (mut free, mut met) = (false, last.is_none());
    let mut files: Vec<(FileId, LogFile)> = Vec::new();
    'names: for n in 0.. {
        let Some(file) = LogFile::open(path, n, format)? else {
            // Between the renames of a rotation a name is free for a moment.
            if n > 0 && LogFile::open(path, n + 1, format)?.is_none() {
                break;
            }
            free |= n > 0;
            continue;
        };
        if let Some(last) = last
            && is_same(last, &file)?
        {
            met = true;
            break;
        }
        for (_, other) in &files {
            if is_same(other, &file)? {
                continue 'names;
            }
        }
        files.push((file.id()?, file));
    }
    Ok(Scan {
        files,
        whole: met && !free,
    })
}

/// Whether both are one file of the log, perhaps met once before it was compressed.
///
/// The inode of a compressed file is used again, perhaps by the newest file, which has no first entry to tell them
/// apart. So one without an entry is asked once more: if it is the other one, it has that entry by now.
fn is_same(one: &LogFile, other: &LogFile) -> io::Result<bool> {
    if one.inode() != other.inode() {
        return Ok(false);
    }
    Ok(one.id()? == other.id()? || one.id()? == other.id()?)
}
