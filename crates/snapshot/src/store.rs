//! What both drivers have in common: one implementation of the contract over the few things in
//! which they differ.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gantry_reference::Digest;

use crate::dirs::Overlay;
use crate::erofs::Erofs;
use crate::error::{at, mounting};
use crate::intake::Outcome;
use crate::layers::{Layers, Record};
use crate::mounting::{Lower, MAX_LAYERS, MountFailure, Mounter, Stack};
use crate::snapshots::{Index, Snapshots, check_key};
use crate::tar::ArchiveError;
use crate::tree::Tree;
use crate::upper::DIRECTORY;
use crate::{Change, Error, LayerInfo, Mounted, Snapshotter, Usage, changes, pack, usage};

/// In what drivers differ: the form of a layer.
pub(crate) trait Driver: Send + Sync + 'static {
    /// The storage driver's name.
    const NAME: &'static str;

    /// Reads an archive to its end and writes the layer's files into `directory`. On success the
    /// archive is sound and its digest is `expected`, if one is.
    fn write_layer(
        &self,
        directory: &Path,
        expected: Option<&Digest>,
        tar: &mut dyn Read,
    ) -> Result<Record, Error>;

    /// The layer in `directory`, ready for stacking.
    fn lower(&self, diff_id: &Digest, directory: &Path) -> Result<Lower, Error>;

    /// Descriptors by which another process keeps these layers, as [`Mounted::keep`] says.
    fn keep(&self, lowers: &[Lower]) -> Result<Vec<OwnedFd>, Error>;

    /// Takes such descriptors back.
    fn adopt(&self, layers: &[Digest], keep: Vec<OwnedFd>);

    /// Lets go of a layer that is about to be removed.
    fn forget(&self, diff_id: &Digest);

    /// The layer's archive in `directory`; `None` if the driver keeps none.
    fn open_tar(&self, directory: &Path) -> std::io::Result<Option<Box<dyn Read + Send>>>;

    /// What makes overlay mounts.
    fn mounter(&self) -> &Mounter;
}

/// A snapshot store with one driver.
pub(crate) struct Store<D> {
    driver: D,
    snapshots: Snapshots,
    layers: Layers,
}

impl<D: Driver> Store<D> {
    /// Takes what is on the disk, remaking the layers that a loss of power may have damaged.
    pub(crate) fn open(layers: Layers, driver: D) -> Result<Self, Error> {
        let snapshots = Snapshots::open(layers.root())?;
        let store = Self {
            driver,
            snapshots,
            layers,
        };
        for (record, remains) in store.layers.distrusted()? {
            let diff_id = record.diff_id;
            if let Err(error) = store.remake(&diff_id, record.tar_size, remains.path()) {
                tracing::warn!(%diff_id, %error, "layer lost in a crash; pull its image again");
            }
        }
        Ok(store)
    }

    /// Ingests a layer anew from its own archive, if that is there.
    fn remake(&self, diff_id: &Digest, tar_size: u64, remains: &Path) -> Result<(), Error> {
        match self
            .driver
            .open_tar(remains)
            .map_err(at("open the archive in", remains))?
        {
            Some(tar) => self.ingest(diff_id, &mut tar.take(tar_size)).map(drop),
            None => Err(Error::LayerNotFound(diff_id.clone())),
        }
    }

    fn whole(&self, diff_id: &Digest) -> Result<Record, Error> {
        self.layers
            .record(diff_id)?
            .ok_or_else(|| Error::LayerNotFound(diff_id.clone()))
    }

    /// The layers ready for stacking, topmost first.
    fn lowers(&self, layers: &[Digest]) -> Result<Vec<Lower>, Error> {
        let mut lowers = Vec::with_capacity(layers.len().max(1));
        for diff_id in topmost_first(layers) {
            let directory = self.layers.directory(diff_id);
            if !directory.exists() {
                return Err(Error::LayerNotFound(diff_id.clone()));
            }
            lowers.push(self.driver.lower(diff_id, &directory)?);
        }
        Ok(lowers)
    }

    fn stack(&self, what: &str, mut stack: Stack) -> Result<Mounted, Error> {
        let keep = self.driver.keep(&stack.lowers)?;
        // Overlay wants one layer below a writable directory, and two where there is none.
        let wanted = if stack.upper.is_some() { 1 } else { 2 };
        if stack.lowers.is_empty() {
            stack.lowers.push(Lower::Directory(self.layers.empty()));
        }
        if stack.lowers.len() < wanted {
            stack
                .lowers
                .push(Lower::Directory(self.layers.empty_below()));
        }
        let root = self.driver.mounter().mount(stack).map_err(mounting(what))?;
        Ok(Mounted { root, keep })
    }

    fn mount_snapshot(&self, key: &str, volatile: bool) -> Result<Mounted, Error> {
        let layers = self.snapshots.layers_of(key)?;
        self.snapshots.settle_volatile(key)?;
        if volatile {
            self.snapshots.mark_volatile(key)?;
        }
        let lowers = self.lowers(&layers)?;
        let upper = Some(self.snapshots.upper(key));
        self.stack(
            &format!("snapshot {key}"),
            Stack {
                lowers,
                upper,
                volatile,
            },
        )
    }

