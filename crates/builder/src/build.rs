//! The story of a build.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use gantry_dockerfile::{
    BuildOptions, CheckInput, Dockerfile, Globals, Graph, Platform, Scope, Source, check,
    detect_syntax, parse_trigger,
};
use gantry_engine::Engine;
use gantry_image::NewImage;
use gantry_oci::ImageConfig;
use gantry_reference::{ImageId, Reference};
use tokio::sync::{OnceCell, RwLock};
use tokio::task::JoinSet;

use crate::cache::Cache;
use crate::cache_mounts::CacheMounts;
use crate::progress::Teller;
use crate::stage::{Stage, now};
use crate::steps::{Steps, wanted_paths};
use crate::{Context, Definition, Error, Event, Files, Report, Request, Told, Warning};

/// Builds images; a clone is the same builder.
#[derive(Clone)]
pub struct Builder(pub(crate) Arc<Inner>);

/// What all builds share.
pub struct Inner {
    pub(crate) engine: Engine,
    pub(crate) cache: Cache,
    pub(crate) cache_mounts: CacheMounts,
    /// Contexts and whatever else a build needs for a while.
    pub(crate) folder: PathBuf,
    /// Builds read, pruning writes.
    pub(crate) pruning: RwLock<()>,
}

impl std::ops::Deref for Builder {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A finished build.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// The image; of several platforms, the first one's. There is none where only the Dockerfile was asked about.
    pub image: Option<ImageId>,
    /// What exports tell of what they made, by BuildKit's names: `containerimage.digest` and so on.
    pub told: BTreeMap<String, String>,
    /// The answer about the Dockerfile, by BuildKit's names: `result.json`, `result.txt`, `result.statuscode`.
    pub answer: BTreeMap<String, Vec<u8>>,
}

/// A stage that is being built, for all who need it.
pub(crate) type Stages =
    BTreeMap<usize, Shared<BoxFuture<'static, Result<Arc<Stage>, Arc<Error>>>>>;

/// One build.
pub(crate) struct Work {
    pub builder: Builder,
    pub request: Request,
    /// The platform that this is for, if not this machine's.
    pub platform: Option<String>,
    files: Arc<dyn Files>,
    context: OnceCell<Arc<Context>>,
    pub file: Dockerfile,
    pub options: BuildOptions,
    pub globals: Globals,
    pub graph: Graph,
    pub report: Report,
    pub steps: Steps,
    needed: Vec<usize>,
}

impl Builder {
    /// Opens the cache below the engine's data root; what an interrupted build left is removed.
    pub fn open(engine: &Engine, data_root: &std::path::Path) -> Result<Self, Error> {
        let root = data_root.join("build");
        let folder = root.join("work");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(Error::file("clear", &folder))?;
        }
        std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Ok(Self(Arc::new(Inner {
            engine: engine.clone(),
            cache: Cache::open(root.join("keys"))?,
            cache_mounts: CacheMounts::open(root.join("mounts"))?,
            folder,
            pruning: RwLock::new(()),
        })))
    }

    /// Where contexts are unpacked.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Builds an image. Dropping the future ends the build and what it runs.
    pub async fn build(
        &self,
        request: Request,
        definition: Definition,
        report: Report,
    ) -> Result<Built, Error> {
        let _not_pruned = self.pruning.read().await;
        request.supported()?;
        let names = named(&request.tags)?;
        let (work, target) = Work::new(self, request, definition, report)?;
        let work = Arc::new(work);
        let (stages, _driven) = work.begin();
        let last = match stages.get(&target) {
            Some(stage) => stage.clone().await.map_err(Error::Stage)?,
            None => return Err(Error::Invalid("nothing to build".to_owned())),
        };
        let image = work.put_down(&last, &names)?;
        Ok(Built {
            image: Some(image),
            ..Built::default()
        })
    }
}

impl Work {
    fn new(
        builder: &Builder,
        request: Request,
        definition: Definition,
        report: Report,
    ) -> Result<(Self, usize), Error> {
        refuse_foreign_frontends(&definition.dockerfile)?;
        let file = Dockerfile::parse(&definition.dockerfile)?;
        let platform = |text: &str| {
            Platform::parse(text).map_err(|problem| Error::Invalid(problem.to_string()))
        };
        let host = Platform::default();
        let wanted = request.platforms.first().cloned();
        let options = BuildOptions {
            build_args: request.build_args.clone(),
            target_platform: wanted.as_deref().map(platform).transpose()?.unwrap_or(host),
            target: request.target.clone(),
            ..BuildOptions::default()
        };
        let globals = Globals::new(&file, &options)?;
        let graph = Graph::new(&file, &globals)?;
        let target = graph.target(request.target.as_deref())?;
        let input = CheckInput {
            options: options.clone(),
            ignore: Some(&definition.ignore),
            ..CheckInput::default()
        };
        let checked = check(&file, &input)?;
        for finding in &checked.findings {
            report(Event::Warning(Warning {
                check: Some(finding.check),
                message: finding.message.clone(),
                span: Some(finding.span),
            }));
        }
        if let Some(error) = checked.error() {
            return Err(Error::Invalid(error));
        }
        let needed = graph.needed(target)?;
        let steps = Steps::plan(&file, &graph, &needed);
        report(Event::Planned(steps.planned.clone()));
        let work = Self {
            builder: builder.clone(),
            request,
            platform: wanted,
            files: definition.files,
            context: OnceCell::new(),
            file,
            options,
            globals,
            graph,
            report,
            steps,
            needed,
        };
        Ok((work, target))
    }

