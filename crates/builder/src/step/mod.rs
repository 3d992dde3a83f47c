//! One instruction of a stage.

mod debug;
mod files;
mod foreign;
mod mounts;
mod run;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use gantry_dockerfile::{Applied, Instruction, Kind, Source};
use gantry_reference::{Digest, ImageId};

use crate::build::{Stages, Work};
use crate::cache::{Hit, Record};
use crate::configure;
use crate::mounts::BindSource;
use crate::named::Found;
use crate::progress::Teller;
use crate::stage::{Stage, now};
use crate::{Error, Told, history};
use files::is_remote;
pub(crate) use mounts::take_cache;
pub(crate) use run::PROXIES;

/// Where in the build an instruction is.
struct Here<'a> {
    index: usize,
    place: Option<usize>,
    stages: &'a Stages,
    instruction: &'a Instruction,
    applied: &'a Applied,
    teller: &'a Teller,
}

/// The layer of an instruction.
enum Layer {
    /// It was made from the same before.
    Kept {
        /// What it was made from.
        key: Digest,
        /// The layer.
        hit: Hit,
    },
    /// It was just made.
    New {
        /// What it was made from.
        key: Digest,
        /// The nameless image whose topmost layer it is.
        image: ImageId,
    },
}

impl Work {
    /// Carries out an instruction; `place` is its place in the stage, if it is the file's own.
    pub(crate) async fn instruction(
        &self,
        stage: &mut Stage,
        index: usize,
        place: Option<usize>,
        instruction: &Instruction,
        stages: &Stages,
    ) -> Result<(), Error> {
        let applied = stage
            .scope
            .apply(instruction, &self.globals, &self.options)?;
        // A step begins when what it takes from is there, and never if that failed.
        self.inputs(index, place, &applied, stages).await?;
        let step = place.and_then(|place| self.steps.of(index, place));
        let teller = match step {
            Some(step) => Teller::begin(&self.report, step),
            None => Teller::silent(&self.report),
        };
        let here = Here {
            index,
            place,
            stages,
            instruction,
            applied: &applied,
            teller: &teller,
        };
        let done = self.carry_out(stage, &here).await;
        teller.end(done)
    }

    /// Waits for the stages and the files that an instruction takes from.
    async fn inputs(
        &self,
        index: usize,
        place: Option<usize>,
        applied: &Applied,
        stages: &Stages,
    ) -> Result<(), Error> {
        for dependency in self.graph.stage_dependencies(index) {
            if let Source::Stage(from) = dependency.source
                && Some(dependency.instruction) == place
            {
                self.built(from, stages).await?;
            }
        }
        let from_context = match &applied.kind {
            Kind::Copy(copy) => copy.from.is_none() && !copy.sources.paths.is_empty(),
            Kind::Add(add) => add.sources.paths.iter().any(|path| !is_remote(path)),
            _ => false,
        };
        if from_context {
            self.context().await?;
        }
        Ok(())
    }

    async fn carry_out(&self, stage: &mut Stage, here: &Here<'_>) -> Result<(), Error> {
        let (instruction, applied) = (here.instruction, here.applied);
        match &applied.kind {
            Kind::Run(run) => self.run(stage, run, here).await,
            Kind::Copy(copy) => self.copy(stage, copy, here).await,
            Kind::Add(add) => self.add(stage, add, here).await,
            Kind::Workdir(path) => self.workdir(stage, path, here).await,
            Kind::Maintainer(name) => {
                stage.config.author = Some(name.clone());
                stage.note(history::of(instruction, applied, &[]));
                Ok(())
            }
            kind => {
                configure::apply(applied, &mut stage.config.config, &mut stage.command_set)?;
                // As BuildKit: what waits for another build is not told.
                if !matches!(kind, Kind::Onbuild(_)) {
                    let shell = configure::shell(&stage.config.config);
                    stage.note(history::of(instruction, applied, &shell));
                }
                Ok(())
            }
        }
    }

