//! What graphs of operations came to, as images and files.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gantry_dockerfile::{Ignore, Scope};
use gantry_oci::ImageConfig;
use gantry_reference::ImageId;
use tokio::sync::OnceCell;

use super::layers::layers_of;
use crate::build::{Input, Work};
use crate::export::{self, Outcome};
use crate::mounts::BindSource;
use crate::stage::{Stage, now, step_image};
use crate::{Builder, Built, Context, Definition, Error, Files, Filesystem, Report, Request, Told};

/// As Docker has it for images that say nothing.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A filesystem that becomes a build's result.
#[derive(Debug, Clone)]
pub struct BuiltState {
    /// The platform that it is for, if not this machine's.
    pub platform: Option<String>,
    /// The files.
    pub files: Filesystem,
    /// The configuration of its image as JSON; without one it says nothing.
    pub config: Option<Vec<u8>>,
}

impl Builder {
    /// A filesystem without files.
    pub fn nothing(&self) -> Filesystem {
        Filesystem::of_layers(self, Vec::new())
    }

    /// A nameless image of layers, for a build that begins with it; its configuration is JSON.
    pub fn image_of(&self, files: &Filesystem, config: Option<&[u8]>) -> Result<ImageId, Error> {
        let BindSource::Layers(layers) = &files.source else {
            return Err(Error::Invalid("a folder is no image".to_owned()));
        };
        let mut new = step_image(layers.clone());
        if let Some(text) = config {
            new.config = read(text)?;
        }
        Ok(self.engine.images.store().make_bare(new)?)
    }

    /// Makes what the request asks for of filesystems, one for each platform.
    pub async fn deliver(
        &self,
        request: Request,
        states: Vec<BuiltState>,
        report: Report,
    ) -> Result<Built, Error> {
        let _not_pruned = self.pruning.read().await;
        request.supported(&self.settings.entitlements)?;
        if let Some(kind) = request.attestations.keys().next() {
            return Err(Error::NotSupported(format!(
                "the attestation {kind} of a definition's result"
            )));
        }
        let started = now();
        let mut outcomes = Vec::new();
        let definition = nothing();
        for state in states {
            let input = Input {
                definition: &definition,
                platform: state.platform.clone(),
                context: Arc::new(OnceCell::new()),
            };
            let (work, _) = Work::new(self, &request, input, Arc::clone(&report))?;
            let stage = Arc::new(stage(&work, &state, self).await?);
            outcomes.push(Outcome {
                work: Arc::new(work),
                stage,
            });
        }
        let mut built = export::deliver(&request, &outcomes, started).await?;
        // What is known of how a Dockerfile was built says nothing here.
        built.provenance.clear();
        Ok(built)
    }
}

async fn stage(work: &Work, state: &BuiltState, builder: &Builder) -> Result<Stage, Error> {
    let mut stage = work.scratch();
    match &state.config {
        Some(text) => {
            let config = read(text)?;
            stage.created = config.created.clone().unwrap_or_else(now);
            stage.config = config;
        }
        None => stage.config.config.env = vec![PATH.to_owned()],
    }
    stage.scope = Scope::on_image(&work.file, &stage.config.config.env);
    stage.layers = layers_of(builder, &state.files).await?;
    Ok(stage)
}

fn read(config: &[u8]) -> Result<ImageConfig, Error> {
    serde_json::from_slice(config)
        .map_err(|error| Error::Invalid(format!("the configuration of a result's image: {error}")))
}

/// Exports belong to the build of a file: this one says nothing.
fn nothing() -> Definition {
    Definition {
        name: String::new(),
        dockerfile: b"FROM scratch\n".to_vec(),
        ignore: Ignore::default(),
        files: Arc::new(NoFiles),
    }
}

/// A context that nobody takes files from.
#[derive(Debug)]
struct NoFiles;

impl Files for NoFiles {
    fn bring<'a>(
        &'a self,
        _paths: &'a [String],
        _part: &'a (dyn Fn(Told) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arc<Context>, Error>> {
        let why = "the result of a definition has no context";
        Box::pin(std::future::ready(Err(Error::Invalid(why.to_owned()))))
    }
}
