//! Images.

use std::future::Future;

use gantry_api_types::{
    AuthConfig, DistributionInspect, Filters, HistoryItem, ImageDeleteItem, ImageInspect,
    ImageSummary, ImagesPruneReport, SearchResult,
};

use super::{Answer, not_built};
use crate::stream::{ByteReader, ByteStream, ProgressSender};

/// What `GET /images/json` asks.
#[derive(Debug, Clone, Default)]
pub struct ImageListQuery {
    /// Intermediate ones too.
    pub all: bool,
    /// Count what images share.
    pub shared_size: bool,
    /// Count the containers that use them.
    pub containers: bool,
    /// Filters.
    pub filters: Filters,
}

/// What to pull.
#[derive(Debug, Clone, Default)]
pub struct PullRequest {
    /// Name, perhaps with tag or digest.
    pub image: String,
    /// Tag or digest, perhaps empty.
    pub tag: String,
    /// `linux/amd64`.
    pub platform: Option<String>,
    /// The client's login.
    pub auth: Option<AuthConfig>,
}

/// What to push.
#[derive(Debug, Clone, Default)]
pub struct PushRequest {
    /// The repository, perhaps with a tag.
    pub name: String,
    /// The tag; empty for all tags.
    pub tag: String,
    /// Platform of a multi-platform image.
    pub platform: Option<String>,
    /// The client's login.
    pub auth: Option<AuthConfig>,
}

/// An archive to be made an image of.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// `-` for the request's body, else a URL.
    pub source: String,
    /// Repository of the new image.
    pub repository: String,
    /// Its tag.
    pub tag: String,
    /// Its comment.
    pub message: String,
    /// Instructions that change its configuration.
    pub changes: Vec<String>,
    /// `linux/amd64`.
    pub platform: Option<String>,
}

/// The images group.
#[expect(
    unused_variables,
    reason = "provided methods name what they do not use yet"
)]
pub trait Images: Clone + Send + Sync + 'static {
    /// `GET /images/json`
    fn images(
        &self,
        query: ImageListQuery,
    ) -> impl Future<Output = Answer<Vec<ImageSummary>>> + Send;

    /// `POST /images/create?fromImage=...`
    fn pull(
        &self,
        request: PullRequest,
        progress: ProgressSender,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /images/create?fromSrc=...`
    fn import(
        &self,
        request: ImportRequest,
        archive: ByteReader,
        progress: ProgressSender,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("importing an archive as an image (import)")
    }

    /// `GET /images/{name}/json`
    fn image(
        &self,
        name: &str,
        platform: Option<&str>,
    ) -> impl Future<Output = Answer<ImageInspect>> + Send;

    /// `GET /images/{name}/history`
    fn history(&self, name: &str) -> impl Future<Output = Answer<Vec<HistoryItem>>> + Send;

    /// `POST /images/{name}/tag`
    fn tag(&self, name: &str, repo: &str, tag: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `DELETE /images/{name}`
    fn remove_image(
        &self,
        name: &str,
        force: bool,
        no_prune: bool,
    ) -> impl Future<Output = Answer<Vec<ImageDeleteItem>>> + Send;

    /// `POST /images/load`
    fn load(
        &self,
        archive: ByteReader,
        quiet: bool,
        platform: Option<String>,
        progress: ProgressSender,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `GET /images/get`
    fn save(
        &self,
        names: Vec<String>,
        platform: Option<String>,
    ) -> impl Future<Output = Answer<ByteStream>> + Send {
        not_built("saving images (save)")
    }

    /// `POST /images/{name}/push`
    fn push(
        &self,
        request: PushRequest,
        progress: ProgressSender,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("push")
    }

    /// `POST /images/prune`
    fn prune_images(
        &self,
        filters: Filters,
    ) -> impl Future<Output = Answer<ImagesPruneReport>> + Send {
        not_built("image prune")
    }

    /// `GET /images/search`
    fn search(
        &self,
        term: &str,
        limit: Option<usize>,
        filters: Filters,
        auth: Option<AuthConfig>,
    ) -> impl Future<Output = Answer<Vec<SearchResult>>> + Send {
        not_built("search")
    }

    /// `GET /distribution/{name}/json`
    fn distribution(
        &self,
        name: &str,
        auth: Option<AuthConfig>,
    ) -> impl Future<Output = Answer<DistributionInspect>> + Send {
        not_built("asking a registry about an image (distribution inspect)")
    }
}