    /// What a snapshot has of its own, and what it lies on.
    fn sides(&self, key: &str) -> Result<(OwnedFd, OwnedFd, PathBuf), Error> {
        let layers = self.snapshots.layers_of(key)?;
        let path = self.upper(key);
        let upper = File::open(&path).map_err(at("open", &path))?;
        let below = self.view(&layers)?.root;
        let below = rustix::fs::openat(&below, c".", DIRECTORY, rustix::fs::Mode::empty())
            .map_err(at("open the layers below", &path))?;
        Ok((upper.into(), below, path))
    }

    fn check_unused(index: &Index, diff_id: &Digest) -> Result<(), Error> {
        match index.iter().find(|(_, layers)| layers.contains(diff_id)) {
            None => Ok(()),
            Some((key, _)) => Err(Error::LayerInUse {
                layer: diff_id.clone(),
                key: key.clone(),
            }),
        }
    }
}

impl<D: Driver> Snapshotter for Store<D> {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn ingest(&self, diff_id: &Digest, tar: &mut dyn Read) -> Result<LayerInfo, Error> {
        let _turn = self.layers.turn(diff_id);
        if let Some(record) = self.layers.record(diff_id)? {
            return Ok(record.into());
        }
        let staging = self.layers.staging()?;
        let record = self
            .driver
            .write_layer(staging.path(), Some(diff_id), tar)?;
        self.layers.publish(staging, &record)?;
        Ok(record.into())
    }

    fn take(&self, tar: &mut dyn Read, known: &mut dyn FnMut(&Digest)) -> Result<LayerInfo, Error> {
        let staging = self.layers.staging()?;
        let record = self.driver.write_layer(staging.path(), None, tar)?;
        known(&record.diff_id);
        let _turn = self.layers.turn(&record.diff_id);
        if self.layers.record(&record.diff_id)?.is_none() {
            self.layers.publish(staging, &record)?;
        }
        Ok(record.clone().into())
    }

    fn layer(&self, diff_id: &Digest) -> Result<Option<LayerInfo>, Error> {
        Ok(self.layers.record(diff_id)?.map(LayerInfo::from))
    }

    fn layers(&self) -> Result<Vec<Digest>, Error> {
        self.layers.list()
    }

    fn remove_layer(&self, diff_id: &Digest) -> Result<(), Error> {
        let index = self.snapshots.lock();
        Self::check_unused(&index, diff_id)?;
        self.driver.forget(diff_id);
        self.layers.discard(&self.layers.directory(diff_id))
    }

