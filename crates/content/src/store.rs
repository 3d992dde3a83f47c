//! The store of whole blobs.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use gantry_archive::Digester;
use gantry_reference::{Algorithm, Digest};
use rustix::fs::{Mode, OFlags};

use crate::{Error, Ingest, Leases};

/// How long an unfinished download is kept for somebody to go on with it.
const INGEST_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Blobs by digest; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    leases: Leases,
    /// Digests that an [`Ingest`] is writing now.
    active: Mutex<HashSet<Digest>>,
    counter: AtomicU64,
}

impl Store {
    /// Opens the store below `root`, making its directories and clearing what a crash left.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let inner = Inner {
            root: root.to_owned(),
            leases: Leases::default(),
            active: Mutex::default(),
            counter: AtomicU64::new(0),
        };
        let store = Self(Arc::new(inner));
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            make_dir(&store.blob_dir(algorithm))?;
        }
        make_dir(&store.ingest_dir())?;
        store.clear_dead_ingests(INGEST_MAX_AGE)?;
        Ok(store)
    }

    /// What must not be collected now.
    pub fn leases(&self) -> &Leases {
        &self.0.leases
    }

    /// Whether a blob is here.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blob_path(digest).exists()
    }

    /// Opens a blob.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, Error> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound(digest.clone()),
            _ => Error::io("open", path)(error),
        })
    }

    /// Reads a blob of at most `limit` bytes.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
        let mut file = self.open_blob(digest)?;
        let io = |error| Error::io("read", self.blob_path(digest))(error);
        let size = file.metadata().map_err(io)?.len();
        if size > limit {
            return Err(Error::TooLarge {
                digest: digest.clone(),
                size,
                limit,
            });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        file.read_to_end(&mut bytes).map_err(io)?;
        Ok(bytes)
    }

    /// Stores bytes that are all here, if they are the right ones.
    pub fn put(&self, expected: &Digest, bytes: &[u8]) -> Result<(), Error> {
        let actual = Digester::digest(expected.algorithm(), bytes);
        if actual != *expected {
            return Err(Error::DigestMismatch {
                expected: expected.clone(),
                actual,
            });
        }
        if self.contains(expected) {
            return Ok(());
        }
        let temporary = self.ingest_dir().join(format!(
            "tmp-{}-{}",
            std::process::id(),
            self.0.counter.fetch_add(1, Ordering::Relaxed)
        ));
        write_synced(&temporary, bytes)
            .and_then(|()| self.publish(&temporary, expected))
            .inspect_err(|_| {
                let _ = fs::remove_file(&temporary);
            })
    }

    /// Stores bytes and says by which digest.
    pub fn put_new(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digester::sha256(bytes);
        self.put(&digest, bytes)?;
        Ok(digest)
    }

    /// Begins a blob that arrives in pieces, or goes on with one.
    ///
    /// `None` while somebody else is at the same digest.
    pub fn ingest(&self, digest: &Digest) -> Result<Option<Ingest>, Error> {
        if !self.lock_active().insert(digest.clone()) {
            return Ok(None);
        }
        Ingest::open(self.clone(), digest.clone())
            .inspect_err(|_| self.end_ingest(digest))
            .map(Some)
    }

    /// A nameless file for bytes that nobody will want after a crash.
    pub fn scratch(&self) -> Result<File, Error> {
        let dir = self.ingest_dir();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        rustix::fs::open(&dir, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .map_err(|error| Error::io("make a temporary file in", dir)(error.into()))
    }

    /// Removes a blob, if it is here and not leased; says whether it did.
    pub fn remove(&self, digest: &Digest) -> Result<bool, Error> {
        if self.0.leases.is_held(digest) {
            return Ok(false);
        }
        remove_if_there(&self.blob_path(digest))
    }

    /// Removes every blob that `keep` does not name and nobody leases; says how many.
    pub fn collect(&self, keep: &HashSet<Digest>) -> Result<usize, Error> {
        let mut removed = 0;
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for name in names_in(&self.blob_dir(algorithm))? {
                let Ok(digest) = Digest::parse(&format!("{algorithm}:{name}")) else {
                    continue;
                };
                if !keep.contains(&digest) && self.remove(&digest)? {
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// Removes unfinished ingests that nobody has touched for `age`, and half-written small blobs.
    pub fn clear_dead_ingests(&self, age: Duration) -> Result<(), Error> {
        let dir = self.ingest_dir();
        for name in names_in(&dir)? {
            let path = dir.join(&name);
            if name.starts_with("tmp-") || is_older(&path, age) {
                remove_if_there(&path)?;
            }
        }
        Ok(())
    }

    /// Moves a finished file to its place for good.
    pub(crate) fn publish(&self, from: &Path, digest: &Digest) -> Result<(), Error> {
        let to = self.blob_path(digest);
        fs::rename(from, &to).map_err(Error::io("rename a blob to", &to))?;
        let dir = self.blob_dir(digest.algorithm());
        File::open(&dir)
            .and_then(|dir| dir.sync_all())
            .map_err(Error::io("sync", dir))
    }

    pub(crate) fn ingest_path(&self, digest: &Digest) -> PathBuf {
        self.ingest_dir()
            .join(format!("{}-{}", digest.algorithm(), digest.hex()))
    }

    pub(crate) fn end_ingest(&self, digest: &Digest) {
        self.lock_active().remove(digest);
    }

    fn lock_active(&self) -> std::sync::MutexGuard<'_, HashSet<Digest>> {
        self.0
            .active
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blob_dir(digest.algorithm()).join(digest.hex())
    }

    fn blob_dir(&self, algorithm: Algorithm) -> PathBuf {
        self.0.root.join("blobs").join(algorithm.name())
    }

    fn ingest_dir(&self) -> PathBuf {
        self.0.root.join("ingest")
    }
}

fn make_dir(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("make directory", path))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = File::create(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    file.sync_all().map_err(Error::io("sync", path))
}

pub(crate) fn remove_if_there(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

fn names_in(dir: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::io("list", dir))?;
    entries
        .map(|entry| {
            let entry = entry.map_err(Error::io("list", dir))?;
            Ok(entry.file_name().to_string_lossy().into_owned())
        })
        .collect()
}

fn is_older(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(|time| {
        SystemTime::now()
            .duration_since(time)
            .is_ok_and(|passed| passed > age)
    })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
