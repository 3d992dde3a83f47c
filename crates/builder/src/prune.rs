//! What the cache takes, and how it is given back.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use gantry_image::RemoveOptions;
use gantry_reference::ImageId;

use crate::cache::Kept;
use crate::settings::Space;
use crate::{Builder, Error};

/// The kind of a layer.
const LAYER: &str = "regular";
/// The kind of a cache of RUN.
const MOUNT: &str = "exec.cachemount";
/// How long after a build its leftovers are looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// A layer or a directory that is kept between builds.
#[derive(Debug, Clone)]
pub struct CacheRecord {
    /// Its name.
    pub id: String,
    /// `regular` or `exec.cachemount`.
    pub kind: &'static str,
    /// What made it.
    pub description: String,
    /// Bytes.
    pub size: u64,
    /// When it came here.
    pub created: SystemTime,
    /// When it was used last.
    pub used: SystemTime,
    /// How often it was used.
    pub uses: u64,
    /// Whether a named image has it, too.
    pub shared: bool,
}

/// What to take away.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// Also what a named image has: the knowledge of how it was made.
    pub all: bool,
    /// Only what was not used for so long.
    pub older_than: Option<Duration>,
    /// Only as much as these bounds want, what was used longest ago first.
    pub space: Space,
    /// The bounds are a share of the disk: a tenth is reserved, at most 80 % are used and 20 % stay free.
    pub share_of_disk: bool,
    /// Only records whose names begin so.
    pub ids: Vec<String>,
    /// Only records of these kinds.
    pub kinds: Vec<String>,
}

/// What pruning took away.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// Names of what went.
    pub deleted: Vec<String>,
    /// Bytes.
    pub reclaimed: u64,
}

impl PruneOptions {
    fn wants(&self, record: &CacheRecord, now: SystemTime) -> bool {
        let old = |age: Duration| now.duration_since(record.used).is_ok_and(|p| p >= age);
        (self.all || !record.shared)
            && self.older_than.is_none_or(old)
            && (self.ids.is_empty() || self.ids.iter().any(|id| record.id.starts_with(id)))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == record.kind))
    }
}

impl Builder {
    /// All that is kept.
    pub fn usage(&self) -> Result<Vec<CacheRecord>, Error> {
        let mut records = Vec::new();
        for kept in self.cache.all()? {
            records.extend(self.layer_record(&kept)?);
        }
        for cache in self.cache_mounts.all()? {
            records.push(CacheRecord {
                description: cache.description(),
                size: gantry_snapshot::size_of_tree(&cache.path).unwrap_or_default(),
                created: cache.created,
                used: cache.used,
                uses: cache.uses,
                id: cache.name,
                kind: MOUNT,
                shared: false,
            });
        }
        Ok(records)
    }

    fn layer_record(&self, kept: &Kept) -> Result<Option<CacheRecord>, Error> {
        let store = self.engine.images.store();
        let Some(layer) = kept.record.layer() else {
            return Ok(None);
        };
        let Some(info) = store.snapshotter().layer(&layer)? else {
            return Ok(None);
        };
        Ok(Some(CacheRecord {
            id: kept.key.clone(),
            kind: LAYER,
            description: kept.record.description.clone(),
            size: info.size,
            created: kept.created,
            used: kept.used,
            uses: kept.uses,
            shared: store.layer_is_named(&layer),
        }))
    }

    /// Takes away what the options want. Waits for running builds.
    pub async fn prune(&self, options: &PruneOptions) -> Result<Pruned, Error> {
        let _alone = self.pruning.write().await;
        self.prune_alone(options)
    }

