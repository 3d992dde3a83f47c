//! Contents of files that were read before: a file that the kernel calls unchanged is not read again.
//!
//! A file's content cannot change without its change time (`ctime`), which nobody can set. One that is as young as the
//! clock's tick is not remembered: it could change again within the same tick. See also git's "racy" entries.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use gantry_reference::Digest;
use rustix::fs::Stat;

/// What a file begins with: another number is another format.
const MAGIC: &[u8; 8] = b"gdigest1";
/// Five numbers and a SHA-256.
const RECORD: usize = 5 * 8 + 32;
/// A file must be so old; the kernel's clock for files ticks every 1 to 10 ms.
const SETTLED: Duration = Duration::from_millis(50);

/// By what a file is known: inode, change time (seconds, nanoseconds), size, device.
type Mark = [u64; 5];

/// The digests of a folder's files, kept in a file beside it.
#[derive(Debug)]
pub struct Digests {
    path: PathBuf,
    known: HashMap<Mark, [u8; 32]>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: HashMap<Mark, [u8; 32]>,
    changed: bool,
}

impl Digests {
    /// Reads the file; one that is damaged is none.
    pub fn open(path: PathBuf) -> Self {
        let bytes = fs::read(&path).unwrap_or_default();
        let records = bytes.strip_prefix(MAGIC.as_slice()).unwrap_or_default();
        let known = records.chunks_exact(RECORD).filter_map(|record| {
            let mut mark = Mark::default();
            let (numbers, digest) = record.split_at(RECORD - 32);
            for (number, bytes) in mark.iter_mut().zip(numbers.chunks_exact(8)) {
                *number = u64::from_le_bytes(bytes.try_into().ok()?);
            }
            Some((mark, digest.try_into().ok()?))
        });
        Self {
            known: known.collect(),
            path,
            used: Mutex::default(),
        }
    }

    /// Learns the digest of a file from whoever wrote it, as it is now that nobody writes it any more.
    pub fn learn(&self, stat: &Stat, digest: &Digest) {
        if let Some(digest) = bytes_of(digest) {
            let mut used = self.used();
            used.all.insert(mark(stat), digest);
            used.changed = true;
        }
    }

    /// The digest of a file's content: remembered, or found out now by reading it.
    pub(crate) fn of<E>(
        &self,
        stat: &Stat,
        read: impl FnOnce() -> Result<Digest, E>,
    ) -> Result<String, E> {
        let mark = mark(stat);
        let mut changed = false;
        let learnt = || self.used().all.get(&mark).copied();
        let digest = match self.known.get(&mark).copied().or_else(learnt) {
            Some(digest) => digest,
            None => {
                let now = SystemTime::now();
                let digest = read()?;
                let Some(bytes) = bytes_of(&digest) else {
                    return Ok(digest.hex().to_owned());
                };
                if !settled(stat, now) {
                    return Ok(digest.hex().to_owned());
                }
                changed = true;
                bytes
            }
        };
        let mut used = self.used();
        used.all.insert(mark, digest);
        used.changed |= changed;
        drop(used);
        Ok(hex(&digest))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Digests {
    /// Remembers those that were of use. What cannot be written is read again next time.
    fn drop(&mut self) {
        let used = self.used.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(folder) = self.path.parent().filter(|_| used.changed) else {
            return;
        };
        let mut bytes = Vec::with_capacity(MAGIC.len() + used.all.len() * RECORD);
        bytes.extend(MAGIC);
        for (mark, digest) in &used.all {
            bytes.extend(mark.iter().flat_map(|number| number.to_le_bytes()));
            bytes.extend(digest);
        }
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            file.write_all(&bytes)?;
            Ok(file.persist(&self.path)?)
        });
        if let Err(error) = written {
            tracing::debug!("cannot remember a context's digests: {error}");
        }
    }
}

#[expect(clippy::cast_sign_loss, reason = "only compared")]
fn mark(stat: &Stat) -> Mark {
    [
        stat.st_ino,
        stat.st_ctime as u64,
        stat.st_ctime_nsec,
        stat.st_size as u64,
        stat.st_dev,
    ]
}

fn settled(stat: &Stat, now: SystemTime) -> bool {
    let seconds = u64::try_from(stat.st_ctime).unwrap_or_default();
    let changed = Duration::from_secs(seconds) + Duration::from_nanos(stat.st_ctime_nsec);
    now.duration_since(SystemTime::UNIX_EPOCH + changed)
        .is_ok_and(|age| age >= SETTLED)
}

fn bytes_of(digest: &Digest) -> Option<[u8; 32]> {
    let hex = digest.hex().as_bytes();
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    (hex.len() == 64).then_some(bytes)
}

fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use gantry_archive::Digester;

    use super::*;

    #[test]
    fn only_what_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (file, kept) = (folder.path().join("file"), folder.path().join("kept"));
        let reads = Cell::new(0);
        let digest = || {
            let digests = Digests::open(kept.clone());
            let stat = rustix::fs::stat(&file).unwrap();
            let read = || {
                reads.set(reads.get() + 1);
                Ok::<_, Infallible>(Digester::sha256(&fs::read(&file).unwrap()))
            };
            digests.of(&stat, read).unwrap()
        };
        fs::write(&file, "one").unwrap();
        let first = digest();
        assert_eq!(first, Digester::sha256(b"one").hex());
        // Too young to be trusted the next time.
        assert_eq!((digest(), reads.get()), (first.clone(), 2));
        std::thread::sleep(SETTLED * 2);
        assert_eq!((digest(), reads.get()), (first.clone(), 3));
        assert_eq!((digest(), reads.get()), (first, 3));
        // The same size, and the old time set again.
        let times = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "two").unwrap();
        fs::File::open(&file).unwrap().set_modified(times).unwrap();
        assert_eq!(digest(), Digester::sha256(b"two").hex());
        // Whoever writes a file knows.
        fs::write(&file, "three").unwrap();
        let stat = rustix::fs::stat(&file).unwrap();
        Digests::open(kept.clone()).learn(&stat, &Digester::sha256(b"three"));
        let before = reads.get();
        assert_eq!(digest(), Digester::sha256(b"three").hex());
        assert_eq!(reads.get(), before);
        // A damaged file is none.
        fs::write(&file, "two").unwrap();
        fs::write(&kept, "gdigest1 and then something else").unwrap();
        assert_eq!(digest(), Digester::sha256(b"two").hex());
    }
}
