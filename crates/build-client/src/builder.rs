//! The control connection.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as control;
pub use control::BuildHistoryRecord as HistoryRecord;
use control::control_client::ControlClient;
use control::frontend::llb_bridge_client::LlbBridgeClient;
use control::frontend::{PingRequest, ReturnRequest, SolveRequest as FrontendRequest};
use control::types::WorkerRecord;
use control::{StatusResponse, UsageRecord};
use futures_util::future::{Either, select};
use futures_util::stream::{self, Stream, StreamExt as _};
use gantry_client::Client;
use tokio::time::Instant;
use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::error::Error;
use crate::link::{Channel, Link};
use crate::solve::{Answer, Order};

/// The built-in reader of Dockerfiles.
const FRONTEND: &str = "dockerfile.v0";
/// Messages with Dockerfiles and whole images' configurations in them.
const LARGEST: usize = 64 << 20;
/// How long the last progress may take after the build's end.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Speaks BuildKit's control API with a daemon.
#[derive(Clone)]
pub struct Builder {
    channel: Channel,
}

impl Builder {
    /// Connects; an engine without that API gives an error of kind `NoBuildKit`.
    pub async fn connect(client: &Client) -> Result<Self, Error> {
        let hijacked = client.post("/grpc").unversioned().hijack_as("h2c").await?;
        Ok(Self {
            channel: Channel::new(Link::new(hijacked)?).await?,
        })
    }

    fn control(&self) -> ControlClient<Channel> {
        let origin = http::Uri::from_static("http://localhost");
        ControlClient::with_origin(self.channel.clone(), origin)
            .max_decoding_message_size(LARGEST)
            .max_encoding_message_size(LARGEST)
    }

    fn bridge(&self) -> LlbBridgeClient<Channel> {
        let origin = http::Uri::from_static("http://localhost");
        LlbBridgeClient::with_origin(self.channel.clone(), origin)
            .max_decoding_message_size(LARGEST)
            .max_encoding_message_size(LARGEST)
    }

    /// Builds; `progress` sees everything that the engine tells meanwhile.
    pub async fn build(
        &self,
        order: &Order,
        session: &str,
        progress: &mut dyn FnMut(StatusResponse),
    ) -> Result<Answer, Error> {
        let mut control = self.control();
        let request = order.request(session, FRONTEND);
        let solve = async move { control.solve(request).await };
        let response = self.watched(&order.id, solve, progress).await?;
        Ok(Answer {
            metadata: response
                .into_inner()
                .exporter_response
                .into_iter()
                .collect(),
        })
    }

    /// Asks the frontend a question (`frontend.lint`, `frontend.outline`, `frontend.targets`)
    /// instead of building; its answer is a map of texts.
    pub async fn ask(
        &self,
        order: &Order,
        session: &str,
        progress: &mut dyn FnMut(StatusResponse),
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut control = self.control();
        // The job lives as long as this call; the question is put to it by the calls below.
        let request = order.request(session, "");
        let job = async move { control.solve(request).await };
        let questions = self.question(order);
        let both = async {
            let job = std::pin::pin!(job);
            let questions = std::pin::pin!(questions);
            match select(job, questions).await {
                // The job's end may be told before the answer of the call that ended it.
                Either::Left((ended, questions)) => {
                    ended?;
                    questions.await
                }
                Either::Right((answer, job)) => {
                    let ended = job.await;
                    let answer = answer?;
                    ended?;
                    Ok(answer)
                }
            }
        };
        let result = Box::pin(self.watched(&order.id, both, progress)).await?;
        Ok(result.into_iter().collect())
    }

    async fn question(
        &self,
        order: &Order,
    ) -> Result<std::collections::HashMap<String, Vec<u8>>, tonic::Status> {
        let mut bridge = self.bridge();
        bridge.ping(tagged(&order.id, PingRequest {})?).await?;
        let solve = FrontendRequest {
            frontend: FRONTEND.to_owned(),
            frontend_opt: order.attributes.clone().into_iter().collect(),
            allow_result_return: true,
            allow_result_array_ref: true,
            ..FrontendRequest::default()
        };
        let solved = bridge.solve(tagged(&order.id, solve)?).await;
        let mut last = ReturnRequest::default();
        match &solved {
            Ok(response) => last.result.clone_from(&response.get_ref().result),
            Err(status) => {
                last.error = Some(bollard_buildkit_proto::google::rpc::Status {
                    code: status.code() as i32,
                    message: status.message().to_owned(),
                    details: Vec::new(),
                });
            }
        }
        let returned = bridge.r#return(tagged(&order.id, last)?).await;
        let result = solved?.into_inner().result.unwrap_or_default();
        returned?;
        Ok(result.metadata)
    }

