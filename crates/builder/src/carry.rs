//! Caches of `RUN --mount=type=cache`, carried from machine to machine.

use std::os::fd::AsFd;
use std::time::SystemTime;

use gantry_engine::ArchiveChunks;
use tokio::io::AsyncRead;
use tokio::sync::OwnedMutexGuard;
use tokio_util::io::SyncIoBridge;

use crate::cache_mounts::CacheFolder;
use crate::step::blocking;
use crate::{Builder, Error};

/// A cache of RUN.
#[derive(Debug, Clone)]
pub struct CacheMount {
    /// The directory's name, which no other has.
    pub name: String,
    /// As steps call it: its `id`, or its target.
    pub id: String,
    /// What tells it from the cache that is shared or locked and began empty: `from FILES`, `private NUMBER`.
    pub variant: String,
    /// Bytes.
    pub size: u64,
    /// When a step had it last.
    pub used: SystemTime,
}

/// A cache's files as an archive; while it is read, no step has the cache for itself.
pub struct CacheArchive {
    chunks: ArchiveChunks,
    _alone: OwnedMutexGuard<()>,
}

impl CacheArchive {
    /// The next piece.
    pub async fn next(&mut self) -> Option<std::io::Result<bytes::Bytes>> {
        self.chunks.recv().await
    }
}

impl Builder {
    /// All caches of RUN, by their ids.
    pub fn cache_mounts(&self) -> Result<Vec<CacheMount>, Error> {
        let all = self.cache_mounts.all()?.into_iter();
        let mut all: Vec<CacheMount> = all
            .map(|cache| CacheMount {
                id: cache.called().to_owned(),
                variant: cache.variant(),
                size: gantry_snapshot::size_of_tree(&cache.path).unwrap_or_default(),
                used: cache.used,
                name: cache.name,
            })
            .collect();
        all.sort_by(|a, b| (&a.id, &a.variant).cmp(&(&b.id, &b.variant)));
        Ok(all)
    }

    /// A cache's files. Waits for a step that has it for itself.
    pub async fn export_cache_mount(&self, called: &str) -> Result<CacheArchive, Error> {
        let found = self.cache_mount(called)?;
        let alone = self.cache_mounts.lock(&found.id).lock_owned().await;
        let folder = std::fs::File::open(&found.path);
        let folder = folder.map_err(Error::file("open", &found.path))?;
        Ok(CacheArchive {
            chunks: gantry_engine::archive_of(folder.into()),
            _alone: alone,
        })
    }

    /// Puts files in place of a cache's, which need not be there yet. Waits for running builds.
    pub async fn import_cache_mount(
        &self,
        called: &str,
        archive: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<(), Error> {
        if called.is_empty() {
            return Err(Error::Invalid("a cache mount needs an id".to_owned()));
        }
        let id = match self.cache_mount(called) {
            Ok(found) => found.id,
            Err(Error::NotFound(_)) => called.to_owned(),
            Err(error) => return Err(error),
        };
        let half = self.cache_mounts.fresh()?;
        let (place, what) = (half.path().to_owned(), format!("the cache mount {called}"));
        let archive = SyncIoBridge::new(archive);
        blocking(move || {
            let folder = std::fs::File::open(&place).map_err(Error::file("open", &place))?;
            Ok(gantry_engine::unpack_into(folder.as_fd(), archive, &what)?)
        })
        .await?;
        let _nobody_builds = self.pruning.write().await;
        self.cache_mounts.replace(&id, half)
    }

    /// Removes a cache. Waits for running builds.
    pub async fn remove_cache_mount(&self, called: &str) -> Result<(), Error> {
        let _nobody_builds = self.pruning.write().await;
        let found = self.cache_mount(called)?;
        self.cache_mounts.remove(&found.name)
    }

    /// The cache of an id, or of a directory's name or its beginning.
    fn cache_mount(&self, called: &str) -> Result<CacheFolder, Error> {
        let mut all = self.cache_mounts.all()?;
        if let Some(plain) = all.iter().position(|cache| cache.id == called) {
            return Ok(all.swap_remove(plain));
        }
        let fits = |cache: &CacheFolder| {
            cache.called() == called || (called.len() >= 4 && cache.name.starts_with(called))
        };
        all.retain(fits);
        match all.len() {
            1 => Ok(all.remove(0)),
            0 => Err(Error::NotFound(format!(
                "no such cache mount: {called} (`gantry builder cache-mount ls` lists them)"
            ))),
            many => Err(Error::Invalid(format!(
                "{many} cache mounts are called {called}: take the name of one"
            ))),
        }
    }
}
