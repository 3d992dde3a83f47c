//! The frontend that is built in: Dockerfiles.

use std::collections::HashMap;
use std::sync::Arc;

use gantry_builder::{Asker, Definition, Error};
use gantry_dockerfile::Ignore;
use tonic::Status;

use super::Metadata;
use crate::attributes::{Attributes, Outputs, cache_from, cache_to, entitlements};
use crate::builds::{Job, Outcome};
use crate::proto::moby::buildkit::v1::StatusResponse;
use crate::proto::pb::Definition as LlbDefinition;
use crate::session::{Session, is_uploaded};
use crate::status::Teller;
use crate::{Server, failure, local};

impl Server {
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
        Ok((job.keep(Outcome::Built(built)), said))
    }

    async fn request(
        &self,
        job: &Arc<Job>,
        attributes: &Attributes<'_>,
        session: &Session,
    ) -> Result<gantry_builder::Request, Error> {
        let mut request = attributes.request(self, job, session).await?;
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
        let dockerfile = attributes.get("dockerfilekey").unwrap_or("dockerfile");
        let address = attributes.get(context).filter(|text| !text.is_empty());
        if attributes.input(context).is_some() || attributes.input(dockerfile).is_some() {
            return self
                .definition_of_inputs(job, attributes, (dockerfile, context), filename)
                .await;
        }
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

    /// The Dockerfile and the context are what other operations came to.
    async fn definition_of_inputs(
        &self,
        job: &Arc<Job>,
        attributes: &Attributes<'_>,
        (dockerfile, context): (&str, &str),
        filename: &str,
    ) -> Result<Definition, Error> {
        let (file, files) = (attributes.input(dockerfile), attributes.input(context));
        // Either of them may hold both.
        let file = match file.or(files) {
            Some(definition) => self.solved(job, definition).await?,
            None => return Err(Error::Invalid("there is no Dockerfile".to_owned())),
        };
        let files = match files {
            Some(definition) => self.solved(job, definition).await?,
            None => file.clone(),
        };
        let loading = Loading::begin(job, filename);
        let name = filename.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            let dockerfile = file
                .read(&name, None)
                .map_err(|error| Error::Invalid(format!("failed to read dockerfile: {error}")))?;
            let own = file.read(&format!("{name}.dockerignore"), None);
            let ignore = own.or_else(|_| files.read(".dockerignore", None));
            let ignore = Ignore::parse(&ignore.unwrap_or_default())
                .map_err(|problem| Error::Invalid(format!("the .dockerignore: {problem}")))?;
            Ok(Definition {
                name,
                dockerfile,
                files: Arc::new(files.context(ignore.clone())?),
                ignore,
            })
        });
        let read = read.await;
        loading.end(read.unwrap_or_else(|error| Err(Error::CutOff(error.to_string()))))
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
