//! What the part of a build that runs in the client calls.
//!
//! `frontend` builds Dockerfiles, `definition` solves what other frontends made, `files` looks into what either came to,
//! `sources` tells of images before they are used.

mod definition;
mod files;
mod frontend;
mod sources;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::builds::{Job, Returned};
use crate::proto::moby::buildkit::v1::StatusResponse;
use crate::proto::moby::buildkit::v1::VertexWarning;
use crate::proto::moby::buildkit::v1::frontend::llb_bridge_server::LlbBridge;
use crate::proto::moby::buildkit::v1::frontend::{
    EvaluateRequest, EvaluateResponse, ExecMessage, InputsRequest, InputsResponse,
    NewContainerRequest, NewContainerResponse, PingRequest, PongResponse, ReadDirRequest,
    ReadDirResponse, ReadFileRequest, ReadFileResponse, Ref, ReleaseContainerRequest,
    ReleaseContainerResponse, ResolveImageConfigRequest, ResolveImageConfigResponse,
    ResolveSourceMetaRequest, ResolveSourceMetaResponse, Result as FrontendResult, ReturnRequest,
    ReturnResponse, SolveRequest, SolveResponse, StatFileRequest, StatFileResponse, WarnRequest,
    WarnResponse, result,
};
use crate::{Server, capabilities, inputs};

pub(crate) use definition::config_of_input;
pub(crate) use sources::refuse_policies;

/// Under this key a call says to which build it belongs.
const BUILD: &str = "buildkit-controlapi-buildid";

/// What a frontend said of a Dockerfile, beside what it built.
pub(crate) type Metadata = HashMap<String, Vec<u8>>;

impl Server {
    async fn job<T>(&self, request: &Request<T>) -> Result<Arc<Job>, Status> {
        let id = request
            .metadata()
            .get(BUILD)
            .and_then(|id| id.to_str().ok());
        let id = id.ok_or_else(|| Status::invalid_argument("the call belongs to no build"))?;
        self.builds.get(id).await
    }
}

fn missing<T>(what: &str) -> Result<Response<T>, Status> {
    Err(Status::unimplemented(format!("{what} is not supported")))
}

#[tonic::async_trait]
impl LlbBridge for Server {
    type ExecProcessStream = Pin<Box<dyn Stream<Item = Result<ExecMessage, Status>> + Send>>;

    async fn ping(&self, _: Request<PingRequest>) -> Result<Response<PongResponse>, Status> {
        Ok(Response::new(PongResponse {
            frontend_api_caps: capabilities::of_frontend(),
            llb_caps: capabilities::of_builds(),
            workers: vec![self.worker()],
        }))
    }

