//! The real engine behind the routers' traits.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use gantry_api_types::{
    AuthConfig, AuthResponse, CommitResponse, ContainerConfig, ContainerCreateRequest,
    ContainerCreateResponse, ContainerInspect, ContainerStats, ContainerSummary,
    ContainerUpdateRequest, ContainerUpdateResponse, ContainersPruneReport, DiskUsage,
    ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecStartRequest, FilesystemChange,
    Filters, NetworkConnectRequest, NetworkCreateRequest, NetworkCreateResponse,
    NetworkDisconnectRequest, NetworkResource, NetworksPruneReport, PathStat, SystemInfo,
    TopResponse, Version, WaitResponse,
};
use gantry_engine::{
    AttachRequest, ClientStream, CommitRequest, Engine, ListOptions, LogChunks, LogOptions, Query,
    RemoveOptions, StatsOptions, Subscription, UnpackOptions, WaitCondition as EngineCondition,
};
use gantry_units::DetachKeys;

use super::{
    Answer, ArchiveWrite, AttachQuery, CommitQuery, ListQuery, LogQuery, Logs, RemoveQuery,
    WaitCondition,
};
use crate::failure::Failure;
use crate::hijack::{Attachment, RawStream};
use crate::stream::ByteStream;

impl super::Containers for Engine {
    async fn list(&self, query: ListQuery) -> Answer<Vec<ContainerSummary>> {
        let ListQuery {
            all,
            limit,
            size,
            filters,
        } = query;
        Ok(self
            .containers
            .list(&ListOptions {
                all,
                limit,
                size,
                filters,
            })
            .await?)
    }

    async fn create(
        &self,
        name: Option<&str>,
        platform: Option<&str>,
        body: ContainerCreateRequest,
    ) -> Answer<ContainerCreateResponse> {
        Ok(self.containers.create(name, platform, body).await?)
    }

    async fn inspect(&self, name: &str, size: bool) -> Answer<ContainerInspect> {
        Ok(self.containers.inspect(name, size).await?)
    }

    async fn start(&self, name: &str) -> Answer<()> {
        Ok(self.containers.start(name).await?)
    }

    async fn stop(&self, name: &str, timeout: Option<i64>, signal: Option<&str>) -> Answer<()> {
        Ok(self.containers.stop(name, timeout, signal).await?)
    }

    async fn restart(&self, name: &str, timeout: Option<i64>, signal: Option<&str>) -> Answer<()> {
        Ok(self.containers.restart(name, timeout, signal).await?)
    }

    async fn kill(&self, name: &str, signal: Option<&str>) -> Answer<()> {
        Ok(self.containers.kill(name, signal).await?)
    }

    async fn pause(&self, name: &str) -> Answer<()> {
        Ok(self.containers.pause(name).await?)
    }

    async fn unpause(&self, name: &str) -> Answer<()> {
        Ok(self.containers.unpause(name).await?)
    }

    async fn rename(&self, name: &str, new: &str) -> Answer<()> {
        Ok(self.containers.rename(name, new).await?)
    }