    /// Begins all stages that the target needs; each waits for those that it needs itself.
    ///
    /// The set drives them: dropped, it ends them.
    fn begin(self: &Arc<Self>) -> (Stages, JoinSet<()>) {
        let mut stages = Stages::new();
        for &index in &self.needed {
            let (work, before) = (Arc::clone(self), stages.clone());
            // A task of its own, so that independent stages run on several threads.
            let task = async move {
                let task = Task(tokio::spawn(
                    async move { work.stage(index, &before).await },
                ));
                task.join().await.map(Arc::new).map_err(Arc::new)
            };
            stages.insert(index, task.boxed().shared());
        }
        // Begun now, not when somebody waits for them.
        let mut driven = JoinSet::new();
        for stage in stages.values() {
            driven.spawn(stage.clone().map(drop));
        }
        (stages, driven)
    }

    async fn stage(&self, index: usize, stages: &Stages) -> Result<Stage, Error> {
        let number = self.steps.number(index);
        let from = &self.file.stages[index].from;
        self.step(number, &from.source);
        let begun = self.first(index, stages).await;
        let (mut stage, triggers) = begun.map_err(|e| e.at(from.span))?;
        for (trigger, expression) in &triggers {
            (self.report)(Event::Warning(Warning {
                check: None,
                message: format!("ONBUILD {expression}"),
                span: None,
            }));
            self.instruction(&mut stage, index, None, trigger, stages)
                .await?;
        }
        let own = self.graph.instructions(index);
        // Those that ONBUILD of a stage below left stand in front and have no number.
        let inherited = own.len() - self.file.stages[index].instructions.len();
        for (place, instruction) in own.iter().enumerate() {
            if place >= inherited {
                self.step(number + 1 + place - inherited, &instruction.source);
            }
            self.instruction(&mut stage, index, Some(place), instruction, stages)
                .await
                .map_err(|e| e.at(instruction.span))?;
        }
        Ok(stage)
    }

    fn step(&self, number: usize, text: &str) {
        (self.report)(Event::Instruction {
            number,
            of: self.steps.instructions,
            text: text.to_owned(),
        });
    }

    /// What a stage begins with, and the instructions that its image brings along.
    async fn first(
        &self,
        index: usize,
        stages: &Stages,
    ) -> Result<(Stage, Vec<(gantry_dockerfile::Instruction, String)>), Error> {
        let from = &self.file.stages[index].from;
        let platform = match &from.platform {
            Some(word) => {
                let expanded = self.globals.expand(word);
                let problem = |p| gantry_dockerfile::Error::at(p, from.span);
                Some(expanded.map_err(problem)?.text)
            }
            None => self.platform.clone(),
        };
        match self.graph.stage_base(index) {
            Some(Source::Stage(below)) => {
                let below = self.built(*below, stages).await?;
                let mut stage = (*below).clone();
                stage.scope = below.scope.on_stage();
                stage.command_set = false;
                stage.config.config.on_build.clear();
                Ok((stage, Vec::new()))
            }
            Some(Source::Image(name)) => {
                let teller = match self.steps.of_base(index) {
                    Some(step) => Teller::begin(&self.report, step),
                    None => Teller::silent(&self.report),
                };
                let base = self
                    .builder
                    .base(name, platform.as_deref(), &self.request, &teller)
                    .await;
                let image = teller.end(base)?;
                let mut config = (*image.config).clone();
                let mut triggers = Vec::new();
                for expression in std::mem::take(&mut config.config.on_build) {
                    triggers.push((parse_trigger(&expression, from.span)?, expression));
                }
                let stage = Stage {
                    layers: image.layers.clone(),
                    scope: Scope::on_image(&self.file, &config.config.env),
                    config,
                    keeper: Some(image.id.clone()),
                    command_set: false,
                    created: image.config.created.clone().unwrap_or_else(now),
                };
                Ok((stage, triggers))
            }
            _ => Ok((self.scratch(), Vec::new())),
        }
    }

    fn scratch(&self) -> Stage {
        let target = &self.options.target_platform;
        Stage {
            layers: Vec::new(),
            config: ImageConfig {
                os: target.os.clone(),
                architecture: target.architecture.clone(),
                variant: Some(target.variant.clone()).filter(|v| !v.is_empty()),
                config: gantry_oci::ContainerDefaults {
                    working_dir: "/".to_owned(),
                    ..gantry_oci::ContainerDefaults::default()
                },
                ..ImageConfig::default()
            },
            scope: Scope::on_image(&self.file, [""; 0]),
            keeper: None,
            command_set: false,
            created: now(),
        }
    }