    async fn solve(
        &self,
        request: Request<SolveRequest>,
    ) -> Result<Response<SolveResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        refuse_policies(&request.source_policies)?;
        let definition = request.definition.filter(|d| !d.def.is_empty());
        if let (Some(_), Some(store)) = (&definition, request.cache_imports.first()) {
            return missing(&format!(
                "a cache of type={} for a definition of LLB",
                store.r#type
            ));
        }
        let (reference, metadata) = match (definition, request.frontend.as_str()) {
            (Some(definition), "") => {
                let id = self.definition_result(&job, &definition).await?;
                let def = Some(definition);
                (Some(Ref { id, def }), HashMap::new())
            }
            (Some(_), frontend) => {
                return Err(Status::invalid_argument(format!(
                    "a call has a definition or a frontend, not both: {frontend}"
                )));
            }
            // An empty filesystem has no reference.
            (None, "") => (None, HashMap::new()),
            (None, frontend) => {
                let options = &request.frontend_opt;
                let (id, metadata) = self
                    .frontend(&job, frontend, options, &request.frontend_inputs)
                    .await?;
                let image = job.built(&id).and_then(|built| built.image);
                let def = image.map(|image| inputs::of_image(image.as_str()));
                (Some(Ref { id, def }), metadata)
            }
        };
        Ok(Response::new(SolveResponse {
            result: Some(FrontendResult {
                metadata,
                attestations: HashMap::new(),
                result: reference.map(result::Result::Ref),
            }),
            ..SolveResponse::default()
        }))
    }

    async fn r#return(
        &self,
        request: Request<ReturnRequest>,
    ) -> Result<Response<ReturnResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        let end = match (request.error, request.result) {
            (Some(error), _) if error.code != 0 => {
                let code = tonic::Code::from(error.code);
                let details = prost::Message::encode_to_vec(&error);
                Err(Status::with_details(code, error.message, details.into()))
            }
            (_, result) => Ok(result.map(returned).unwrap_or_default()),
        };
        job.end(end);
        Ok(Response::new(ReturnResponse {}))
    }

    async fn warn(&self, request: Request<WarnRequest>) -> Result<Response<WarnResponse>, Status> {
        let job = self.job(&request).await?;
        let warning = request.into_inner();
        job.log.tell(StatusResponse {
            warnings: vec![VertexWarning {
                vertex: warning.digest,
                level: warning.level,
                short: warning.short,
                detail: warning.detail,
                url: warning.url,
                info: warning.info,
                ranges: warning.ranges,
            }],
            ..StatusResponse::default()
        });
        Ok(Response::new(WarnResponse {}))
    }

    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        // A result is there as soon as it has a reference.
        let job = self.job(&request).await?;
        let name = request.into_inner().r#ref;
        match job.result(&name) {
            Some(_) => Ok(Response::new(EvaluateResponse {})),
            None => Err(Status::not_found(format!("no such ref: {name}"))),
        }
    }

    async fn inputs(
        &self,
        request: Request<InputsRequest>,
    ) -> Result<Response<InputsResponse>, Status> {
        let job = self.job(&request).await?;
        Ok(Response::new(InputsResponse {
            definitions: job.request.frontend_inputs.clone(),
        }))
    }

    async fn resolve_image_config(
        &self,
        request: Request<ResolveImageConfigRequest>,
    ) -> Result<Response<ResolveImageConfigResponse>, Status> {
        self.image_config(request).await
    }

    async fn resolve_source_meta(
        &self,
        request: Request<ResolveSourceMetaRequest>,
    ) -> Result<Response<ResolveSourceMetaResponse>, Status> {
        self.source_meta(request).await
    }

    async fn read_file(
        &self,
        request: Request<ReadFileRequest>,
    ) -> Result<Response<ReadFileResponse>, Status> {
        self.file_of(request).await
    }

    async fn read_dir(
        &self,
        request: Request<ReadDirRequest>,
    ) -> Result<Response<ReadDirResponse>, Status> {
        self.files_in(request).await
    }

    async fn stat_file(
        &self,
        request: Request<StatFileRequest>,
    ) -> Result<Response<StatFileResponse>, Status> {
        self.told_of(request).await
    }

    async fn new_container(
        &self,
        _: Request<NewContainerRequest>,
    ) -> Result<Response<NewContainerResponse>, Status> {
        missing("a container of a result")
    }

    async fn release_container(
        &self,
        _: Request<ReleaseContainerRequest>,
    ) -> Result<Response<ReleaseContainerResponse>, Status> {
        missing("a container of a result")
    }

    async fn exec_process(
        &self,
        _: Request<Streaming<ExecMessage>>,
    ) -> Result<Response<Self::ExecProcessStream>, Status> {
        missing("a container of a result")
    }

    async fn read_file_container(
        &self,
        _: Request<ReadFileRequest>,
    ) -> Result<Response<ReadFileResponse>, Status> {
        missing("a container of a result")
    }

    async fn read_dir_container(
        &self,
        _: Request<ReadDirRequest>,
    ) -> Result<Response<ReadDirResponse>, Status> {
        missing("a container of a result")
    }

    async fn stat_file_container(
        &self,
        _: Request<StatFileRequest>,
    ) -> Result<Response<StatFileResponse>, Status> {
        missing("a container of a result")
    }
}

/// What a client says that a build came to: references by their platforms, and what else it knows of them.
fn returned(result: FrontendResult) -> Returned {
    let one = |name: String| vec![(None, name)];
    let mut results = match result.result {
        None => Vec::new(),
        Some(result::Result::RefDeprecated(name)) => one(name),
        Some(result::Result::Ref(reference)) => one(reference.id),
        Some(result::Result::RefsDeprecated(all)) => all
            .refs
            .into_iter()
            .map(|(platform, name)| (Some(platform), name))
            .collect(),
        Some(result::Result::Refs(all)) => all
            .refs
            .into_iter()
            .map(|(platform, reference)| (Some(platform), reference.id))
            .collect(),
    };
    results.retain(|(_, name)| !name.is_empty());
    results.sort();
    Returned {
        results,
        metadata: result.metadata,
    }
}
