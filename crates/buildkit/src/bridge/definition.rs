//! Definitions that clients and their frontends made, solved for a build.

use std::collections::HashMap;
use std::sync::Arc;

use gantry_builder::operations::{BuiltState, Solver};
use gantry_builder::{Asker, Built, Error, Filesystem, Request};
use tonic::Status;

use crate::attributes::{Outputs, cache_from, cache_to, entitlements};
use crate::builds::{Job, Outcome, Returned};
use crate::proto::pb::Definition;
use crate::session::Session;
use crate::status::Teller;
use crate::{Server, failure, llb};

/// Under this name, with a platform behind it or not, a frontend says what an image's configuration is.
const CONFIG: &str = "containerimage.config";

impl Server {
    /// Solves a definition for a call of a client; gives the result's reference.
    pub(crate) async fn definition_result(
        &self,
        job: &Arc<Job>,
        definition: &Definition,
    ) -> Result<String, Status> {
        let solved = tokio::select! {
            solved = self.solved(job, definition) => solved,
            () = job.cancelled.cancelled() => return Err(Status::cancelled("context canceled")),
        };
        let unknown = failure::source("", &[]);
        let files = solved.map_err(|error| failure::status(&error, &unknown))?;
        Ok(job.keep(Outcome::Files(files)))
    }

    /// The filesystem that a definition means.
    pub(crate) async fn solved(
        &self,
        job: &Arc<Job>,
        definition: &Definition,
    ) -> Result<Filesystem, Error> {
        let session = self.session_of(job).await?;
        match llb::read(self, session.as_ref(), definition).await? {
            None => Ok(self.builder.nothing()),
            Some(graph) => {
                let solver = self.solver(job).await?;
                solver.solve(graph.operations, &graph.result).await
            }
        }
    }

    /// What carries out the operations of a build, each once.
    async fn solver(&self, job: &Arc<Job>) -> Result<Arc<Solver>, Error> {
        if let Some(solver) = job.solver() {
            return Ok(solver);
        }
        let request = self.request_of_definition(job).await?;
        let teller = Teller::new(
            // The solver belongs to the job and is given up with it.
            Arc::clone(job),
            failure::source("", &[]),
            "llb".to_owned(),
        );
        let report = Arc::new(move |event| teller.take(event));
        let solver = Arc::new(Solver::new(&self.builder, request, report));
        Ok(job.keep_solver(solver))
    }

    /// What a build is, of which no frontend of ours knows more.
    pub(super) async fn request_of_definition(&self, job: &Arc<Job>) -> Result<Request, Error> {
        let session = self.session_of(job).await?;
        let caches = job.request.cache.as_ref();
        if let Some(store) = cache_to(caches)
            .into_iter()
            .chain(cache_from(caches))
            .next()
        {
            return Err(Error::NotSupported(format!(
                "a cache of type={} for a definition of LLB",
                store.kind
            )));
        }
        Ok(Request {
            asker: session.map(|session| Arc::new(session) as Arc<dyn Asker>),
            entitlements: entitlements(&job.request.entitlements)?
                .into_iter()
                .collect(),
            ..Request::default()
        })
    }

    /// The session of a build's client; one that needs none has none.
    async fn session_of(&self, job: &Job) -> Result<Option<Session>, Error> {
        match job.request.session.as_str() {
            "" => Ok(None),
            id => Ok(Some(self.session_by_id(id).await?)),
        }
    }

    /// Makes what a build asks for of the filesystems that its client returned; `None` if it asks for nothing.
    pub(crate) async fn deliver(
        &self,
        job: &Arc<Job>,
        returned: &Returned,
    ) -> Result<Option<Built>, Status> {
        let unknown = failure::source("", &[]);
        let told = |error: Error| failure::status(&error, &unknown);
        let states = states(job, returned);
        if states.is_empty() || job.request.exporters.is_empty() {
            return Ok(None);
        }
        let outputs = Outputs::of(&job.request.exporters).map_err(told)?;
        let request = Request {
            tags: outputs.tags,
            exports: outputs.exports,
            ..self.request_of_definition(job).await.map_err(told)?
        };
        let source = failure::source("", &[]);
        let teller = Teller::new(Arc::clone(job), source, "export".to_owned());
        let report = Arc::new(move |event| teller.take(event));
        tokio::select! {
            built = self.builder.deliver(request, states, report) => Ok(Some(built.map_err(told)?)),
            () = job.cancelled.cancelled() => Err(Status::cancelled("context canceled")),
        }
    }
}

/// The filesystems among what was returned, with their images' configurations.
fn states(job: &Job, returned: &Returned) -> Vec<BuiltState> {
    let states = returned.results.iter().filter_map(|(platform, name)| {
        let Some(Outcome::Files(files)) = job.result(name) else {
            return None;
        };
        let config = |key: &str| returned.metadata.get(key).cloned();
        let own = platform
            .as_ref()
            .and_then(|of| config(&format!("{CONFIG}/{of}")));
        Some(BuiltState {
            platform: platform.clone(),
            files,
            config: own.or_else(|| config(CONFIG)),
        })
    });
    states.collect()
}

/// The configuration of an input's image, as clients send it beside the definition: JSON with texts in base64.
pub(crate) fn config_of_input(metadata: Option<&str>) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let all: HashMap<String, String> = serde_json::from_str(metadata?).ok()?;
    base64::engine::general_purpose::STANDARD
        .decode(all.get(CONFIG)?)
        .ok()
}
