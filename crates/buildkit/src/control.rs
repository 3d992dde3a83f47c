//! The service that takes builds and tells how they go on.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use gantry_builder::Built;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::Server;
use crate::bridge::refuse_policies;
use crate::builds::{Job, Returned};
use crate::proto::moby::buildkit::v1::control_server::Control;
use crate::proto::moby::buildkit::v1::{
    BuildHistoryEvent, BuildHistoryRequest, BytesMessage, DiskUsageRequest, DiskUsageResponse,
    InfoRequest, InfoResponse, ListWorkersRequest, ListWorkersResponse, PruneRequest, SolveRequest,
    SolveResponse, StatusRequest, StatusResponse, UpdateBuildHistoryRequest,
    UpdateBuildHistoryResponse, UsageRecord,
};
use crate::session::{Session, SessionError};
use crate::status::follow;

/// Under this name goes the time of an answer.
const CURRENT_TIME: &str = "buildkit-current-timestamp";

/// Answers that come one by one.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Control for Server {
    type PruneStream = Answers<UsageRecord>;
    type StatusStream = Answers<StatusResponse>;
    type SessionStream = Answers<BytesMessage>;
    type ListenBuildHistoryStream = Answers<BuildHistoryEvent>;

    async fn solve(
        &self,
        request: Request<SolveRequest>,
    ) -> Result<Response<SolveResponse>, Status> {
        let guard = self.builds.begin(request.into_inner())?;
        let job = Arc::clone(&guard.job);
        let record = (!job.request.internal).then(|| self.history.begin(&job));
        let end = self.carry_out(&job).await;
        if let Some(record) = record {
            job.log.close();
            record.end(&job, end.as_ref());
        }
        drop(guard);
        let exporter_response = end?.answer;
        Ok(Response::new(SolveResponse { exporter_response }))
    }

    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<Self::StatusStream>, Status> {
        let reference = request.into_inner().r#ref;
        if let Some(past) = self.history.log(&reference) {
            let answers = past.into_iter().map(Ok);
            return Ok(Response::new(stream::iter(answers).boxed()));
        }
        let job = self.builds.get(&reference).await?;
        Ok(Response::new(follow(job).boxed()))
    }

    async fn session(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        // Clients without an upgrade of their own carry the session's bytes in messages.
        let headers = request.metadata().clone().into_headers();
        let mut incoming = request.into_inner();
        let (ours, theirs) = tokio::io::duplex(SESSION_BUFFER);
        let server = self.clone();
        tokio::spawn(async move {
            let io = hyper_util::rt::TokioIo::new(ours);
            if let Err(error) = server.sessions.serve(&headers, io).await {
                tracing::debug!("a session ended: {error}");
            }
        });
        let (mut reader, mut writer) = tokio::io::split(theirs);
        tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                let written = tokio::io::AsyncWriteExt::write_all(&mut writer, &message.data);
                if written.await.is_err() {
                    break;
                }
            }
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
        });
        let (sender, answers) = mpsc::channel(SESSION_QUEUE);
        tokio::spawn(async move {
            let mut buffer = vec![0; SESSION_CHUNK];
            while let Ok(read) = tokio::io::AsyncReadExt::read(&mut reader, &mut buffer).await {
                let data = buffer[..read].to_vec();
                if read == 0 || sender.send(Ok(BytesMessage { data })).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers).boxed()))
    }

    async fn list_workers(
        &self,
        _: Request<ListWorkersRequest>,
    ) -> Result<Response<ListWorkersResponse>, Status> {
        let record = vec![self.worker()];
        Ok(Response::new(ListWorkersResponse { record }))
    }

    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        let buildkit_version = Some(self.buildkit_version());
        Ok(Response::new(InfoResponse { buildkit_version }))
    }

    async fn disk_usage(
        &self,
        request: Request<DiskUsageRequest>,
    ) -> Result<Response<DiskUsageResponse>, Status> {
        let request = request.into_inner();
        let age = Duration::from_nanos(u64::try_from(request.age_limit).unwrap_or_default());
        let record = self.usage(&request.filter, age).await?;
        Ok(Response::new(DiskUsageResponse { record }))
    }

    async fn prune(
        &self,
        request: Request<PruneRequest>,
    ) -> Result<Response<Self::PruneStream>, Status> {
        let pruned = self.prune_cache(request.into_inner()).await?;
        Ok(Response::new(
            stream::iter(pruned.into_iter().map(Ok)).boxed(),
        ))
    }

    async fn listen_build_history(
        &self,
        request: Request<BuildHistoryRequest>,
    ) -> Result<Response<Self::ListenBuildHistoryStream>, Status> {
        let events = self.history.listen(request.into_inner())?;
        let mut response = Response::new(events.map(Ok).boxed());
        // By it clients tell for how long a build has been going on.
        if let Ok(now) = jiff::Timestamp::now().to_string().parse() {
            response.metadata_mut().insert(CURRENT_TIME, now);
        }
        Ok(response)
    }

    async fn update_build_history(
        &self,
        request: Request<UpdateBuildHistoryRequest>,
    ) -> Result<Response<UpdateBuildHistoryResponse>, Status> {
        self.history.update(&request.into_inner())?;
        Ok(Response::new(UpdateBuildHistoryResponse {}))
    }
}

