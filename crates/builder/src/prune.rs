//! What the cache takes, and how it is given back.

use std::time::{Duration, SystemTime};

use crate::{Builder, Error};

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
    /// When it was used last.
    pub used: SystemTime,
    /// Whether a named image has it, too.
    pub shared: bool,
}

/// What pruning took away.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// Names of what went.
    pub deleted: Vec<String>,
    /// Bytes.
    pub reclaimed: u64,
}

impl Builder {
    /// All that is kept.
    pub fn usage(&self) -> Result<Vec<CacheRecord>, Error> {
        let store = self.engine.images.store();
        let mut records = Vec::new();
        for kept in self.cache.all()? {
            let Some(layer) = kept.record.layer() else {
                continue;
            };
            if let Some(info) = store.snapshotter().layer(&layer)? {
                records.push(CacheRecord {
                    id: kept.key.clone(),
                    kind: "regular",
                    description: kept.record.description.clone(),
                    size: info.size,
                    used: kept.used,
                    shared: store.layer_is_named(&layer),
                });
            }
        }
        for (id, path) in self.cache_mounts.all()? {
            let used = path.metadata().and_then(|m| m.modified());
            records.push(CacheRecord {
                id,
                kind: "exec.cachemount",
                description: "a cache of RUN --mount=type=cache".to_owned(),
                size: gantry_snapshot::size_of_tree(&path).unwrap_or_default(),
                used: used.unwrap_or(SystemTime::UNIX_EPOCH),
                shared: false,
            });
        }
        Ok(records)
    }

    /// Takes away what no named image has; with `all`, the knowledge of the others, too. Waits for running builds.
    pub async fn prune(&self, all: bool, older_than: Option<Duration>) -> Result<Pruned, Error> {
        let _alone = self.pruning.write().await;
        let now = SystemTime::now();
        let goes = |used: SystemTime| {
            older_than.is_none_or(|age| now.duration_since(used).is_ok_and(|passed| passed >= age))
        };
        let mut pruned = Pruned::default();
        let store = self.engine.images.store();
        for record in self.usage()? {
            if !goes(record.used) || (record.shared && !all) {
                continue;
            }
            if record.kind == "exec.cachemount" {
                self.cache_mounts.remove(&record.id)?;
                pruned.reclaimed += record.size;
            }
            pruned.deleted.push(record.id);
        }
        let kept = self.cache.all()?;
        let going = |key: &String| pruned.deleted.contains(key);
        // Children before what they were made from: as often as that frees another one.
        let mut left: Vec<_> = kept.iter().filter(|kept| going(&kept.key)).collect();
        for kept in &left {
            kept.remove()?;
        }
        loop {
            let before = left.len();
            left.retain(|kept| {
                let Some(image) = kept.record.image().filter(|image| store.contains(image)) else {
                    return false;
                };
                let size = kept
                    .record
                    .layer()
                    .and_then(|layer| store.snapshotter().layer(&layer).ok()?);
                let nameless = store.get(&image).is_ok_and(|image| image.is_dangling());
                let containers = &self.engine.containers;
                let removed = nameless
                    && self
                        .engine
                        .images
                        .remove(containers, image.as_str(), false, true)
                        .is_ok();
                let layer = kept.record.layer();
                let gone = layer.is_some_and(|l| matches!(store.snapshotter().layer(&l), Ok(None)));
                if removed && gone {
                    pruned.reclaimed += size.map_or(0, |info| info.size);
                }
                !removed
            });
            if left.len() == before {
                break;
            }
        }
        Ok(pruned)
    }
}
