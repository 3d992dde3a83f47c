//! The store itself, and the simple things one asks of it.

mod embedded;
mod filter;
mod history;
mod install;
mod make;
mod origins;
mod remove;
mod resolve;
mod tag;
mod usage;
mod written;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gantry_content::{Lease, OnceMap, Store};
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId};
use gantry_snapshot::Snapshotter;
use tokio::sync::Semaphore;

pub use filter::Filter;
pub use history::HistoryEntry;
pub(crate) use install::Arrival;
pub use make::NewImage;
pub use remove::{RemoveOptions, Removed, UsedBy};
pub use usage::Usage;

use crate::catalog::{Catalog, Change, Record};
use crate::pull::LayerJobs;
use crate::{Error, Image};

/// Configurations that are kept parsed.
const CONFIG_CACHE: usize = 64;
/// A configuration, or a manifest, larger than this is refused; registries allow 4 MiB.
pub(crate) const SMALL_BLOB_MAX: u64 = 8 * 1024 * 1024;

/// Times that a transfer is tried before its pull fails, Docker's default.
const DOWNLOAD_ATTEMPTS: usize = 5;
/// Layers of one push that are uploaded at once, Docker's default.
const UPLOADS: usize = 5;

/// What [`Images::open`] needs.
pub struct Setup {
    /// `/var/lib/gantry`.
    pub data_root: PathBuf,
    /// Where layers go.
    pub snapshotter: Arc<dyn Snapshotter>,
    /// How registries are reached.
    pub registry: gantry_registry_client::Client,
    /// Layers that one pull downloads at the same time; Docker's default is 3.
    pub max_concurrent_downloads: usize,
}

/// The images of this machine; cheap to clone.
///
/// All methods but [`Images::pull`] block on the disk.
#[derive(Clone)]
pub struct Images(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub catalog: Catalog,
    pub content: Store,
    pub snapshotter: Arc<dyn Snapshotter>,
    pub registry: gantry_registry_client::Client,
    pub downloads: Semaphore,
    /// How many layers may be downloaded at once; [`Inner::downloads`] follows it.
    width: Mutex<usize>,
    /// Times that a transfer is tried before its pull fails.
    pub attempts: AtomicUsize,
    /// How many layers of one push are uploaded at once.
    pub uploads: AtomicUsize,
    pub layer_jobs: LayerJobs,
    configs: Mutex<HashMap<ImageId, Config>>,
    /// Held while names and records change together with blobs and layers.
    change: Mutex<()>,
}

/// A configuration as bytes and as what they mean.
type Config = (Arc<ImageConfig>, Arc<[u8]>);

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Images")
            .field("catalog", &self.0.catalog)
            .finish_non_exhaustive()
    }
}

impl Images {
    /// Opens the store and sweeps what a crash left without a name.
    pub fn open(setup: Setup) -> Result<Self, Error> {
        let content = Store::open(&setup.data_root.join("content"))?;
        let catalog = Catalog::open(&setup.data_root.join("images.redb"))?;
        let images = Self(Arc::new(Inner {
            catalog,
            content,
            snapshotter: setup.snapshotter,
            registry: setup.registry,
            downloads: Semaphore::new(setup.max_concurrent_downloads.max(1)),
            width: Mutex::new(setup.max_concurrent_downloads.max(1)),
            attempts: AtomicUsize::new(DOWNLOAD_ATTEMPTS),
            uploads: AtomicUsize::new(UPLOADS),
            layer_jobs: OnceMap::default(),
            configs: Mutex::default(),
            change: Mutex::default(),
        }));
        images.sweep()?;
        Ok(images)
    }

    /// Where layers are.
    pub fn snapshotter(&self) -> &Arc<dyn Snapshotter> {
        &self.0.snapshotter
    }

    /// How registries are reached.
    pub fn registry(&self) -> &gantry_registry_client::Client {
        &self.0.registry
    }

    /// Changes how many layers may be downloaded at once; downloads under way go on.
    pub fn set_max_concurrent_downloads(&self, wanted: usize) {
        let wanted = wanted.max(1);
        let mut width = self.0.width.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted > *width {
            self.0.downloads.add_permits(wanted - *width);
            *width = wanted;
        } else {
            // Permits in use cannot be taken; what is left of them goes at the next change.
            *width -= self.0.downloads.forget_permits(*width - wanted);
        }
    }

    /// Changes how many layers of a push that begins from now on are uploaded at once.
    pub fn set_max_concurrent_uploads(&self, uploads: usize) {
        self.0.uploads.store(uploads.max(1), Ordering::Relaxed);
    }

    /// Changes how often a transfer is tried before its pull fails.
    pub fn set_max_download_attempts(&self, attempts: usize) {
        self.0.attempts.store(attempts.max(1), Ordering::Relaxed);
    }

