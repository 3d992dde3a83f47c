//! Containers.

use std::future::Future;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use gantry_api_types::{
    CommitResponse, ContainerConfig, ContainerCreateRequest, ContainerCreateResponse,
    ContainerInspect, ContainerStats, ContainerSummary, ContainerUpdateRequest,
    ContainerUpdateResponse, ContainersPruneReport, FilesystemChange, Filters, PathStat,
    TopResponse, WaitResponse,
};

use super::{Answer, not_built};
use crate::hijack::Attachment;
use crate::stream::ByteStream;

/// What `GET /containers/json` asks.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Stopped ones too.
    pub all: bool,
    /// At most so many, the newest.
    pub limit: Option<usize>,
    /// With sizes.
    pub size: bool,
    /// Filters.
    pub filters: Filters,
}

/// What a client waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// It does not run.
    #[default]
    NotRunning,
    /// It ends after now.
    NextExit,
    /// It is removed.
    Removed,
}

/// How a container is removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveQuery {
    /// Its anonymous volumes too.
    pub volumes: bool,
    /// Even if it runs.
    pub force: bool,
    /// Only a link.
    pub link: bool,
}

/// Which log lines a client wants.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Go on with what comes.
    pub follow: bool,
    /// Each line with its time.
    pub timestamps: bool,
    /// Each line with the driver's labels.
    pub details: bool,
    /// Not older, nanoseconds since 1970.
    pub since: Option<i64>,
    /// Not newer, nanoseconds since 1970.
    pub until: Option<i64>,
    /// Only the last so many.
    pub tail: Option<u64>,
}

/// A container's log on its way to a client.
pub struct Logs {
    /// The chunks are frames; otherwise the bytes of a terminal.
    pub multiplexed: bool,
    /// Ready for the wire.
    pub chunks: ByteStream,
}

/// What a client attaches to.
#[derive(Debug, Clone, Default)]
pub struct AttachQuery {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// The log first.
    pub logs: bool,
    /// The live streams.
    pub stream: bool,
    /// As `ctrl-p,ctrl-q`; empty is the default.
    pub detach_keys: String,
    /// Output never comes in frames.
    pub raw: bool,
}

/// How an archive is unpacked into a container.
#[derive(Debug, Clone, Default)]
pub struct ArchiveWrite {
    /// The directory inside.
    pub path: String,
    /// A directory must not take a file's place, nor a file a directory's.
    pub no_overwrite_dir_non_dir: bool,
    /// Give all to the container's user.
    pub copy_uid_gid: bool,
}

/// The containers group.
#[expect(
    unused_variables,
    reason = "provided methods name what they do not use yet"
)]
pub trait Containers: Clone + Send + Sync + 'static {
    /// `GET /containers/json`
    fn list(&self, query: ListQuery) -> impl Future<Output = Answer<Vec<ContainerSummary>>> + Send;

    /// `POST /containers/create`
    fn create(
        &self,
        name: Option<&str>,
        platform: Option<&str>,
        body: ContainerCreateRequest,
    ) -> impl Future<Output = Answer<ContainerCreateResponse>> + Send;

    /// `GET /containers/{name}/json`
    fn inspect(
        &self,
        name: &str,
        size: bool,
    ) -> impl Future<Output = Answer<ContainerInspect>> + Send;

    /// `POST /containers/{name}/start`
    fn start(&self, name: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /containers/{name}/stop`
    fn stop(
        &self,
        name: &str,
        timeout: Option<i64>,
        signal: Option<&str>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /containers/{name}/restart`
    fn restart(
        &self,
        name: &str,
        timeout: Option<i64>,
        signal: Option<&str>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /containers/{name}/kill`
    fn kill(&self, name: &str, signal: Option<&str>) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /containers/{name}/pause`
    fn pause(&self, name: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /containers/{name}/unpause`
    fn unpause(&self, name: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /containers/{name}/rename`
    fn rename(&self, name: &str, new: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `POST /containers/{name}/wait`: from when this returns on, nothing is missed.
    fn wait(
        &self,
        name: &str,
        condition: WaitCondition,
    ) -> impl Future<Output = Answer<BoxFuture<'static, WaitResponse>>> + Send;

    /// `DELETE /containers/{name}`
    fn remove(&self, name: &str, query: RemoveQuery) -> impl Future<Output = Answer<()>> + Send;

    /// `GET /containers/{name}/logs`
    fn logs(&self, name: &str, query: LogQuery) -> impl Future<Output = Answer<Logs>> + Send;

    /// `POST /containers/{name}/attach`: all that can be refused is refused here.
    fn attach(
        &self,
        name: &str,
        query: AttachQuery,
    ) -> impl Future<Output = Answer<Attachment>> + Send;

    /// `POST /containers/{name}/resize`
    fn resize(
        &self,
        name: &str,
        height: u16,
        width: u16,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `GET /containers/{name}/top`
    fn top(&self, name: &str, ps_args: &str) -> impl Future<Output = Answer<TopResponse>> + Send {
        not_built("top")
    }

    /// `GET /containers/{name}/stats`: a sample a second, or one.
    fn stats(
        &self,
        name: &str,
        stream: bool,
        one_shot: bool,
    ) -> impl Future<Output = Answer<BoxStream<'static, ContainerStats>>> + Send {
        not_built("stats")
    }

    /// `HEAD /containers/{name}/archive`
    fn stat_path(&self, name: &str, path: &str) -> impl Future<Output = Answer<PathStat>> + Send {
        not_built("copying files of a container (cp)")
    }

    /// `GET /containers/{name}/archive`
    fn read_archive(
        &self,
        name: &str,
        path: &str,
    ) -> impl Future<Output = Answer<(PathStat, ByteStream)>> + Send {
        not_built("copying files from a container (cp)")
    }

    /// `PUT /containers/{name}/archive`
    fn write_archive(
        &self,
        name: &str,
        write: ArchiveWrite,
        archive: ByteStream,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("copying files into a container (cp)")
    }

    /// `GET /containers/{name}/changes`
    fn changes(
        &self,
        name: &str,
    ) -> impl Future<Output = Answer<Option<Vec<FilesystemChange>>>> + Send {
        not_built("diff")
    }

    /// `GET /containers/{name}/export`
    fn export(&self, name: &str) -> impl Future<Output = Answer<ByteStream>> + Send {
        not_built("export")
    }

    /// `POST /containers/{name}/update`
    fn update(
        &self,
        name: &str,
        body: ContainerUpdateRequest,
    ) -> impl Future<Output = Answer<ContainerUpdateResponse>> + Send {
        not_built("update")
    }

    /// `POST /containers/prune`
    fn prune_containers(
        &self,
        filters: Filters,
    ) -> impl Future<Output = Answer<ContainersPruneReport>> + Send {
        not_built("container prune")
    }

    /// `POST /commit`
    fn commit(
        &self,
        name: &str,
        query: CommitQuery,
        config: ContainerConfig,
    ) -> impl Future<Output = Answer<CommitResponse>> + Send {
        not_built("commit")
    }
}

/// What `POST /commit` asks.
#[derive(Debug, Clone, Default)]
pub struct CommitQuery {
    /// Repository of the new image.
    pub repo: String,
    /// Its tag.
    pub tag: String,
    /// Its comment.
    pub comment: String,
    /// Its author.
    pub author: String,
    /// Freeze the container meanwhile.
    pub pause: bool,
    /// Instructions that change its configuration.
    pub changes: Vec<String>,
}
