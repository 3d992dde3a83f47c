//! The builder: what all builds share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gantry_api_types::Filters;
use gantry_engine::{Engine, ListOptions, RemoveOptions};
use tokio::sync::RwLock;

use crate::cache::Cache;
use crate::cache_mounts::CacheMounts;
use crate::copy::KnownKeys;
use crate::{Error, Settings};

/// What marks the containers of RUN.
pub(crate) const STEP_LABEL: &str = "gantry.build.step";
/// Keys of snapshots that are mounts of a step begin so.
const SCRATCH: &str = "build-scratch-";

/// Builds images; a clone is the same builder.
#[derive(Clone)]
pub struct Builder(pub(crate) Arc<Inner>);

/// What all builds share.
pub struct Inner {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) cache: Cache,
    pub(crate) cache_mounts: CacheMounts,
    pub(crate) known_keys: KnownKeys,
    /// Contexts and whatever else a build needs for a while.
    pub(crate) folder: PathBuf,
    /// Builds read, pruning writes.
    pub(crate) pruning: RwLock<()>,
    /// Whoever brings or gives away layers with their keys: images are made for that, and go with it.
    pub(crate) sharing: tokio::sync::Mutex<()>,
    scratch: AtomicU64,
}

impl std::ops::Deref for Builder {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Builder {
    /// Opens the cache below the engine's data root; what an interrupted build left, running or not, is removed.
    pub async fn open(
        engine: &Engine,
        data_root: &Path,
        settings: Settings,
    ) -> Result<Self, Error> {
        remove_steps(engine).await?;
        let snapshots = engine.images.store().snapshotter();
        for key in snapshots.list()? {
            if key.starts_with(SCRATCH) {
                snapshots.remove(&key)?;
            }
        }
        let root = data_root.join("build");
        let folder = root.join("work");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(Error::file("clear", &folder))?;
        }
        let builder = Self(Arc::new(Inner {
            engine: engine.clone(),
            settings,
            cache: Cache::open(root.join("keys"))?,
            cache_mounts: CacheMounts::open(root.join("mounts"))?,
            known_keys: KnownKeys::default(),
            folder,
            pruning: RwLock::new(()),
            sharing: tokio::sync::Mutex::default(),
            scratch: AtomicU64::default(),
        }));
        let (directory, file) = (builder.stand_in(true), builder.stand_in(false));
        std::fs::create_dir_all(&directory).map_err(Error::file("create", &directory))?;
        std::fs::write(&file, "").map_err(Error::file("create", &file))?;
        Ok(builder)
    }

    /// What the daemon's configuration says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where contexts are unpacked.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the records of containers name in place of a source that is no path.
    pub(crate) fn stand_in(&self, directory: bool) -> PathBuf {
        self.folder.join(if directory { "folder" } else { "file" })
    }

    /// A name for a snapshot that goes with its step.
    pub(crate) fn scratch_key(&self) -> String {
        let number = self.scratch.fetch_add(1, Ordering::Relaxed);
        format!("{SCRATCH}{number}")
    }
}

/// A step outlives a daemon that was killed; nobody waits for it.
async fn remove_steps(engine: &Engine) -> Result<(), Error> {
    let mut filters = Filters::default();
    filters.add("label", STEP_LABEL);
    let options = ListOptions {
        all: true,
        filters,
        ..ListOptions::default()
    };
    for left in engine.containers.list(&options).await? {
        let options = RemoveOptions {
            force: true,
            volumes: true,
        };
        if let Err(error) = engine.containers.remove(&left.id, options).await {
            tracing::warn!("cannot remove what a build left, {}: {error}", left.id);
        }
    }
    Ok(())
}