    fn open_tar(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, Error> {
        let record = self.whole(diff_id)?;
        let directory = self.layers.directory(diff_id);
        match self
            .driver
            .open_tar(&directory)
            .map_err(at("open the archive in", &directory))?
        {
            // Behind its end the file may be padded.
            Some(file) => Ok(Box::new(file.take(record.tar_size))),
            None => Err(Error::NotKept {
                driver: D::NAME,
                layer: diff_id.clone(),
            }),
        }
    }

    fn check_quota(&self) -> Result<(), Error> {
        self.snapshots.check_quota()
    }

    fn prepare_limited(
        &self,
        key: &str,
        layers: &[Digest],
        size: Option<u64>,
    ) -> Result<(), Error> {
        check_key(key)?;
        check_count(layers)?;
        let mut index = self.snapshots.lock();
        for diff_id in layers {
            self.whole(diff_id)?;
        }
        self.snapshots
            .create(&mut index, key, layers, size, &self.layers)
    }

    fn mount(&self, key: &str) -> Result<Mounted, Error> {
        self.mount_snapshot(key, false)
    }

    fn mount_volatile(&self, key: &str) -> Result<Mounted, Error> {
        self.mount_snapshot(key, true)
    }

    fn view(&self, layers: &[Digest]) -> Result<Mounted, Error> {
        check_count(layers)?;
        let lowers = self.lowers(layers)?;
        let what = layers
            .last()
            .map_or("an empty view".to_owned(), |top| format!("layer {top}"));
        self.stack(
            &what,
            Stack {
                lowers,
                upper: None,
                volatile: false,
            },
        )
    }

    fn adopt(&self, key: &str, keep: Vec<OwnedFd>) -> Result<(), Error> {
        let layers = self.snapshots.layers_of(key)?;
        self.driver.adopt(&layers, keep);
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        check_key(key)?;
        let mut index = self.snapshots.lock();
        self.layers.discard(&self.snapshots.directory(key))?;
        index.remove(key);
        self.snapshots.lift_quota(key);
        Ok(())
    }

    fn usage(&self, key: &str) -> Result<Usage, Error> {
        self.snapshots.layers_of(key)?;
        let upper = self.upper(key);
        let directory = File::open(&upper).map_err(at("open", &upper))?;
        usage::count(directory.into()).map_err(at("measure", &upper))
    }

    fn changes(&self, key: &str) -> Result<Vec<Change>, Error> {
        let (upper, lower, path) = self.sides(key)?;
        changes::compare(upper, Some(lower)).map_err(at("compare", &path))
    }

    fn pack(&self, key: &str, out: &mut dyn Write) -> Result<(), Error> {
        let (upper, lower, path) = self.sides(key)?;
        pack::pack(upper, lower, out).map_err(at("pack", &path))
    }

    fn list(&self) -> Result<Vec<String>, Error> {
        Ok(self.snapshots.lock().keys().cloned().collect())
    }

    fn upper(&self, key: &str) -> PathBuf {
        self.snapshots.upper(key).upper
    }
}

fn check_count(layers: &[Digest]) -> Result<(), Error> {
    match layers.len() {
        count if count > MAX_LAYERS => Err(Error::TooManyLayers {
            count,
            max: MAX_LAYERS,
        }),
        _ => Ok(()),
    }
}

/// The kernel refuses one directory twice in a stack, and of a repeated layer only the topmost
/// place shows: whatever the lower one brings or hides the upper one brings or hides again.
fn topmost_first(layers: &[Digest]) -> Vec<&Digest> {
    let mut seen = std::collections::HashSet::new();
    layers
        .iter()
        .rev()
        .filter(|diff_id| seen.insert(*diff_id))
        .collect()
}

/// Makes of what went through the intake a tree that can be trusted, or the error that tells most:
/// a disk that is full explains all that follows, and damaged bytes explain a bad archive.
pub(crate) fn verified<E: Into<WriteError>>(
    outcome: Outcome<Result<Tree, E>>,
    expected: Option<&Digest>,
    directory: &Path,
) -> Result<(Tree, Record), Error> {
    let diff_id = expected.unwrap_or(&outcome.digest).clone();
    if let Some(error) = outcome.copy_error {
        return Err(at("write to", directory)(error));
    }
    if let Some(source) = outcome.read_error {
        return Err(Error::Read {
            layer: diff_id,
            source,
        });
    }
    let tree = match outcome.value.map_err(Into::into) {
        Err(WriteError::Io(error)) => return Err(at("write to", directory)(error)),
        _ if outcome.digest != diff_id => {
            return Err(Error::DigestMismatch {
                expected: diff_id,
                actual: outcome.digest,
            });
        }
        Err(WriteError::Archive(source)) => {
            return Err(Error::Archive {
                layer: diff_id,
                source,
            });
        }
        Ok(tree) => tree,
    };
    let record = Record {
        size: tree.size(),
        tar_size: outcome.total,
        entries: tree.entries(),
        diff_id,
    };
    Ok((tree, record))
}

/// Why a layer's files could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The archive is at fault.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The store's file system is.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<rustix::io::Errno> for WriteError {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}

pub(crate) fn open(
    data_root: &Path,
    run_root: &Path,
    choice: Option<&str>,
) -> Result<Arc<dyn Snapshotter>, Error> {
    let erofs = || -> Result<Arc<dyn Snapshotter>, Error> {
        Ok(Arc::new(Erofs::open(data_root, run_root)?))
    };
    let overlay = || -> Result<Arc<dyn Snapshotter>, Error> {
        Ok(Arc::new(Overlay::open(data_root, run_root)?))
    };
    match choice {
        Some("erofs") => erofs(),
        // Docker's name for it, which many a daemon.json has.
        Some("overlay" | "overlay2") => overlay(),
        Some(other) => Err(Error::UnknownDriver(other.to_owned())),
        None if in_use(data_root, Overlay::NAME) && !in_use(data_root, Erofs::NAME) => overlay(),
        None => erofs().or_else(|error| match error {
            Error::Unsupported { reason, .. } => {
                tracing::info!(
                    reason,
                    "layers are unpacked, since they cannot be mounted here"
                );
                overlay()
            }
            error => Err(error),
        }),
    }
}

/// Where a driver keeps everything.
pub(crate) fn driver_root(data_root: &Path, driver: &str) -> PathBuf {
    data_root.join("snapshots").join(driver)
}

/// Whether a driver has layers or snapshots here.
fn in_use(data_root: &Path, driver: &str) -> bool {
    let holds = |name: &str| {
        fs::read_dir(driver_root(data_root, driver).join(name))
            .is_ok_and(|mut entries| entries.next().is_some())
    };
    holds("layers") || holds("containers")
}

/// For `map_err`: a driver that the kernel or the file system cannot serve.
pub(crate) fn unsupported(
    driver: &'static str,
    data_root: &Path,
) -> impl FnOnce(MountFailure) -> Error {
    let root = data_root.to_owned();
    move |failure| Error::Unsupported {
        driver,
        root,
        reason: failure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_repeated_layer_the_topmost_place_counts() {
        let [a, b, c] =
            ["a", "b", "c"].map(|digit| Digest::from_sha256_hex(&digit.repeat(64)).unwrap());
        let list = [a.clone(), b.clone(), a.clone(), c.clone(), b.clone()];
        assert_eq!(topmost_first(&list), [&b, &c, &a]);
    }
}