    /// Removes blobs and layers that no image needs and nobody is bringing in.
    ///
    /// Layers under a container's snapshot stay; they go at the next sweep after it.
    pub fn sweep(&self) -> Result<(), Error> {
        let _change = self.lock_changes();
        let (blobs, layers) = {
            let contents = self.0.catalog.read();
            (contents.blobs(), contents.layers())
        };
        self.0.content.collect(&blobs)?;
        for layer in self.0.snapshotter.layers()? {
            if !layers.contains(&layer) {
                self.drop_layer(&layer)?;
            }
        }
        Ok(())
    }

    /// Removes a layer unless somebody uses it or brings it in; says whether it did.
    fn drop_layer(&self, layer: &Digest) -> Result<bool, Error> {
        if self.0.content.leases().is_held(layer) {
            return Ok(false);
        }
        match self.0.snapshotter.remove_layer(layer) {
            Ok(()) => {
                if !self.origins(layer).is_empty() {
                    self.0.catalog.apply(Change {
                        remove_origins: vec![layer.clone()],
                        ..Change::default()
                    })?;
                }
                Ok(true)
            }
            Err(gantry_snapshot::Error::LayerInUse { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes those of these layers that no image came to need.
    pub fn drop_unneeded(&self, layers: Vec<Digest>) -> Result<(), Error> {
        let _change = self.lock_changes();
        let needed = self.0.catalog.read().layers();
        for layer in layers.iter().filter(|layer| !needed.contains(*layer)) {
            self.drop_layer(layer)?;
        }
        Ok(())
    }

    /// Keeps blobs and layers from being removed while an image is being brought in.
    pub(crate) fn hold(&self, digests: impl IntoIterator<Item = Digest>) -> Lease {
        self.0.content.leases().hold(digests)
    }

    pub(crate) fn lock_changes(&self) -> MutexGuard<'_, ()> {
        self.0.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an image is here.
    pub fn contains(&self, id: &ImageId) -> bool {
        self.0.catalog.read().images.contains_key(id)
    }

    /// An image by its id.
    pub fn get(&self, id: &ImageId) -> Result<Image, Error> {
        let (record, names) = {
            let contents = self.0.catalog.read();
            let record = contents.images.get(id).cloned();
            (
                record.ok_or_else(|| Error::NotFound(id.to_string()))?,
                contents.names_of(id),
            )
        };
        self.assemble(id, record, names)
    }

    fn assemble(
        &self,
        id: &ImageId,
        record: Record,
        names: Vec<gantry_reference::Reference>,
    ) -> Result<Image, Error> {
        let (config, raw_config) = self.config(id)?;
        let tagged = {
            let contents = self.0.catalog.read();
            names
                .iter()
                .filter_map(|name| contents.names.get(name))
                .map(|name| name.given)
                .max()
        };
        let (repo_digests, repo_tags) = names.into_iter().partition(|name| name.digest().is_some());
        Ok(Image {
            id: id.clone(),
            config,
            raw_config,
            manifest: record.manifest,
            repo_tags,
            repo_digests,
            layers: record.layers,
            size: record.size,
            created: record.created,
            parent: record.parent,
            step: record.step,
            tagged,
        })
    }

    fn config(&self, id: &ImageId) -> Result<Config, Error> {
        if let Some(config) = self.lock_configs().get(id) {
            return Ok(config.clone());
        }
        let bytes =
            self.0
                .content
                .read(id.digest(), SMALL_BLOB_MAX)
                .map_err(|error| match error {
                    gantry_content::Error::NotFound(blob) => Error::Damaged {
                        image: id.clone(),
                        blob,
                    },
                    other => other.into(),
                })?;
        let parsed = crate::manifest::parse_config(id.as_str(), &bytes)?;
        let config = (Arc::new(parsed), Arc::from(bytes));
        let mut configs = self.lock_configs();
        if configs.len() >= CONFIG_CACHE {
            configs.clear();
        }
        configs.insert(id.clone(), config.clone());
        Ok(config)
    }

    fn lock_configs(&self) -> MutexGuard<'_, HashMap<ImageId, Config>> {
        self.0
            .configs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn has_children(&self, id: &ImageId) -> bool {
        let contents = self.0.catalog.read();
        let of_image = |record: &Record| record.parent.as_ref() == Some(id);
        contents.images.values().any(of_image)
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        let contents = self.0.catalog.read();
        let shown =
            |(id, record): &(&ImageId, &Record)| !record.step || !contents.names_of(id).is_empty();
        contents.images.iter().filter(shown).count()
    }

    /// The images that a filter lets pass, the newest first.
    ///
    /// With a filter on names, an image shows only those that fit.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Image>, Error> {
        let ids: Vec<ImageId> = self.0.catalog.read().images.keys().cloned().collect();
        let limits = filter.limits(self)?;
        let mut images = Vec::with_capacity(ids.len());
        for id in &ids {
            match self.get(id) {
                Ok(image) if image.step && image.is_nameless() => {}
                Ok(image) if filter.hides(&image, self.has_children(id)) => {}
                Ok(image) => images.extend(filter.pass(image, limits)),
                // Removed since.
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        Ok(images)
    }
}
