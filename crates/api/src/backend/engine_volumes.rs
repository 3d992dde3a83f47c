//! The real volumes behind the router's trait.

use futures_util::StreamExt;
use gantry_api_types::{Filters, Volume, VolumeCreateRequest, VolumeListing, VolumesPruneReport};
use gantry_engine::Engine;

use super::Answer;
use super::engine::blocking;
use crate::stream::ByteStream;

impl super::Volumes for Engine {
    async fn volumes(&self, filters: Filters) -> Answer<VolumeListing> {
        let volumes = self.volumes.clone();
        blocking(move || volumes.list(&filters)).await
    }

    async fn volume(&self, name: &str) -> Answer<Volume> {
        Ok(self.volumes.inspect(name)?)
    }

    async fn create_volume(&self, body: VolumeCreateRequest) -> Answer<Volume> {
        let volumes = self.volumes.clone();
        blocking(move || volumes.create(body)).await
    }

    async fn remove_volume(&self, name: &str, force: bool) -> Answer<()> {
        let (volumes, name) = (self.volumes.clone(), name.to_owned());
        blocking(move || volumes.remove(&name, force)).await
    }

    async fn prune_volumes(&self, filters: Filters) -> Answer<VolumesPruneReport> {
        let volumes = self.volumes.clone();
        blocking(move || volumes.prune(&filters)).await
    }

    async fn rename_volume(&self, name: &str, new: &str) -> Answer<()> {
        let volumes = self.volumes.clone();
        let (name, new) = (name.to_owned(), new.to_owned());
        blocking(move || volumes.rename(&name, &new)).await
    }

    async fn copy_volume(
        &self,
        name: &str,
        body: VolumeCreateRequest,
        snapshot: bool,
    ) -> Answer<Volume> {
        let (volumes, name) = (self.volumes.clone(), name.to_owned());
        blocking(move || {
            if snapshot {
                volumes.snapshot(&name, body)
            } else {
                volumes.clone_volume(&name, body)
            }
        })
        .await
    }

    async fn restore_volume(&self, name: &str, snapshot: &str) -> Answer<()> {
        let volumes = self.volumes.clone();
        let (name, snapshot) = (name.to_owned(), snapshot.to_owned());
        blocking(move || volumes.restore(&name, &snapshot)).await
    }

    async fn export_volume(&self, name: &str) -> Answer<ByteStream> {
        let chunks = self.volumes.export(name)?;
        let next = |mut chunks: gantry_engine::ArchiveChunks| async move {
            chunks.recv().await.map(|chunk| (chunk, chunks))
        };
        Ok(futures_util::stream::unfold(chunks, next).boxed())
    }

    async fn import_volume(&self, name: &str, archive: ByteStream) -> Answer<Volume> {
        Ok(self.volumes.import(name, archive).await?)
    }
}
