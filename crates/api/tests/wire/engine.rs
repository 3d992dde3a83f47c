//! A stand-in for the engine: one container `web`, one image `reg/nginx`, nothing real.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use gantry_api::backend::{
    Answer, AttachQuery, Containers, Execs, ImageListQuery, Images, ListQuery, LogQuery, Logs,
    Networks, PullRequest, RemoveQuery, Secrets, System, Volumes, WaitCondition,
};
use gantry_api::{Attachment, ByteReader, Failure, ProgressSender, RawStream};
use gantry_api_types::{
    AuthConfig, ContainerCreateRequest, ContainerCreateResponse, ContainerInspect,
    ContainerSummary, ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecStartRequest,
    Filters, HistoryItem, ImageConfig, ImageDeleteItem, ImageInspect, ImageSummary, JsonMessage,
    NetworkResource, Secret, SecretCreateResponse, SecretSpec, SystemInfo, Version, Volume,
    VolumeCreateRequest, VolumeListing, WaitResponse,
};
use gantry_events::{Events, Query, Subscription};
use http::StatusCode;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;

#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) events: Events,
    /// Lets `wait` end.
    pub(crate) exit: Arc<Notify>,
    /// What happened, in order.
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) login: Arc<Mutex<Option<AuthConfig>>>,
    pub(crate) pull_dropped: Arc<AtomicBool>,
}

impl Fake {
    fn note(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn find(name: &str) -> Answer<()> {
        match name {
            "web" => Ok(()),
            name => Err(Failure::not_found(format!("No such container: {name}"))),
        }
    }
}

impl Containers for Fake {
    async fn list(&self, query: ListQuery) -> Answer<Vec<ContainerSummary>> {
        self.note(format!(
            "list {} {:?} {}",
            query.all,
            query.limit,
            query.filters.to_json()
        ));
        Ok(Vec::new())
    }
    async fn create(
        &self,
        name: Option<&str>,
        _: Option<&str>,
        body: ContainerCreateRequest,
    ) -> Answer<ContainerCreateResponse> {
        self.note(format!("create {name:?} {}", body.config.image));
        Ok(ContainerCreateResponse {
            id: "1".into(),
            warnings: Vec::new(),
        })
    }
    async fn inspect(&self, name: &str, _: bool) -> Answer<ContainerInspect> {
        Self::find(name)?;
        Ok(ContainerInspect::default())
    }
    async fn start(&self, name: &str) -> Answer<()> {
        self.note("start");
        match name {
            "web" => Err(Failure::new(StatusCode::NOT_MODIFIED, "it runs already")),
            _ => Ok(()),
        }
    }
    async fn stop(&self, name: &str, timeout: Option<i64>, signal: Option<&str>) -> Answer<()> {
        self.note(format!("stop {name} {timeout:?} {signal:?}"));
        Ok(())
    }
    async fn restart(&self, _: &str, _: Option<i64>, _: Option<&str>) -> Answer<()> {
        Ok(())
    }
    async fn kill(&self, name: &str, _: Option<&str>) -> Answer<()> {
        Self::find(name)
    }
    async fn pause(&self, name: &str) -> Answer<()> {
        Self::find(name)
    }
    async fn unpause(&self, name: &str) -> Answer<()> {
        Self::find(name)
    }
    async fn rename(&self, name: &str, _: &str) -> Answer<()> {
        Self::find(name)
    }
    async fn wait(&self, name: &str, _: WaitCondition) -> Answer<BoxFuture<'static, WaitResponse>> {
        Self::find(name)?;
        let exit = Arc::clone(&self.exit);
        Ok(async move {
            exit.notified().await;
            WaitResponse {
                status_code: 7,
                error: None,
            }
        }
        .boxed())
    }
    async fn remove(&self, name: &str, _: RemoveQuery) -> Answer<()> {
        Self::find(name)
    }
    async fn logs(&self, name: &str, query: LogQuery) -> Answer<Logs> {
        Self::find(name)?;
        self.note(format!("logs {:?} {:?}", query.since, query.tail));
        let chunks = stream::iter([Ok("one\n".into()), Ok("two\n".into())]).boxed();
        Ok(Logs {
            multiplexed: true,
            chunks,
        })
    }
    async fn attach(&self, name: &str, query: AttachQuery) -> Answer<Attachment> {
        if name != "web" && name != "new" {
            Self::find(name)?;
        }
        let fake = self.clone();
        let fails = query.detach_keys == "fail";
        let connect = move |stream: RawStream| {
            async move {
                // Time enough for a start to overtake, if it could.
                tokio::time::sleep(Duration::from_millis(50)).await;
                if fails {
                    return Err(Failure::internal("the monitor is gone"));
                }
                let leftover = String::from_utf8_lossy(&stream.leftover).into_owned();
                fake.note(format!("attached {leftover}"));
                UnixStream::from(stream.fd).write_all(b"hello").unwrap();
                Ok(())
            }
            .boxed()
        };
        Ok(Attachment {
            multiplexed: true,
            connect: Box::new(connect),
        })
    }
    async fn resize(&self, _: &str, _: u16, _: u16) -> Answer<()> {
        Ok(())
    }
}

