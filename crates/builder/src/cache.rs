//! Layers by what they were made from.
//!
//! One small file a key, written beside and renamed over: a crash leaves it whole or absent. A record is only as good as
//! its layer; one whose layer has gone is removed when it is met. Behind the record stands a line break for each time that
//! it was used again, so that the file's time is that of its last use.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gantry_reference::{Digest, ImageId};
use serde::{Deserialize, Serialize};

use crate::{Builder, Error};

/// Where records are.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// What was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The layer.
    pub layer: String,
    /// The nameless image that keeps it.
    pub image: String,
    /// When it was made: RFC 3339.
    pub created: String,
    /// The instruction, for people.
    pub description: String,
}

/// A layer that is there.
#[derive(Debug)]
pub(crate) struct Hit {
    /// The layer.
    pub layer: Digest,
    /// The nameless image that keeps it from being removed while a build goes on.
    pub keeper: ImageId,
    /// When it was made: RFC 3339.
    pub created: String,
}

/// A record as it lies there.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Its key.
    pub key: String,
    /// What it says.
    pub record: Record,
    /// When it came here.
    pub created: SystemTime,
    /// When it was used last.
    pub used: SystemTime,
    /// How often it was used: by the build that made it, and since then.
    pub uses: u64,
    path: PathBuf,
}

impl Cache {
    /// Opens the folder of records.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Ok(Self { folder })
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(key.hex())
    }

    /// What was made from this; notes that it was used.
    pub(crate) fn find(&self, key: &Digest) -> Option<Record> {
        let path = self.path(key);
        let (record, _) = read(&path)?;
        if let Ok(mut file) = fs::File::options().append(true).open(&path) {
            let now = fs::FileTimes::new().set_modified(SystemTime::now());
            // On a full disk the time at least: what is used stays.
            let noted = file.write_all(b"\n");
            let _ = noted.or_else(|_| file.set_times(now));
        }
        Some(record)
    }

    /// Remembers. A build does not fail because its cache cannot be written.
    pub(crate) fn keep(&self, key: &Digest, record: &Record) {
        if let Err(error) = self.write(&self.path(key), record) {
            tracing::warn!("cannot remember a layer of a build: {error}");
        }
    }

    fn write(&self, path: &Path, record: &Record) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer(&mut file, record)?;
        file.persist(path)?;
        Ok(())
    }

    /// Forgets.
    pub(crate) fn forget(&self, key: &Digest) {
        let _ = fs::remove_file(self.path(key));
    }

    /// All records, the ones used last first.
    pub(crate) fn all(&self) -> Result<Vec<Kept>, Error> {
        let entries = fs::read_dir(&self.folder).map_err(Error::file("read", &self.folder))?;
        let mut all: Vec<Kept> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let path = entry.path();
                let (record, uses) = read(&path)?;
                let known = entry.metadata().ok()?;
                let used = known.modified().ok()?;
                Some(Kept {
                    key: entry.file_name().into_string().ok()?,
                    record,
                    // Not every file system knows.
                    created: known.created().unwrap_or(used),
                    used,
                    uses,
                    path,
                })
            })
            .collect();
        all.sort_by_key(|kept| std::cmp::Reverse(kept.used));
        Ok(all)
    }
}

impl Builder {
    /// The layer that was made from this before, if it still is there.
    pub(crate) fn look_up(&self, key: &Digest) -> Option<Hit> {
        let record = self.cache.find(key)?;
        let store = self.engine.images.store();
        let layer = record.layer();
        let there = layer.filter(|layer| matches!(store.snapshotter().layer(layer), Ok(Some(_))));
        let keeper = record.image().filter(|image| store.contains(image));
        let (Some(layer), Some(keeper)) = (there, keeper) else {
            self.cache.forget(key);
            return None;
        };
        Some(Hit {
            layer,
            keeper,
            created: record.created,
        })
    }
}

impl Kept {
    /// Removes the record.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::file("remove", &self.path))
    }
}

impl Record {
    /// Which layer.
    pub(crate) fn layer(&self) -> Option<Digest> {
        Digest::parse(&self.layer).ok()
    }

    /// Which image keeps it.
    pub(crate) fn image(&self) -> Option<ImageId> {
        Digest::parse(&self.image).ok().map(ImageId::new)
    }
}

/// The record, and how often it was used.
fn read(path: &Path) -> Option<(Record, u64)> {
    let text = fs::read(path).ok()?;
    let again = text.iter().rev().take_while(|byte| **byte == b'\n');
    let uses = 1 + again.count() as u64;
    Some((serde_json::from_slice(&text).ok()?, uses))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_archive::Digester;

    #[test]
    fn what_is_kept_is_found_and_damage_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("keys")).unwrap();
        let (key, other) = (Digester::sha256(b"a"), Digester::sha256(b"b"));
        let record = Record {
            layer: key.to_string(),
            image: other.to_string(),
            created: "now".into(),
            description: "RUN x".into(),
        };
        cache.keep(&key, &record);
        assert_eq!(cache.find(&key).unwrap().layer(), Some(key.clone()));
        assert!(cache.find(&other).is_none());
        fs::write(cache.path(&other), "{\"lay").unwrap();
        assert!(cache.find(&other).is_none());
        assert!(cache.find(&key).is_some());
        let all = cache.all().unwrap();
        assert_eq!((all.len(), all[0].uses), (1, 3));
        assert!(all[0].created <= all[0].used);
        cache.keep(&key, &record);
        assert_eq!(cache.all().unwrap()[0].uses, 1);
        cache.forget(&key);
        assert!(cache.find(&key).is_none());
    }
}
