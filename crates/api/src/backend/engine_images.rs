//! The real engine's images behind the routers' trait.

use std::sync::Arc;

use gantry_api_types::{
    Filters, HistoryItem, ImageDeleteItem, ImageInspect, ImageSummary, ImagesPruneReport,
};
use gantry_engine::{Engine, LoadRequest, Report};

use super::engine::blocking;
use super::{Answer, ImageListQuery, PullRequest};
use crate::failure::Failure;
use crate::stream::{ByteReader, ProgressSender};

impl super::Images for Engine {
    /// There are no intermediate images here, so `all` shows nothing more.
    async fn images(&self, query: ImageListQuery) -> Answer<Vec<ImageSummary>> {
        if query.shared_size {
            return Err(Failure::not_built(
                "counting what images share (shared-size)",
            ));
        }
        let images = self.images.clone();
        blocking(move || images.list(&query.filters)).await
    }

    async fn pull(&self, request: PullRequest, progress: ProgressSender) -> Answer<()> {
        let request = gantry_engine::PullRequest {
            image: request.image,
            tag: request.tag,
            platform: request.platform,
            auth: request.auth,
        };
        Ok(self.images.pull(request, report(progress)).await?)
    }

    async fn image(&self, name: &str, platform: Option<&str>) -> Answer<ImageInspect> {
        Ok(self.images.inspect(name, platform)?)
    }

    async fn history(&self, name: &str) -> Answer<Vec<HistoryItem>> {
        Ok(self.images.history(name)?)
    }

    async fn tag(&self, name: &str, repo: &str, tag: &str) -> Answer<()> {
        let images = self.images.clone();
        let (name, repo, tag) = (name.to_owned(), repo.to_owned(), tag.to_owned());
        blocking(move || images.tag(&name, &repo, &tag)).await
    }

    /// There are no untagged parents that `noprune` could keep.
    async fn remove_image(
        &self,
        name: &str,
        force: bool,
        _no_prune: bool,
    ) -> Answer<Vec<ImageDeleteItem>> {
        let (engine, name) = (self.clone(), name.to_owned());
        blocking(move || engine.images.remove(&engine.containers, &name, force)).await
    }

    async fn load(&self, archive: ByteReader, quiet: bool, progress: ProgressSender) -> Answer<()> {
        Ok(self
            .images
            .load(LoadRequest { archive, quiet }, report(progress))
            .await?)
    }

    async fn prune_images(&self, filters: Filters) -> Answer<ImagesPruneReport> {
        let engine = self.clone();
        blocking(move || engine.images.prune(&engine.containers, &filters)).await
    }
}

fn report(progress: ProgressSender) -> Report {
    Arc::new(move |line| progress.send(line))
}
