//! The real engine's images behind the routers' trait.

use std::sync::Arc;

use futures_util::StreamExt;
use gantry_api_types::{
    AuthConfig, DistributionInspect, Filters, HistoryItem, ImageDeleteItem, ImageInspect,
    ImageSummary, ImagesPruneReport, SearchResult,
};
use gantry_engine::{ArchiveChunks, Engine, LoadRequest, Report, SearchQuery};

use super::engine::blocking;
use super::{Answer, ImageListQuery, ImportRequest, PullRequest, PushRequest};
use crate::stream::{ByteReader, ByteStream, ProgressSender};

impl super::Images for Engine {
    async fn images(&self, query: ImageListQuery) -> Answer<Vec<ImageSummary>> {
        let (images, containers) = (self.images.clone(), self.containers.clone());
        blocking(move || {
            let mut list = images.list(&query.filters, query.all, query.shared_size)?;
            if query.containers {
                let counts = containers.of_images();
                for image in &mut list {
                    image.containers = counts.get(&image.id).copied().unwrap_or_default();
                }
            }
            Ok(list)
        })
        .await
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

    async fn remove_image(
        &self,
        name: &str,
        force: bool,
        no_prune: bool,
    ) -> Answer<Vec<ImageDeleteItem>> {
        let (engine, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let (images, containers) = (&engine.images, &engine.containers);
            images.remove(containers, &name, force, no_prune)
        })
        .await
    }

    async fn load(
        &self,
        archive: ByteReader,
        quiet: bool,
        platform: Option<String>,
        progress: ProgressSender,
    ) -> Answer<()> {
        let request = LoadRequest {
            archive,
            quiet,
            platform,
        };
        Ok(self.images.load(request, report(progress)).await?)
    }

    async fn import(
        &self,
        request: ImportRequest,
        archive: ByteReader,
        progress: ProgressSender,
    ) -> Answer<()> {
        let request = gantry_engine::ImportRequest {
            source: request.source,
            archive,
            repository: request.repository,
            tag: request.tag,
            message: request.message,
            changes: request.changes,
            platform: request.platform,
        };
        Ok(self.images.import(request, report(progress)).await?)
    }

    async fn save(&self, names: Vec<String>, platform: Option<String>) -> Answer<ByteStream> {
        Ok(chunks(self.images.save(names, platform).await?))
    }

    async fn push(&self, request: PushRequest, progress: ProgressSender) -> Answer<()> {
        let request = gantry_engine::PushRequest {
            repository: request.name,
            tag: request.tag,
            platform: request.platform,
            auth: request.auth,
        };
        Ok(self.images.push(request, report(progress)).await?)
    }

    async fn search(
        &self,
        term: &str,
        limit: Option<usize>,
        filters: Filters,
        auth: Option<AuthConfig>,
    ) -> Answer<Vec<SearchResult>> {
        let query = SearchQuery {
            term: term.to_owned(),
            limit,
            filters,
            auth,
        };
        Ok(self.images.search(query).await?)
    }

    async fn distribution(
        &self,
        name: &str,
        auth: Option<AuthConfig>,
    ) -> Answer<DistributionInspect> {
        Ok(self.images.distribution(name, auth).await?)
    }

    async fn prune_images(&self, filters: Filters) -> Answer<ImagesPruneReport> {
        let engine = self.clone();
        blocking(move || engine.images.prune(&engine.containers, &filters)).await
    }
}

fn report(progress: ProgressSender) -> Report {
    Arc::new(move |line| progress.send(line))
}

/// An archive's chunks as the body of an answer.
pub(super) fn chunks(chunks: ArchiveChunks) -> ByteStream {
    let next = |mut chunks: ArchiveChunks| async move {
        let chunk = chunks.recv().await?;
        Some((chunk, chunks))
    };
    futures_util::stream::unfold(chunks, next).boxed()
}
