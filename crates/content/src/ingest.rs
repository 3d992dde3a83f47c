//! A blob that arrives in pieces.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gantry_archive::Digester;
use gantry_reference::Digest;

use crate::follow::{Ending, Growth};
use crate::store::remove_if_there;
use crate::{Error, Follow, Store};

/// A blob that arrives in pieces; one writer per digest.
///
/// Dropped before its end, it leaves its bytes for the next attempt. Its bytes are not synced to
/// the disk: should a crash damage them, the digest at the end tells, and they are dropped.
#[derive(Debug)]
pub struct Ingest {
    claim: Claim,
    file: File,
    digester: Digester,
    written: u64,
    resumed: u64,
    growth: Writer,
}

/// All bytes of an [`Ingest`], and they are the right ones.
///
/// Dropped, it leaves them for the next attempt, which then needs no network.
#[derive(Debug)]
pub struct Verified {
    claim: Claim,
    file: File,
    size: u64,
}

/// The right to work on one digest's ingest file.
#[derive(Debug)]
struct Claim {
    store: Store,
    digest: Digest,
    path: PathBuf,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Nothing came: nothing to go on with.
        if fs::metadata(&self.path).is_ok_and(|meta| meta.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
        self.store.end_ingest(&self.digest);
    }
}

impl Ingest {
    /// Opens or makes the file, and hashes what is there.
    pub(crate) fn open(store: Store, digest: Digest) -> Result<Self, Error> {
        let path = store.ingest_path(&digest);
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        let mut digester = Digester::new(digest.algorithm());
        let written = hash_file(&mut file, &mut digester).map_err(Error::io("read", &path))?;
        let growth = Writer(Arc::new(Growth::new(written)));
        // The caller holds the claim already; it passes to this value from here on.
        let claim = Claim {
            store,
            digest,
            path,
        };
        Ok(Self {
            claim,
            file,
            digester,
            written,
            resumed: written,
            growth,
        })
    }

    /// Which blob it will be.
    pub fn digest(&self) -> &Digest {
        &self.claim.digest
    }

    /// Bytes that are here.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that an earlier attempt had brought.
    pub const fn resumed(&self) -> u64 {
        self.resumed
    }

    /// Appends bytes. After a full disk the file is removed, since it is what fills it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|error| {
            let error = Error::io("write", &self.claim.path)(error);
            self.growth.0.end(Ending::failed(&error));
            if matches!(error, Error::Full { .. }) {
                let _ = fs::remove_file(&self.claim.path);
            }
            error
        })?;
        self.digester.update(bytes);
        self.written += bytes.len() as u64;
        self.growth.0.grow_to(self.written);
        Ok(())
    }

    /// Reads the bytes from the first on, waiting for those that are not here yet.
    pub fn follow(&self) -> Result<Follow, Error> {
        let path = &self.claim.path;
        let file = File::open(path).map_err(Error::io("open", path))?;
        Ok(Follow::new(file, Arc::clone(&self.growth.0)))
    }

    /// Ends: the bytes must be the digest's, else they are dropped.
    pub fn verify(self) -> Result<Verified, Error> {
        let Self {
            claim,
            file,
            digester,
            written,
            growth,
            ..
        } = self;
        let actual = digester.finish();
        if actual != claim.digest {
            let error = Error::DigestMismatch {
                expected: claim.digest.clone(),
                actual,
            };
            growth.0.end(Ending::failed(&error));
            remove_if_there(&claim.path)?;
            return Err(error);
        }
        growth.0.end(Ending::Whole);
        Ok(Verified {
            claim,
            file,
            size: written,
        })
    }

    /// Drops the bytes.
    pub fn discard(self) -> Result<(), Error> {
        remove_if_there(&self.claim.path).map(drop)
    }

    /// Gives up, telling followers why; the bytes stay for the next attempt.
    pub fn fail(self, reason: &str) {
        self.growth
            .0
            .end(Ending::Failed(io::ErrorKind::Other, reason.to_owned()));
    }
}

/// The writer's side of a growth: a follower must not wait for a writer that is gone.
#[derive(Debug)]
struct Writer(Arc<Growth>);

impl Drop for Writer {
    fn drop(&mut self) {
        // Only the first ending counts.
        let reason = "the download was given up".into();
        self.0.end(Ending::Failed(io::ErrorKind::Other, reason));
    }
}

fn hash_file(file: &mut File, digester: &mut Digester) -> io::Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(total);
        }
        digester.update(&buffer[..read]);
        total += read as u64;
    }
}

impl Verified {
    /// Which blob it is.
    pub fn digest(&self) -> &Digest {
        &self.claim.digest
    }

    /// Its bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where the bytes are until then.
    pub fn path(&self) -> &Path {
        &self.claim.path
    }

    /// Keeps the blob: syncs it and puts it in its place.
    pub fn publish(self) -> Result<(), Error> {
        self.file
            .sync_all()
            .map_err(Error::io("sync", &self.claim.path))?;
        self.claim
            .store
            .publish(&self.claim.path, &self.claim.digest)
    }

    /// Drops the bytes, which are no longer needed.
    pub fn discard(self) -> Result<(), Error> {
        remove_if_there(&self.claim.path).map(drop)
    }
}
