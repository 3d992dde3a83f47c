//! The writable directories of containers.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gantry_reference::Digest;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::at;
use crate::housekeeping::boot_id;
use crate::layers::{Layers, names};
use crate::mounting::Upper;
use crate::quota;

const RECORD: &str = "snapshot.json";
/// Says that the latest mount was a volatile one, and holds the boot's ID.
const VOLATILE: &str = "volatile";
const MAX_KEY: usize = 128;
/// Of a container's root directory.
const ROOT_MODE: u32 = 0o755;

/// What `snapshot.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    layers: Vec<Digest>,
    /// The project under which the file system counts it, if it has a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<u32>,
}

/// Which snapshots there are, and the layers each stands on, lowest first.
pub(crate) type Index = BTreeMap<String, Arc<[Digest]>>;

/// The snapshots of one driver.
#[derive(Debug)]
pub(crate) struct Snapshots {
    directory: PathBuf,
    index: Mutex<Index>,
    /// The projects of those that have a size.
    projects: Mutex<BTreeMap<String, u32>>,
}

impl Snapshots {
    /// Reads what is there.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let directory = root.join("containers");
        fs::create_dir_all(&directory).map_err(at("create", &directory))?;
        let (mut index, mut projects) = (Index::new(), BTreeMap::new());
        for key in names(&directory)? {
            let path = directory.join(&key).join(RECORD);
            let record = fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
            match record {
                Ok(Record { layers, project }) => {
                    if let Some(project) = project {
                        projects.insert(key.clone(), project);
                    }
                    index.insert(key, layers.into());
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "snapshot lost in a crash");
                }
            }
        }
        Ok(Self {
            directory,
            index: Mutex::new(index),
            projects: Mutex::new(projects),
        })
    }

    /// While this is held no snapshot comes or goes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether sizes can be kept to.
    pub(crate) fn check_quota(&self) -> Result<(), Error> {
        quota::check(&self.directory)
    }

    /// Gives a removed snapshot's project back.
    pub(crate) fn lift_quota(&self, key: &str) {
        if let Some(project) = self.projects().remove(key) {
            quota::lift(&self.directory, project);
        }
    }

    fn projects(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The layers of a snapshot, lowest first.
    pub(crate) fn layers_of(&self, key: &str) -> Result<Arc<[Digest]>, Error> {
        self.lock()
            .get(key)
            .cloned()
            .ok_or_else(|| Error::SnapshotNotFound(key.to_owned()))
    }

    pub(crate) fn directory(&self, key: &str) -> PathBuf {
        self.directory.join(key)
    }

    /// The directories that overlay writes to.
    pub(crate) fn upper(&self, key: &str) -> Upper {
        let directory = self.directory(key);
        Upper {
            upper: directory.join("upper"),
            work: directory.join("work"),
        }
    }

    /// Notes that a volatile mount follows, and in which boot.
    pub(crate) fn mark_volatile(&self, key: &str) -> Result<(), Error> {
        let path = self.directory(key).join(VOLATILE);
        fs::write(&path, boot_id()).map_err(at("write", &path))
    }

    /// Makes a snapshot that has had a volatile mount fit for another one. Overlay leaves a
    /// directory by which it refuses the snapshot ever after, as it cannot know whether the
    /// machine has been down in between; we do.
    pub(crate) fn settle_volatile(&self, key: &str) -> Result<(), Error> {
        let directory = self.directory(key);
        let path = directory.join(VOLATILE);
        match fs::read_to_string(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(at("read", &path)(e)),
            Ok(boot) if boot != boot_id() => return Err(Error::SnapshotLost(key.to_owned())),
            Ok(_) => {}
        }
        let refusal = directory.join("work/work/incompat");
        match fs::remove_dir_all(&refusal) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at("remove", &refusal)(e)),
            _ => fs::remove_file(&path).map_err(at("remove", &path)),
        }
    }

    /// Makes an empty snapshot; `index` is this one's, locked.
    pub(crate) fn create(
        &self,
        index: &mut Index,
        key: &str,
        layers: &[Digest],
        size: Option<u64>,
        store: &Layers,
    ) -> Result<(), Error> {
        if index.contains_key(key) {
            return Err(Error::SnapshotExists(key.to_owned()));
        }
        let target = self.directory(key);
        // Only what a crash damaged can be there without being in the index.
        store.discard(&target)?;
        let staging = store.staging()?;
        // What is made below belongs to the project, too: overlay's work directory with it.
        let project = size
            .map(|bytes| self.limited(key, staging.path(), bytes))
            .transpose()?;
        let upper = staging.path().join("upper");
        for path in [&upper, &staging.path().join("work")] {
            fs::create_dir(path).map_err(at("create", path))?;
        }
        fs::set_permissions(&upper, Permissions::from_mode(ROOT_MODE))
            .map_err(at("change the mode of", &upper))?;
        let record = Record {
            layers: layers.to_vec(),
            project,
        };
        let path = staging.path().join(RECORD);
        let text = serde_json::to_vec(&record)
            .map_err(io::Error::from)
            .map_err(at("encode", &path))?;
        fs::write(&path, text).map_err(at("write", &path))?;
        staging.rename(&target)?;
        index.insert(key.to_owned(), layers.into());
        if let Some(project) = project {
            self.projects().insert(key.to_owned(), project);
        }
        Ok(())
    }

    fn limited(&self, key: &str, directory: &Path, bytes: u64) -> Result<u32, Error> {
        let projects = self.projects();
        let project = quota::project(key, |id| projects.values().any(|taken| *taken == id));
        quota::limit(directory, project, bytes)?;
        Ok(project)
    }
}

/// A key becomes a directory's name: nothing in it may mean more than itself.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let ok = key.len() <= MAX_KEY
        && key.starts_with(|c: char| c.is_ascii_alphanumeric())
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if ok {
        Ok(())
    } else {
        Err(Error::InvalidKey(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::check_key;

    #[test]
    fn keys_that_could_leave_the_directory_are_refused() {
        for key in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "-a",
            ".hidden",
            "a\0",
            &"x".repeat(129),
        ] {
            assert!(check_key(key).is_err(), "{key:?}");
        }
        for key in ["a", "4f1c", "build-1.2_3", &"f".repeat(64)] {
            assert!(check_key(key).is_ok(), "{key:?}");
        }
    }
}