    /// Runs a call while passing on the build's progress, to the last word.
    async fn watched<T>(
        &self,
        id: &str,
        call: impl Future<Output = Result<T, tonic::Status>>,
        progress: &mut dyn FnMut(StatusResponse),
    ) -> Result<T, Error> {
        let mut call = std::pin::pin!(call);
        let mut messages = std::pin::pin!(self.progress(id));
        let mut patience = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        let (mut open, mut done) = (true, None);
        loop {
            tokio::select! {
                biased;
                message = messages.next(), if open => match message {
                    Some(message) => progress(message),
                    None => open = false,
                },
                result = &mut call, if done.is_none() => {
                    done = Some(result);
                    patience.as_mut().reset(Instant::now() + LAST_WORDS);
                }
                () = &mut patience, if done.is_some() => open = false,
            }
            if !open && let Some(result) = done.take() {
                return Ok(result?);
            }
        }
    }

    /// A build's progress. That it cannot be had is no failure: the build itself tells what is wrong.
    fn progress(&self, id: &str) -> impl Stream<Item = StatusResponse> + use<> {
        let mut control = self.control();
        let request = control::StatusRequest {
            r#ref: id.to_owned(),
        };
        stream::once(async move { control.status(request).await })
            .filter_map(|opened| async { opened.ok().map(tonic::Response::into_inner) })
            .flatten()
            .filter_map(|message| async { message.ok() })
    }

    /// The progress of a build that runs or ran, from its beginning to its end.
    pub async fn replay(
        &self,
        id: &str,
        progress: &mut dyn FnMut(StatusResponse),
    ) -> Result<(), Error> {
        let request = control::StatusRequest {
            r#ref: id.to_owned(),
        };
        let mut messages = self.control().status(request).await?.into_inner();
        while let Some(message) = messages.message().await? {
            progress(message);
        }
        Ok(())
    }

    /// Who builds there: one worker in an engine.
    pub async fn workers(&self) -> Result<Vec<WorkerRecord>, Error> {
        let request = control::ListWorkersRequest::default();
        Ok(self
            .control()
            .list_workers(request)
            .await?
            .into_inner()
            .record)
    }

    /// The version of what builds.
    pub async fn version(&self) -> Result<String, Error> {
        let response = self.control().info(control::InfoRequest {}).await?;
        let version = response.into_inner().buildkit_version;
        Ok(version.map(|version| version.version).unwrap_or_default())
    }

    /// What the build cache holds.
    pub async fn disk_usage(&self, filter: Vec<String>) -> Result<Vec<UsageRecord>, Error> {
        let request = control::DiskUsageRequest {
            filter,
            ..control::DiskUsageRequest::default()
        };
        Ok(self
            .control()
            .disk_usage(request)
            .await?
            .into_inner()
            .record)
    }

    /// Removes from the build cache; `removed` sees each record that is gone.
    pub async fn prune(
        &self,
        request: control::PruneRequest,
        removed: &mut dyn FnMut(UsageRecord),
    ) -> Result<(), Error> {
        let mut records = self.control().prune(request).await?.into_inner();
        while let Some(record) = records.message().await? {
            removed(record);
        }
        Ok(())
    }

    /// Builds of the past, and those under way; `filter` are conditions such as `status==error`.
    pub async fn history(&self, id: &str, filter: &str) -> Result<Vec<HistoryRecord>, Error> {
        let filter = Some(filter.to_owned()).filter(|filter| !filter.is_empty());
        let request = control::BuildHistoryRequest {
            r#ref: id.to_owned(),
            filter: filter.into_iter().collect(),
            early_exit: true,
            ..control::BuildHistoryRequest::default()
        };
        let mut events = self
            .control()
            .listen_build_history(request)
            .await?
            .into_inner();
        let mut records = Vec::new();
        while let Some(event) = events.message().await? {
            records.extend(event.record);
        }
        Ok(records)
    }

    /// Has the record of a build of the past completed.
    pub async fn finalize(&self, id: &str) -> Result<(), Error> {
        let request = control::UpdateBuildHistoryRequest {
            r#ref: id.to_owned(),
            finalize: true,
            ..control::UpdateBuildHistoryRequest::default()
        };
        self.control().update_build_history(request).await?;
        Ok(())
    }

    /// What a record of a build refers to by this digest.
    pub async fn blob(&self, digest: &str) -> Result<Vec<u8>, Error> {
        crate::content::read(self.channel.clone(), digest).await
    }

    /// Forgets a build of the past.
    pub async fn forget(&self, id: &str) -> Result<(), Error> {
        let request = control::UpdateBuildHistoryRequest {
            r#ref: id.to_owned(),
            delete: true,
            ..control::UpdateBuildHistoryRequest::default()
        };
        self.control().update_build_history(request).await?;
        Ok(())
    }
}

/// A call that belongs to a build.
fn tagged<T>(id: &str, message: T) -> Result<Request<T>, tonic::Status> {
    let mut request = Request::new(message);
    let id = MetadataValue::try_from(id)
        .map_err(|_| tonic::Status::invalid_argument("the build's identifier is no text"))?;
    request
        .metadata_mut()
        .insert("buildkit-controlapi-buildid", id);
    Ok(request)
}