    async fn wait(
        &self,
        name: &str,
        condition: WaitCondition,
    ) -> Answer<BoxFuture<'static, WaitResponse>> {
        let condition = match condition {
            WaitCondition::NotRunning => EngineCondition::NotRunning,
            WaitCondition::NextExit => EngineCondition::NextExit,
            WaitCondition::Removed => EngineCondition::Removed,
        };
        Ok(self.containers.wait(name, condition)?.boxed())
    }

    async fn changes(&self, name: &str) -> Answer<Option<Vec<FilesystemChange>>> {
        Ok(self.containers.changes(name).await?)
    }

    async fn export(&self, name: &str) -> Answer<ByteStream> {
        Ok(super::engine_images::chunks(
            self.containers.export(name).await?,
        ))
    }

    async fn commit(
        &self,
        name: &str,
        query: CommitQuery,
        config: ContainerConfig,
    ) -> Answer<CommitResponse> {
        let request = CommitRequest {
            repository: query.repo,
            tag: query.tag,
            comment: query.comment,
            author: query.author,
            pause: query.pause,
            changes: query.changes,
            config,
        };
        Ok(self.containers.commit(name, request).await?)
    }

    async fn remove(&self, name: &str, query: RemoveQuery) -> Answer<()> {
        if query.link {
            return Ok(self.containers.remove_link(name).await?);
        }
        let options = RemoveOptions {
            force: query.force,
            volumes: query.volumes,
        };
        Ok(self.containers.remove(name, options).await?)
    }

    async fn logs(&self, name: &str, query: LogQuery) -> Answer<Logs> {
        // Times before 1970 are no limit.
        let since_1970 = |time: Option<i64>| time.and_then(|time| u64::try_from(time).ok());
        let options = LogOptions {
            stdout: query.stdout,
            stderr: query.stderr,
            follow: query.follow,
            since: since_1970(query.since),
            until: since_1970(query.until),
            tail: query.tail,
            timestamps: query.timestamps,
            details: query.details,
            raw: false,
        };
        let (chunks, tty) = self.containers.logs(name, options).await?;
        Ok(Logs {
            multiplexed: !tty,
            chunks: bytes_of(chunks).boxed(),
        })
    }

    async fn attach(&self, name: &str, query: AttachQuery) -> Answer<Attachment> {
        let tty = self.containers.attachable(name)?;
        let request = AttachRequest {
            stdin: query.stdin,
            stdout: query.stdout,
            stderr: query.stderr,
            detach_keys: detach_keys(&query.detach_keys)?,
            raw: query.raw,
        };
        let (containers, name) = (self.containers.clone(), name.to_owned());
        let connect = move |stream: RawStream| {
            async move {
                if query.logs {
                    let options = LogOptions {
                        stdout: query.stdout,
                        stderr: query.stderr,
                        raw: query.raw,
                        ..LogOptions::default()
                    };
                    let (chunks, _) = containers.logs(&name, options).await?;
                    copy(chunks, &stream.fd).await?;
                }
                if query.stream {
                    containers.attach(&name, request, stream.into()).await?;
                }
                Ok(())
            }
            .boxed()
        };
        Ok(Attachment {
            multiplexed: !tty && !query.raw,
            connect: Box::new(connect),
        })
    }

    async fn resize(&self, name: &str, height: u16, width: u16) -> Answer<()> {
        Ok(self.containers.resize(name, height, width).await?)
    }

    async fn top(&self, name: &str, ps_args: &str) -> Answer<TopResponse> {
        Ok(self.containers.top(name, ps_args).await?)
    }

    async fn stats(
        &self,
        name: &str,
        stream: bool,
        one_shot: bool,
    ) -> Answer<BoxStream<'static, ContainerStats>> {
        let options = StatsOptions { stream, one_shot };
        Ok(self.containers.stats(name, options)?)
    }

    async fn update(
        &self,
        name: &str,
        body: ContainerUpdateRequest,
    ) -> Answer<ContainerUpdateResponse> {
        Ok(self.containers.update(name, body).await?)
    }

    async fn prune_containers(&self, filters: Filters) -> Answer<ContainersPruneReport> {
        Ok(self.containers.prune(&filters).await?)
    }

    async fn stat_path(&self, name: &str, path: &str) -> Answer<PathStat> {
        Ok(self.containers.stat_path(name, path).await?)
    }

    async fn read_archive(&self, name: &str, path: &str) -> Answer<(PathStat, ByteStream)> {
        let (stat, chunks) = self.containers.read_archive(name, path).await?;
        let chunks = stream::unfold(chunks, |mut chunks| async {
            let chunk = chunks.recv().await?;
            Some((chunk, chunks))
        });
        Ok((stat, chunks.boxed()))
    }

    async fn write_archive(
        &self,
        name: &str,
        write: ArchiveWrite,
        archive: ByteStream,
    ) -> Answer<()> {
        let options = UnpackOptions {
            path: write.path,
            keep_kinds: write.no_overwrite_dir_non_dir,
            own_by_user: write.copy_uid_gid,
            own_root: false,
        };
        Ok(self
            .containers
            .write_archive(name, options, archive)
            .await?)
    }
}

impl super::Execs for Engine {
    async fn exec_create(
        &self,
        container: &str,
        body: ExecCreateRequest,
    ) -> Answer<ExecCreateResponse> {
        Ok(self.containers.exec_create(container, body)?)
    }