    /// Whether the layers of a stage are made anew, whatever is there.
    fn is_made_anew(&self, stage: usize) -> bool {
        let stages = &self.request.no_cache_stages;
        let name = self.file.stages[stage].from.name.as_deref();
        self.request.no_cache
            || name.is_some_and(|name| stages.contains(name))
            || stages.contains(&stage.to_string())
    }

    /// Takes a layer that was made from the same before.
    fn kept(&self, key: &Digest, here: &Here<'_>) -> Option<Layer> {
        if self.is_made_anew(here.index) {
            return None;
        }
        let hit = self.builder.look_up(key)?;
        Some(Layer::Kept {
            key: key.clone(),
            hit,
        })
    }

    /// Puts a layer on top of a stage, and remembers it if it is new.
    fn put(
        &self,
        stage: &mut Stage,
        layer: Layer,
        described: String,
        teller: &Teller,
    ) -> Result<(), Error> {
        let (key, image) = match layer {
            Layer::Kept { key, hit } => {
                teller.tell(Told::Cached);
                stage.add(hit.layer, hit.keeper);
                stage.remember(&key, &hit.created, &described);
                stage.note_layer(described, &hit.created);
                return Ok(());
            }
            Layer::New { key, image } => (key, image),
        };
        let made = self.builder.engine.images.store().get(&image)?;
        let Some(layer) = made.layers.last().cloned() else {
            return Err(Error::CutOff("an instruction made no layer".to_owned()));
        };
        let record = Record {
            layer: layer.to_string(),
            image: image.to_string(),
            created: now(),
            description: described.clone(),
        };
        self.builder.cache.keep(&key, &record);
        teller.tell(Told::Layer(layer.to_string()));
        stage.add(layer, image);
        stage.remember(&key, &record.created, &described);
        stage.note_layer(described, &record.created);
        Ok(())
    }

    /// The files of another stage, an image or a named context.
    async fn files_of(
        &self,
        name: &str,
        mount: Option<usize>,
        here: &Here<'_>,
    ) -> Result<BindSource, Error> {
        let known = here.place.and_then(|place| {
            let mut all = self.graph.stage_dependencies(here.index).iter();
            all.find(|d| d.instruction == place && d.mount == mount)
        });
        // A trigger of a base image means stages by their names, too.
        let stage = match known.map(|d| &d.source) {
            Some(Source::Stage(index)) => Some(*index),
            Some(_) => None,
            None => {
                let names = self.file.stages.iter().take(here.index);
                names
                    .clone()
                    .rposition(|s| s.from.name.as_deref() == Some(&name.to_lowercase()))
            }
        };
        if let Some(index) = stage {
            let stage = self.built(index, here.stages).await?;
            return Ok(match &stage.files {
                // Files that a build gives need not become a layer to be taken from.
                Some(context) => BindSource::Context(Arc::clone(context)),
                None => BindSource::Layers(stage.layers.clone()),
            });
        }
        let platform = self.platform.as_deref();
        match self.named(name, platform, here.teller).await? {
            Some(Found::Folder(context)) => return Ok(BindSource::Context(context)),
            Some(Found::Image(image)) => return Ok(BindSource::Layers(image.layers.clone())),
            None if name == "scratch" => return Ok(BindSource::Layers(Vec::new())),
            None => {}
        }
        let base = self
            .builder
            .base(name, platform, &self.request, here.teller)
            .await?;
        self.takes_image(name, &base);
        Ok(BindSource::Layers(base.layers))
    }

    /// The root of layers, to be read.
    fn view(&self, layers: &[Digest]) -> Result<OwnedFd, Error> {
        let store = self.builder.engine.images.store();
        Ok(store.snapshotter().view(layers)?.root)
    }
}

fn working_dir_of(stage: &Stage) -> String {
    let own = &stage.config.config.working_dir;
    if own.is_empty() {
        "/".to_owned()
    } else {
        own.clone()
    }
}

/// Runs work that waits for the disk on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::CutOff(error.to_string())))
}
