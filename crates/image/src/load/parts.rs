//! The entries of an archive, kept until its description has been read.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use gantry_archive::{Compression, Entry, decode, read_ahead};
use gantry_content::Lease;
use gantry_reference::Digest;

use super::counting::{Counting, Told};
use super::refused;
use crate::{Error, Images, Progress};

/// Entries up to this size are kept in memory,
const SMALL_ENTRY: u64 = 256 * 1024;
/// as long as all of them together do not exceed this.
const SMALL_TOTAL: u64 = 16 * 1024 * 1024;
/// A tar's first header.
const HEADER: usize = 512;
/// Links that are followed before it is taken for a circle.
const LINKS_MAX: usize = 8;
const BLOBS: &str = "blobs/sha256/";

/// Where an entry's bytes are.
enum Part {
    Memory(Vec<u8>),
    Spooled {
        file: File,
        size: u64,
    },
    /// In the snapshotter already, under this diff ID.
    Stored(Digest),
    /// The bytes of another entry.
    Link(String),
}

/// The entries by name.
pub(super) struct Parts {
    images: Images,
    parts: HashMap<String, Part>,
    in_memory: u64,
    stored: Mutex<Vec<Digest>>,
}

impl Parts {
    pub(super) fn new(images: Images) -> Self {
        Self {
            images,
            parts: HashMap::new(),
            in_memory: 0,
            stored: Mutex::default(),
        }
    }

    /// The layers that were put into the snapshotter for this archive.
    pub(super) fn stored(&self) -> Vec<Digest> {
        self.stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(name)
    }

    pub(super) fn link(&mut self, name: &str, target: String) {
        self.parts.insert(name.to_owned(), Part::Link(target));
    }

