//! What the part of a build that runs in the client calls.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use gantry_builder::{Asker, Definition, Error};
use tonic::{Request, Response, Status, Streaming};

use crate::attributes::{Attributes, Outputs, cache_from, cache_to, entitlements};
use crate::builds::Job;
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
use crate::proto::pb::Definition as LlbDefinition;
use crate::session::{Session, is_uploaded};
use crate::status::Teller;
use crate::{Server, capabilities, failure, inputs, local};

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

    /// Runs a frontend for a build; gives the result's reference.
    pub(crate) async fn frontend(
        &self,
        job: &Arc<Job>,
        frontend: &str,
        options: &HashMap<String, String>,
        inputs: &HashMap<String, LlbDefinition>,
    ) -> Result<(String, Metadata), Status> {
        let foreign = |name: &str| {
            let text = format!("the frontend {name} is not supported: only Dockerfiles are built");
            Err(Status::unimplemented(text))
        };
        match frontend {
            "dockerfile.v0" => {}
            // A Dockerfile's frontend, whichever release of it, is the one that is built in.
            "gateway.v0" => {
                let source = options
                    .get("source")
                    .map(String::as_str)
                    .unwrap_or_default();
                if !gantry_builder::is_own_frontend(source) {
                    return foreign(source);
                }
            }
            other => return foreign(other),
        }
        let work = self.dockerfile(job, options, inputs);
        tokio::select! {
            done = work => done,
            () = job.cancelled.cancelled() => Err(Status::cancelled("context canceled")),
        }
    }

    async fn dockerfile(
        &self,
        job: &Arc<Job>,
        options: &HashMap<String, String>,
        inputs: &HashMap<String, LlbDefinition>,
    ) -> Result<(String, Metadata), Status> {
        let unknown = failure::source("Dockerfile", &[]);
        let early = |error: Error| failure::status(&error, &unknown);
        let attributes = Attributes::new(options, inputs).map_err(early)?;
        let session = self.session_by_id(&job.request.session).await;
        let session = session.map_err(|error| early(error.into()))?;
        let definition = self.definition(job, &attributes, &session).await;
        let definition = definition.map_err(early)?;
        let source = failure::source(&definition.name, &definition.dockerfile);
        let request = self.request(job, &attributes, &session).await;
        let request = request.map_err(early)?;
        let part = options.get("target").cloned().unwrap_or_default();
        let teller = Teller::new(Arc::clone(job), source.clone(), part);
        let report = Arc::new(move |event| teller.take(event));
        let built = self.builder.build(request, definition, report).await;
        let built = built.map_err(|error| failure::status(&error, &source))?;
        let said = built.answer.clone().into_iter().collect();
        Ok((job.keep(built), said))
    }

    async fn request(
        &self,
        job: &Job,
        attributes: &Attributes<'_>,
        session: &Session,
    ) -> Result<gantry_builder::Request, Error> {
        let mut request = attributes.request(self, session).await?;
        let outputs = Outputs::of(&job.request.exporters)?;
        request.tags = outputs.tags;
        request.exports = outputs.exports;
        request.cache_to = cache_to(job.request.cache.as_ref());
        for store in cache_from(job.request.cache.as_ref()) {
            if !request.cache_from.contains(&store) {
                request.cache_from.push(store);
            }
        }
        request.entitlements = entitlements(&job.request.entitlements)?
            .into_iter()
            .collect();
        Ok(request)
    }

    /// The Dockerfile, and a way to the files.
    async fn definition(
        &self,
        job: &Arc<Job>,
        attributes: &Attributes<'_>,
        session: &Session,
    ) -> Result<Definition, Error> {
        let filename = attributes.get("filename").unwrap_or("Dockerfile");
        let context = attributes.get("contextkey").unwrap_or("context");
        let address = attributes.get(context).filter(|text| !text.is_empty());
        let loading = Loading::begin(job, filename);
        let definition = match address {
            Some(address) if is_uploaded(address) => {
                local::uploaded(self, session, address, filename).await
            }
            Some(address) => {
                let keep = attributes.get("build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR");
                let keep = keep.is_some_and(|value| matches!(value, "1" | "true"));
                let asker: Arc<dyn Asker> = Arc::new(session.clone());
                let brought = self
                    .builder
                    .remote_context(address, filename, keep, Some(&asker));
                brought.await
            }
            None => {
                let dockerfile = attributes.get("dockerfilekey").unwrap_or("dockerfile");
                let sources = local::Sources {
                    filename: filename.to_owned(),
                    dockerfile: self.folder(attributes, session, dockerfile).await?,
                    context: self.folder(attributes, session, context).await?,
                };
                sources.definition(self).await
            }
        };
        loading.end(definition)
    }

    /// A folder of a client: the session that has it, and its name there.
    async fn folder(
        &self,
        attributes: &Attributes<'_>,
        session: &Session,
        name: &str,
    ) -> Result<(Session, String), Error> {
        let session = match attributes.session_of(name) {
            Some(id) => self.session_by_id(id).await?,
            None => session.clone(),
        };
        Ok((session, name.to_owned()))
    }
}

