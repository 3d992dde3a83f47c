//! The directory of layers.
//!
//! ```text
//! <data>/snapshots/<driver>/
//!   layers/sha256-<hex>/    a whole layer: layer.json and the driver's files
//!   containers/<key>/       a snapshot
//!   tmp/                    half-made and half-removed things; cleared at start
//!   empty/, empty-below/    what stands below an image without layers
//! ```
//!
//! A layer is made in `tmp` and renamed into place, so that it is whole or absent for every other
//! thread and after the daemon's death. After a loss of power the name could be there before the
//! bytes: a layer carries a file `unsynced` with the boot's ID until it has been forced to the
//! disk in the background, and one that still has it from an earlier boot is not trusted. That
//! way nobody waits for the disk.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use gantry_reference::Digest;
use rustix::fs::{Mode, OFlags, open};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::LayerInfo;
use crate::error::at;
use crate::housekeeping::{Housekeeper, Job, SyncHow, boot_id};

const RECORD: &str = "layer.json";
/// The mark of a layer that may not have reached the disk.
pub(crate) const UNSYNCED: &str = "unsynced";

/// What `layer.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) diff_id: Digest,
    pub(crate) size: u64,
    pub(crate) tar_size: u64,
    pub(crate) entries: u64,
}

impl From<Record> for LayerInfo {
    fn from(record: Record) -> Self {
        let Record {
            diff_id,
            size,
            tar_size,
            entries,
        } = record;
        Self {
            diff_id,
            size,
            tar_size,
            entries,
        }
    }
}

/// The layers of one driver.
#[derive(Debug)]
pub(crate) struct Layers {
    root: PathBuf,
    sync: SyncHow,
    housekeeper: Housekeeper,
    /// Makes names in `tmp` unique, also across restarts.
    session: u128,
    counter: AtomicU64,
    busy: Mutex<HashSet<Digest>>,
    turn: Condvar,
}

/// A directory in `tmp`, removed unless it is published.
#[derive(Debug)]
pub(crate) struct Staging<'a> {
    path: PathBuf,
    layers: &'a Layers,
    kept: bool,
}

impl Staging<'_> {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the directory to where it stays.
    pub(crate) fn rename(mut self, target: &Path) -> Result<(), Error> {
        fs::rename(&self.path, target).map_err(at("rename to", target))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.layers
                .housekeeper
                .submit(Job::Remove(self.path.clone()));
        }
    }
}

/// The right to ingest one layer, one thread at a time.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    layers: &'a Layers,
    diff_id: &'a Digest,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = self
            .layers
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        busy.remove(self.diff_id);
        self.layers.turn.notify_all();
    }
}

impl Layers {
    /// Opens or makes the store below `root` and clears its `tmp`.
    pub(crate) fn open(root: PathBuf, sync: SyncHow) -> Result<Self, Error> {
        for name in ["layers", "tmp", "empty", "empty-below"] {
            let path = root.join(name);
            fs::create_dir_all(&path).map_err(at("create", &path))?;
        }
        restrict(&root)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let layers = Self {
            housekeeper: Housekeeper::start().map_err(at("start a thread for", &root))?,
            root,
            sync,
            session: now.as_nanos(),
            counter: AtomicU64::new(0),
            busy: Mutex::default(),
            turn: Condvar::new(),
        };
        for name in names(&layers.root.join("tmp"))? {
            let path = layers.root.join("tmp").join(name);
            layers.housekeeper.submit(Job::Remove(path));
        }
        Ok(layers)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// An empty directory, to stack on.
    pub(crate) fn empty(&self) -> PathBuf {
        self.root.join("empty")
    }

    /// Another one, since the kernel refuses one directory twice in a stack.
    pub(crate) fn empty_below(&self) -> PathBuf {
        self.root.join("empty-below")
    }

    pub(crate) fn directory(&self, diff_id: &Digest) -> PathBuf {
        let name = format!("{}-{}", diff_id.algorithm().name(), diff_id.hex());
        self.root.join("layers").join(name)
    }

    /// A fresh name in `tmp`.
    fn temporary(&self) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.root
            .join("tmp")
            .join(format!("{:x}-{number:x}", self.session))
    }