    /// Keeps an entry's bytes in the place that suits it.
    pub(super) fn take<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        lease: &mut Lease,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let name = entry.name().to_owned();
        let room = SMALL_TOTAL.saturating_sub(self.in_memory).min(SMALL_ENTRY);
        let part = if let Some(bytes) = entry.read_small(room).map_err(refused)? {
            self.in_memory += bytes.len() as u64;
            Part::Memory(bytes)
        } else {
            let size = entry.size();
            let head = read_head(entry)?;
            match plain_layer(&name, &head) {
                Some(diff_id) => {
                    lease.add(diff_id.clone());
                    self.stream(Cursor::new(head).chain(entry), size, diff_id, progress)?
                }
                None => self.spool(Cursor::new(head).chain(entry), size)?,
            }
        };
        self.parts.insert(name, part);
        Ok(())
    }

    /// Puts a plain layer into the snapshotter as it comes.
    fn stream(
        &self,
        bytes: impl Read,
        size: u64,
        diff_id: Digest,
        progress: &dyn Progress,
    ) -> Result<Part, Error> {
        let (bytes, count) = Counting::new(bytes);
        let mut told = Told::new(bytes, count, diff_id.short(), size, progress);
        // If the layer is there already, nothing is read; the archive's walk skips the rest.
        self.store(&diff_id, &mut told)?;
        Ok(Part::Stored(diff_id))
    }

    fn store(&self, diff_id: &Digest, tar: &mut dyn Read) -> Result<(), Error> {
        self.images.snapshotter().ingest(diff_id, tar)?;
        self.stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(diff_id.clone());
        Ok(())
    }

    fn spool(&self, mut bytes: impl Read, size: u64) -> Result<Part, Error> {
        let mut file = self.images.0.content.scratch()?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = bytes.read(&mut buffer).map_err(Error::ArchiveRead)?;
            if read == 0 {
                return Ok(Part::Spooled { file, size });
            }
            file.write_all(&buffer[..read])
                .map_err(|source| spool_failed(&source))?;
        }
    }

    /// An entry that is small by its nature.
    pub(super) fn small(&self, what: &'static str, name: &str) -> Result<Vec<u8>, Error> {
        let (name, part) = self.find(what, name)?;
        let size = match part {
            Part::Memory(bytes) => return Ok(bytes.clone()),
            Part::Spooled { size, .. } if *size <= crate::images::SMALL_BLOB_MAX => *size,
            _ => return Err(Error::Archive(format!("{what} {name} is too large"))),
        };
        let mut bytes = Vec::with_capacity(size as usize);
        open(part)?
            .read_to_end(&mut bytes)
            .map_err(Error::ArchiveRead)?;
        Ok(bytes)
    }

    /// Puts those layers into the snapshotter that are not there, several at a time.
    pub(super) fn store_layers(
        &self,
        layers: &[(Digest, String)],
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let mut missing: Vec<(&Digest, &Part)> = Vec::new();
        for (diff_id, name) in layers {
            let (_, part) = self.find("layer", name)?;
            match part {
                Part::Stored(stored) if stored == diff_id => {}
                Part::Stored(stored) => {
                    let (expected, actual) = (diff_id.clone(), stored.clone());
                    return Err(gantry_snapshot::Error::DigestMismatch { expected, actual }.into());
                }
                _ if self.images.snapshotter().layer(diff_id)?.is_some() => {}
                _ if missing.iter().any(|(other, _)| *other == diff_id) => {}
                part => missing.push((diff_id, part)),
            }
        }
        let workers = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(missing.len());
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((diff_id, part)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.store_part(diff_id, part, progress)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .try_for_each(|t| t.join().unwrap_or(Err(Error::Cancelled)))
        })
    }

    fn store_part(
        &self,
        diff_id: &Digest,
        part: &Part,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let size = match part {
            Part::Memory(bytes) => bytes.len() as u64,
            Part::Spooled { size, .. } => *size,
            Part::Stored(_) | Part::Link(_) => 0,
        };
        let (source, count) = Counting::new(open(part)?);
        let plain = decode(source).map_err(Error::ArchiveRead)?;
        let tar: Box<dyn Read> = if plain.compression() == Compression::None {
            Box::new(plain)
        } else {
            Box::new(read_ahead(plain).map_err(Error::ArchiveRead)?)
        };
        self.store(
            diff_id,
            &mut Told::new(tar, count, diff_id.short(), size, progress),
        )
    }

    /// An entry, through links.
    fn find(&self, what: &'static str, name: &str) -> Result<(&str, &Part), Error> {
        let missing = || Error::ArchiveIncomplete {
            what,
            name: name.to_owned(),
        };
        let mut at = name.strip_prefix("./").unwrap_or(name);
        for _ in 0..LINKS_MAX {
            let (key, part) = self.parts.get_key_value(at).ok_or_else(missing)?;
            match part {
                Part::Link(target) => at = target,
                _ => return Ok((key, part)),
            }
        }
        Err(missing())
    }
}

fn spool_failed(source: &io::Error) -> Error {
    Error::ArchiveRead(io::Error::new(
        source.kind(),
        format!("keeping it on disk: {source}"),
    ))
}

fn read_head<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, Error> {
    let mut head = Vec::with_capacity(HEADER);
    entry
        .take(HEADER as u64)
        .read_to_end(&mut head)
        .map_err(Error::ArchiveRead)?;
    Ok(head)
}

/// The diff ID of an entry that is a plain layer: then its name is its digest.
fn plain_layer(name: &str, head: &[u8]) -> Option<Digest> {
    let digest = Digest::from_sha256_hex(name.strip_prefix(BLOBS)?).ok()?;
    // The magic of POSIX and of GNU tar headers.
    (head.get(257..262) == Some(b"ustar")).then_some(digest)
}

/// A reader of its own, which a thread may keep.
fn open(part: &Part) -> Result<Box<dyn Read + Send>, Error> {
    Ok(match part {
        Part::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
        Part::Spooled { file, .. } => {
            let file = file.try_clone().map_err(Error::ArchiveRead)?;
            Box::new(At { file, position: 0 })
        }
        Part::Stored(_) | Part::Link(_) => Box::new(io::empty()),
    })
}

/// Reads a file from the front, wherever its offset is.
struct At {
    file: File,
    position: u64,
}

impl Read for At {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