const SESSION_BUFFER: usize = 256 << 10;
const SESSION_CHUNK: usize = 32 << 10;
const SESSION_QUEUE: usize = 16;

impl Server {
    /// An open session; waits a moment for one that is just being opened.
    pub(crate) async fn session_by_id(&self, id: &str) -> Result<Session, SessionError> {
        self.sessions.get(id).await.ok_or(SessionError::Gone)
    }

    /// A build from its beginning to what the client is told in the end.
    async fn carry_out(&self, job: &Arc<Job>) -> Result<Finished, Status> {
        let request = &job.request;
        refuse_policies(request.source_policy.as_slice())?;
        if !request.source_policy_session.is_empty() {
            return Err(Status::unimplemented(
                "a source policy of the client's session is not supported",
            ));
        }
        let definition = request.definition.as_ref().filter(|d| !d.def.is_empty());
        let one = |name: String| Returned {
            results: vec![(None, name)],
            ..Returned::default()
        };
        let returned = match (request.frontend.as_str(), definition) {
            ("", Some(definition)) => one(self.definition_result(job, definition).await?),
            // The client's own part calls the bridge and says what came of it.
            ("", None) => tokio::select! {
                returned = job.returned() => returned?,
                () = job.cancelled.cancelled() => return Err(Status::cancelled("context canceled")),
            },
            (frontend, Some(_)) => {
                return Err(Status::invalid_argument(format!(
                    "a build has a definition or a frontend, not both: {frontend}"
                )));
            }
            (frontend, None) => {
                let (options, inputs) = (&request.frontend_attrs, &request.frontend_inputs);
                one(self.frontend(job, frontend, options, inputs).await?.0)
            }
        };
        let first = returned.results.first();
        let built = match first.and_then(|(_, name)| job.built(name)) {
            Some(built) => Some(built),
            None => self.deliver(job, &returned).await?,
        };
        Ok(Finished::of(job, built))
    }
}

/// What a build has come to.
#[derive(Default)]
pub(crate) struct Finished {
    /// What the client is told of its outputs.
    pub answer: HashMap<String, String>,
    /// How each platform's result was made: the predicates of its provenance, JSON.
    pub provenance: BTreeMap<String, Vec<u8>>,
}

impl Finished {
    fn of(job: &Job, built: Option<Built>) -> Self {
        let Some(built) = built else {
            return Self::default();
        };
        let mut answer: HashMap<String, String> = built.told.into_iter().collect();
        if let Some(image) = &built.image {
            let id = image.to_string();
            answer
                .entry("containerimage.digest".to_owned())
                .or_insert_with(|| id.clone());
            answer.insert("containerimage.config.digest".to_owned(), id);
        }
        let exporters = job.request.exporters.iter();
        let names: Vec<&str> = exporters
            .filter_map(|exporter| exporter.attrs.get("name"))
            .map(String::as_str)
            .filter(|name| !name.is_empty())
            .collect();
        if !names.is_empty() {
            answer.insert("image.name".to_owned(), names.join(","));
        }
        Self {
            answer,
            provenance: built.provenance,
        }
    }
}