    /// A fresh directory in `tmp`.
    pub(crate) fn staging(&self) -> Result<Staging<'_>, Error> {
        let path = self.temporary();
        fs::create_dir(&path).map_err(at("create", &path))?;
        Ok(Staging {
            path,
            layers: self,
            kept: false,
        })
    }

    /// Waits until no other thread is at this layer.
    pub(crate) fn turn<'a>(&'a self, diff_id: &'a Digest) -> Turn<'a> {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut busy = self
            .turn
            .wait_while(busy, |busy| busy.contains(diff_id))
            .unwrap_or_else(PoisonError::into_inner);
        busy.insert(diff_id.clone());
        Turn {
            layers: self,
            diff_id,
        }
    }

    /// The layer's record; `None` if the layer is not here.
    pub(crate) fn record(&self, diff_id: &Digest) -> Result<Option<Record>, Error> {
        let path = self.directory(diff_id).join(RECORD);
        let text = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(at("read", &path))?,
        };
        let record = serde_json::from_slice(&text).map_err(io::Error::from);
        record.map(Some).map_err(at("read", &path))
    }

    /// Makes a finished staging directory the layer.
    pub(crate) fn publish(&self, staging: Staging<'_>, record: &Record) -> Result<(), Error> {
        let write = |name: &str, content: &[u8]| {
            let path = staging.path().join(name);
            fs::write(&path, content).map_err(at("write", &path))
        };
        let text = serde_json::to_vec(record).map_err(io::Error::from);
        write(RECORD, &text.map_err(at("encode", staging.path()))?)?;
        write(UNSYNCED, boot_id().as_bytes())?;
        let directory = self.directory(&record.diff_id);
        staging.rename(&directory)?;
        self.sync_later(&directory);
        Ok(())
    }

    fn sync_later(&self, directory: &Path) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if let Ok(directory) = open(directory, flags, Mode::empty()) {
            self.housekeeper.submit(Job::Sync {
                directory,
                how: self.sync,
            });
        }
    }

    /// Takes a layer or snapshot away at once and frees its space in the background.
    pub(crate) fn discard(&self, path: &Path) -> Result<(), Error> {
        let grave = self.temporary();
        match fs::rename(path, &grave) {
            Ok(()) => self.housekeeper.submit(Job::Remove(grave)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(at("remove", path)(e)),
        }
        Ok(())
    }

    /// All layers, in no order.
    pub(crate) fn list(&self) -> Result<Vec<Digest>, Error> {
        let names = names(&self.root.join("layers"))?;
        Ok(names
            .iter()
            .filter_map(|name| Digest::parse(&name.replacen('-', ":", 1)).ok())
            .collect())
    }

    /// Finds the layers that a loss of power may have damaged, and starts forcing this boot's to
    /// the disk again. What comes back has been moved to the path beside it and is to be remade.
    pub(crate) fn distrusted(&self) -> Result<Vec<(Record, Staging<'_>)>, Error> {
        let this_boot = boot_id();
        let mut found = Vec::new();
        for diff_id in self.list()? {
            let directory = self.directory(&diff_id);
            match fs::read_to_string(directory.join(UNSYNCED)) {
                Err(_) => continue,
                Ok(boot) if boot == this_boot => {
                    self.sync_later(&directory);
                    continue;
                }
                Ok(_) => {}
            }
            let record = self.record(&diff_id);
            let staging = Staging {
                path: self.temporary(),
                layers: self,
                kept: false,
            };
            fs::rename(&directory, staging.path()).map_err(at("rename", &directory))?;
            match record {
                Ok(Some(record)) => found.push((record, staging)),
                // Dropping the staging removes the remains.
                _ => tracing::warn!(%diff_id, "layer lost in a crash"),
            }
        }
        Ok(found)
    }
}

/// The names in a directory, those that are UTF-8: all of ours are.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(directory).map_err(at("list", directory))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at("list", directory))?.file_name();
        names.extend(name.into_string());
    }
    Ok(names)
}

/// Layers hold set-id programs of other systems: no local user may reach them.
fn restrict(root: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(root, fs::Permissions::from_mode(0o700)).map_err(at("protect", root))
}