    /// Waits for another stage.
    pub(crate) async fn built(&self, index: usize, stages: &Stages) -> Result<Arc<Stage>, Error> {
        match stages.get(&index) {
            Some(stage) => stage.clone().await.map_err(Error::Stage),
            None => Err(Error::Invalid(format!(
                "stage {index} is not built before it is used"
            ))),
        }
    }

    /// The context's files, brought when the first instruction needs them.
    pub(crate) async fn context(&self) -> Result<Arc<Context>, Error> {
        let bring = || async {
            let teller = match self.steps.context() {
                Some(step) => Teller::begin(&self.report, step),
                None => Teller::silent(&self.report),
            };
            let paths = wanted_paths(&self.graph, &self.needed);
            let part = teller.reporter();
            let brought = self.files.bring(&paths, &part).await;
            teller.end(brought)
        };
        self.context.get_or_try_init(bring).await.map(Arc::clone)
    }

    /// Makes the image of the last stage, and gives it its names.
    fn put_down(&self, stage: &Stage, names: &[Reference]) -> Result<ImageId, Error> {
        let teller = Teller::begin(&self.report, self.steps.output());
        let part = |name: String| {
            teller.tell(Told::Part {
                name,
                current: 0,
                total: 0,
                finished: true,
            });
        };
        let done = || {
            let image = self.install(stage)?;
            part(format!("writing image {image}"));
            (self.report)(Event::Done(image.clone()));
            for name in names {
                let tag = name.tag().unwrap_or_default();
                let images = &self.builder.engine.images;
                images.tag(image.as_str(), &name.repository(), tag)?;
                part(format!("naming to {name}"));
                (self.report)(Event::Tagged(name.familiar()));
            }
            Ok(image)
        };
        let done = done();
        teller.end(done)
    }

    /// Makes the image of the last stage.
    fn install(&self, stage: &Stage) -> Result<ImageId, Error> {
        let mut config = stage.finished();
        config.created = Some(stage.created.clone());
        config.config.labels.extend(self.request.labels.clone());
        let new = NewImage {
            base: stage.layers.clone(),
            config,
            parent: stage.keeper.clone(),
            name: None,
        };
        Ok(self.builder.engine.images.store().make_bare(new)?)
    }
}

/// A task that ends with whoever waits for it.
struct Task(tokio::task::JoinHandle<Result<Stage, Error>>);

impl Task {
    async fn join(mut self) -> Result<Stage, Error> {
        let done = (&mut self.0).await;
        done.unwrap_or_else(|error| Err(Error::CutOff(error.to_string())))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn named(tags: &[String]) -> Result<Vec<Reference>, Error> {
    let mut names = Vec::new();
    for tag in tags.iter().filter(|tag| !tag.is_empty()) {
        let mut name = Reference::parse(tag).map_err(gantry_image::Error::from)?;
        if name.tag().is_none() {
            let latest = name.with_tag(gantry_reference::DEFAULT_TAG);
            name = latest.map_err(gantry_image::Error::from)?;
        }
        names.push(name);
    }
    Ok(names)
}

/// `# syntax=docker/dockerfile` means what is built in; another frontend would be another program.
fn refuse_foreign_frontends(dockerfile: &[u8]) -> Result<(), Error> {
    match detect_syntax(dockerfile) {
        Some(syntax) if !is_own_frontend(&syntax) => Err(Error::NotSupported(format!(
            "the Dockerfile frontend \"{syntax}\""
        ))),
        _ => Ok(()),
    }
}

/// Whether an image is a release of the frontend that is built in.
pub fn is_own_frontend(image: &str) -> bool {
    let name = image.trim_start_matches("docker.io/");
    let own = [
        "docker/dockerfile",
        "docker/dockerfile-upstream",
        "dockerfile.v0",
    ];
    own.iter().any(|own| {
        name.strip_prefix(own)
            .is_some_and(|rest| matches!(rest.chars().next(), None | Some(':' | '@')))
    })
}

#[cfg(test)]
mod tests {
    use super::refuse_foreign_frontends;

    #[test]
    fn only_dockers_own_frontend_is_built_in() {
        for (syntax, fine) in [
            ("docker/dockerfile:1", true),
            ("docker.io/docker/dockerfile:1.7-labs", true),
            ("docker/dockerfile", true),
            ("docker/dockerfile-like:1", false),
            ("me/mine", false),
        ] {
            let file = format!("# syntax={syntax}\nFROM scratch\n");
            assert_eq!(
                refuse_foreign_frontends(file.as_bytes()).is_ok(),
                fine,
                "{syntax}"
            );
        }
    }
}