/// The step in which the Dockerfile is loaded.
struct Loading<'a> {
    job: &'a Arc<Job>,
    vertex: crate::proto::moby::buildkit::v1::Vertex,
}

impl<'a> Loading<'a> {
    fn begin(job: &'a Arc<Job>, filename: &str) -> Self {
        let vertex = crate::proto::moby::buildkit::v1::Vertex {
            digest: crate::status::vertex_digest(&format!("{} {filename}", job.reference)),
            name: format!("[internal] load build definition from {filename}"),
            started: Some(crate::status::now()),
            ..Default::default()
        };
        let loading = Self { job, vertex };
        loading.tell();
        loading
    }

    fn tell(&self) {
        self.job.log.tell(StatusResponse {
            vertexes: vec![self.vertex.clone()],
            ..StatusResponse::default()
        });
    }

    fn end(mut self, definition: Result<Definition, Error>) -> Result<Definition, Error> {
        self.vertex.completed = Some(crate::status::now());
        if let Err(error) = &definition {
            self.vertex.error = error.in_buildkits_words();
        }
        self.tell();
        definition
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
        if request.definition.is_some_and(|d| !d.def.is_empty()) {
            return missing("solving an LLB definition");
        }
        let (id, metadata) = self
            .frontend(
                &job,
                &request.frontend,
                &request.frontend_opt,
                &request.frontend_inputs,
            )
            .await?;
        let image = job.result(&id).and_then(|built| built.image);
        let def = image.map(|image| inputs::of_image(image.as_str()));
        let reference = Ref { id, def };
        Ok(Response::new(SolveResponse {
            result: Some(FrontendResult {
                metadata,
                attestations: HashMap::new(),
                result: Some(result::Result::Ref(reference)),
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
            (_, result) => Ok(result.and_then(|result| name_of(result.result?))),
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

    async fn inputs(&self, _: Request<InputsRequest>) -> Result<Response<InputsResponse>, Status> {
        Ok(Response::new(InputsResponse::default()))
    }

    async fn resolve_image_config(
        &self,
        _: Request<ResolveImageConfigRequest>,
    ) -> Result<Response<ResolveImageConfigResponse>, Status> {
        missing("resolving an image for a frontend in the client")
    }

    async fn resolve_source_meta(
        &self,
        _: Request<ResolveSourceMetaRequest>,
    ) -> Result<Response<ResolveSourceMetaResponse>, Status> {
        missing("resolving a source for a frontend in the client")
    }

    async fn read_file(
        &self,
        _: Request<ReadFileRequest>,
    ) -> Result<Response<ReadFileResponse>, Status> {
        missing("reading files of a result")
    }

    async fn read_dir(
        &self,
        _: Request<ReadDirRequest>,
    ) -> Result<Response<ReadDirResponse>, Status> {
        missing("reading directories of a result")
    }

    async fn stat_file(
        &self,
        request: Request<StatFileRequest>,
    ) -> Result<Response<StatFileResponse>, Status> {
        let job = self.job(&request).await?;
        let request = request.into_inner();
        // Older clients ask for the root to have a result evaluated.
        if request.path == "." && job.result(&request.r#ref).is_some() {
            return Ok(Response::new(StatFileResponse::default()));
        }
        missing("looking at files of a result")
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

/// The reference that a result names.
fn name_of(result: result::Result) -> Option<String> {
    let name = match result {
        result::Result::RefDeprecated(name) => name,
        result::Result::Ref(reference) => reference.id,
        result::Result::RefsDeprecated(all) => all.refs.into_values().next()?,
        result::Result::Refs(all) => all.refs.into_values().next()?.id,
    };
    Some(name).filter(|name| !name.is_empty())
}