    /// Keeps the cache within its bounds, some time after a build and unless others build meanwhile.
    pub(crate) fn collect_garbage(&self) {
        if self.settings.gc.is_empty() {
            return;
        }
        let builder = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            let Ok(_alone) = builder.pruning.try_write() else {
                return;
            };
            for rule in &builder.settings.gc {
                match builder.prune_alone(rule) {
                    Ok(pruned) if pruned.deleted.is_empty() => {}
                    Ok(pruned) => tracing::info!(
                        records = pruned.deleted.len(),
                        bytes = pruned.reclaimed,
                        "the build cache was brought within its bounds"
                    ),
                    Err(error) => tracing::warn!("cannot clean the build cache: {error}"),
                }
            }
        });
    }

    fn prune_alone(&self, options: &PruneOptions) -> Result<Pruned, Error> {
        let now = SystemTime::now();
        let mut order = self.in_order()?;
        order.retain(|entry| options.all || !entry.record.shared);
        let of_kinds = |entry: &Entry| {
            options.kinds.is_empty() || options.kinds.iter().any(|k| k == entry.record.kind)
        };
        let mut total: u64 = order
            .iter()
            .filter(|entry| of_kinds(entry))
            .map(|entry| entry.record.size)
            .sum();
        let keep = self.keeps(options, total)?;
        // How many records lead to each image.
        let mut keys: HashMap<ImageId, usize> = HashMap::new();
        for kept in self.cache.all()? {
            if let Some(image) = kept.record.image() {
                *keys.entry(image).or_default() += 1;
            }
        }
        let mut pruned = Pruned::default();
        for entry in order {
            if keep.is_some_and(|keep| total <= keep) {
                break;
            }
            if !options.wants(&entry.record, now) {
                continue;
            }
            pruned.reclaimed += self.take_away(&entry, &mut keys)?;
            total = total.saturating_sub(entry.record.size);
            pruned.deleted.push(entry.record.id);
        }
        Ok(pruned)
    }

    /// How much may stay; `None` where the options do not look at bytes.
    fn keeps(&self, options: &PruneOptions, total: u64) -> Result<Option<u64>, Error> {
        if options.space.is_unbounded() && !options.share_of_disk {
            return Ok(None);
        }
        let disk =
            rustix::fs::statvfs(&self.folder).map_err(Error::file("look at", &self.folder))?;
        let (size, free) = (disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize);
        let space = if options.share_of_disk {
            Space {
                reserved: size / 10,
                max_used: size / 10 * 8,
                min_free: size / 5,
            }
        } else {
            options.space
        };
        // Nothing has to go where no bound is met.
        Ok(Some(space.keeps(total, free).unwrap_or(u64::MAX)))
    }

    /// All records: what was used longest ago first, and what others were made from after them.
    fn in_order(&self) -> Result<Vec<Entry>, Error> {
        let store = self.engine.images.store();
        let kept: BTreeMap<String, Kept> = self
            .cache
            .all()?
            .into_iter()
            .map(|kept| (kept.key.clone(), kept))
            .collect();
        let mut parents: HashMap<ImageId, Option<ImageId>> = HashMap::new();
        let mut parent = |image: &ImageId| {
            let known = parents.entry(image.clone());
            known
                .or_insert_with(|| store.get(image).ok().and_then(|image| image.parent))
                .clone()
        };
        // A layer is used whenever one above it is.
        let mut used: HashMap<ImageId, (SystemTime, usize)> = HashMap::new();
        for record in kept.values() {
            let mut next = record.record.image();
            let mut height = 0;
            while let Some(image) = next {
                let entry = used.entry(image.clone()).or_insert((record.used, height));
                *entry = (entry.0.max(record.used), entry.1.max(height));
                height += 1;
                // Older stores have images that were made from themselves.
                next = parent(&image).filter(|above| *above != image);
            }
        }
        let mut entries: Vec<Entry> = Vec::new();
        for mut record in self.usage()? {
            let kept = kept.get(&record.id).cloned();
            let image = kept.as_ref().and_then(|kept| kept.record.image());
            let (last, height) = image
                .as_ref()
                .and_then(|image| used.get(image))
                .copied()
                .unwrap_or((record.used, 0));
            record.used = last;
            entries.push(Entry {
                record,
                kept,
                image,
                height,
            });
        }
        entries.sort_by_key(|entry| (entry.record.used, entry.height));
        Ok(entries)
    }

    /// Takes a record and what it keeps away; gives the bytes that became free.
    fn take_away(&self, entry: &Entry, keys: &mut HashMap<ImageId, usize>) -> Result<u64, Error> {
        let Some(kept) = &entry.kept else {
            self.cache_mounts.remove(&entry.record.id)?;
            return Ok(entry.record.size);
        };
        kept.remove()?;
        let store = self.engine.images.store();
        let Some(image) = &entry.image else {
            return Ok(0);
        };
        let left = keys.entry(image.clone()).or_default();
        *left = left.saturating_sub(1);
        let unused = *left == 0
            && store
                .get(image)
                .is_ok_and(|image| image.step && image.is_nameless());
        if !unused {
            return Ok(0);
        }
        let how = RemoveOptions {
            force: false,
            keep_parents: true,
        };
        // No build goes on, and nobody else has seen it.
        if let Err(error) = store.remove(image.as_str(), how, &|_| Vec::new()) {
            tracing::debug!("a layer of the build cache stays: {error}");
            return Ok(0);
        }
        let layer = kept.record.layer();
        let gone = layer.is_some_and(|l| matches!(store.snapshotter().layer(&l), Ok(None)));
        Ok(if gone { entry.record.size } else { 0 })
    }
}

/// A record with what it takes to remove it.
struct Entry {
    record: CacheRecord,
    kept: Option<Kept>,
    image: Option<ImageId>,
    /// How many layers of the cache stand on it, at most.
    height: usize,
}