impl Execs for Fake {
    async fn exec_create(&self, _: &str, _: ExecCreateRequest) -> Answer<ExecCreateResponse> {
        Ok(ExecCreateResponse { id: "e".into() })
    }
    async fn exec_start(&self, id: &str, body: ExecStartRequest) -> Answer<Option<Attachment>> {
        if id != "e" {
            return Err(Failure::not_found(format!("No such exec instance: {id}")));
        }
        if body.detach {
            return Ok(None);
        }
        let connect = |stream: RawStream| {
            async move {
                UnixStream::from(stream.fd).write_all(b"exec").unwrap();
                Ok(())
            }
            .boxed()
        };
        Ok(Some(Attachment {
            multiplexed: false,
            connect: Box::new(connect),
        }))
    }
    async fn exec_resize(&self, _: &str, _: u16, _: u16) -> Answer<()> {
        Ok(())
    }
    async fn exec_inspect(&self, _: &str) -> Answer<ExecInspect> {
        Ok(ExecInspect::default())
    }
}

/// Tells when the future that holds it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Images for Fake {
    async fn images(&self, _: ImageListQuery) -> Answer<Vec<ImageSummary>> {
        Ok(vec![ImageSummary {
            size: 5,
            ..ImageSummary::default()
        }])
    }
    async fn pull(&self, request: PullRequest, progress: ProgressSender) -> Answer<()> {
        *self.login.lock().unwrap() = request.auth;
        match request.image.as_str() {
            "missing" => Err(Failure::not_found("pull access denied for missing")),
            "broken" => {
                progress.send(JsonMessage::step("a", "Pulling fs layer"));
                Err(Failure::internal("unexpected EOF"))
            }
            "endless" => {
                let _dropped = Dropped(Arc::clone(&self.pull_dropped));
                progress.send(JsonMessage::step("a", "Pulling fs layer"));
                std::future::pending().await
            }
            image => {
                progress.send(JsonMessage::status(format!("Pulling from {image}")));
                Ok(())
            }
        }
    }
    async fn image(&self, name: &str, _: Option<&str>) -> Answer<ImageInspect> {
        match name {
            "reg/nginx" => Ok(ImageInspect {
                size: 5,
                config: Some(ImageConfig::default()),
                ..ImageInspect::default()
            }),
            name => Err(Failure::not_found(format!("No such image: {name}"))),
        }
    }
    async fn history(&self, _: &str) -> Answer<Vec<HistoryItem>> {
        Ok(Vec::new())
    }
    async fn tag(&self, name: &str, repo: &str, tag: &str) -> Answer<()> {
        self.note(format!("tag {name} {repo}:{tag}"));
        Ok(())
    }
    async fn remove_image(&self, name: &str, _: bool, _: bool) -> Answer<Vec<ImageDeleteItem>> {
        self.note(format!("rmi {name}"));
        Ok(Vec::new())
    }
    async fn load(
        &self,
        mut archive: ByteReader,
        _: bool,
        _: Option<String>,
        progress: ProgressSender,
    ) -> Answer<()> {
        let mut bytes = Vec::new();
        archive.read_to_end(&mut bytes).await.unwrap();
        progress.send(JsonMessage::stream(format!("{} bytes\n", bytes.len())));
        Ok(())
    }
}

impl Networks for Fake {
    async fn networks(&self, _: Filters) -> Answer<Vec<NetworkResource>> {
        Ok(Vec::new())
    }
    async fn network(&self, name: &str) -> Answer<NetworkResource> {
        Err(Failure::not_found(format!("network {name} not found")))
    }
}

impl Volumes for Fake {
    async fn volumes(&self, _: Filters) -> Answer<VolumeListing> {
        Ok(VolumeListing::default())
    }
    async fn volume(&self, name: &str) -> Answer<Volume> {
        Err(Failure::not_found(format!("get {name}: no such volume")))
    }
    async fn create_volume(&self, body: VolumeCreateRequest) -> Answer<Volume> {
        Ok(Volume {
            name: body.name,
            ..Volume::default()
        })
    }
    async fn remove_volume(&self, _: &str, _: bool) -> Answer<()> {
        Ok(())
    }
}

impl System for Fake {
    async fn version(&self) -> Answer<Version> {
        Ok(Version::default())
    }
    async fn info(&self) -> Answer<SystemInfo> {
        Ok(SystemInfo::default())
    }
    fn events(&self, query: Query) -> Subscription {
        self.events.subscribe(query)
    }
}

impl Secrets for Fake {
    async fn secrets(&self, _: Filters) -> Answer<Vec<Secret>> {
        Ok(Vec::new())
    }
    async fn create_secret(&self, _: SecretSpec) -> Answer<SecretCreateResponse> {
        Err(Failure::internal("unused"))
    }
    async fn secret(&self, name: &str) -> Answer<Secret> {
        Err(Failure::not_found(format!("secret {name} not found")))
    }
    async fn update_secret(&self, name: &str, _: u64, _: SecretSpec) -> Answer<()> {
        Err(Failure::not_found(format!("secret {name} not found")))
    }
    async fn remove_secret(&self, name: &str) -> Answer<()> {
        Err(Failure::not_found(format!("secret {name} not found")))
    }
}