    async fn exec_start(&self, id: &str, body: ExecStartRequest) -> Answer<Option<Attachment>> {
        let tty = self.containers.exec_startable(id, &body)?;
        if body.detach {
            self.containers.exec_start(id, &body, None).await?;
            return Ok(None);
        }
        let (containers, id) = (self.containers.clone(), id.to_owned());
        let connect = move |stream: RawStream| {
            async move {
                Ok(containers
                    .exec_start(&id, &body, Some(stream.into()))
                    .await?)
            }
            .boxed()
        };
        Ok(Some(Attachment {
            multiplexed: !tty,
            connect: Box::new(connect),
        }))
    }

    async fn exec_resize(&self, id: &str, height: u16, width: u16) -> Answer<()> {
        Ok(self.containers.exec_resize(id, height, width).await?)
    }

    async fn exec_inspect(&self, id: &str) -> Answer<ExecInspect> {
        Ok(self.containers.exec_inspect(id).await?)
    }
}

impl super::Networks for Engine {
    async fn networks(&self, filters: Filters) -> Answer<Vec<NetworkResource>> {
        Ok(self.networking.list(&filters)?)
    }

    async fn network(&self, name: &str) -> Answer<NetworkResource> {
        Ok(self.networking.inspect(name)?)
    }

    async fn create_network(&self, body: NetworkCreateRequest) -> Answer<NetworkCreateResponse> {
        Ok(self.networking.create(body).await?)
    }

    async fn remove_network(&self, name: &str) -> Answer<()> {
        Ok(self.networking.remove(name).await?)
    }

    async fn connect(&self, name: &str, body: NetworkConnectRequest) -> Answer<()> {
        Ok(self.networking.connect(name, body).await?)
    }

    async fn disconnect(&self, name: &str, body: NetworkDisconnectRequest) -> Answer<()> {
        Ok(self.networking.disconnect(name, body).await?)
    }

    async fn prune_networks(&self, filters: Filters) -> Answer<NetworksPruneReport> {
        Ok(self.networking.prune(&filters).await?)
    }
}

impl super::System for Engine {
    async fn version(&self) -> Answer<Version> {
        Ok(self.system.version())
    }

    async fn info(&self) -> Answer<SystemInfo> {
        Ok(self.system.info()?)
    }

    async fn login(&self, auth: AuthConfig) -> Answer<AuthResponse> {
        Ok(self.images.login(auth).await?)
    }

    async fn disk_usage(&self, kinds: Option<Vec<String>>) -> Answer<DiskUsage> {
        Ok(Engine::disk_usage(self, kinds.as_deref()).await?)
    }

    fn events(&self, query: Query) -> Subscription {
        self.system.events(query)
    }
}

/// Runs what may take the disk a while.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, gantry_engine::Error> + Send + 'static,
) -> Answer<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(e) => Err(Failure::internal(format!(
            "a worker of the daemon failed: {e}"
        ))),
    }
}

impl From<RawStream> for ClientStream {
    fn from(stream: RawStream) -> Self {
        Self {
            fd: stream.fd,
            leftover: stream.leftover,
        }
    }
}

/// The sequence as bytes; nothing stays nothing, so that the engine's default holds.
fn detach_keys(text: &str) -> Answer<Vec<u8>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    match text.parse::<DetachKeys>() {
        Ok(keys) => Ok(keys.as_bytes().to_vec()),
        Err(e) => Err(Failure::invalid(format!(
            "Invalid detach keys ({text}) provided: {e}"
        ))),
    }
}

fn bytes_of(
    chunks: LogChunks,
) -> impl futures_util::Stream<Item = io::Result<bytes::Bytes>> + Send {
    stream::unfold(Some(chunks), |chunks| async {
        let mut chunks = chunks?;
        match chunks.next().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(chunks))),
            Ok(None) => None,
            Err(e) => Some((Err(io::Error::other(e)), None)),
        }
    })
}

/// Copies a log to a client's socket, which blocks, on a thread that may.
async fn copy(mut chunks: LogChunks, to: &OwnedFd) -> Answer<()> {
    let failed = |e: io::Error| Failure::internal(format!("cannot send the log: {e}"));
    while let Some(chunk) = chunks.next().await? {
        let mut to = File::from(to.try_clone().map_err(failed)?);
        tokio::task::spawn_blocking(move || to.write_all(&chunk))
            .await
            .map_err(|e| Failure::internal(e.to_string()))?
            .map_err(failed)?;
    }
    Ok(())
}
