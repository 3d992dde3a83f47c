//! The story of a build.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use gantry_dockerfile::{
    BuildOptions, CheckInput, Dockerfile, Globals, Graph, Platform, Scope, Source, check,
    detect_syntax, parse_trigger,
};
use gantry_image::{Image, NewImage};
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use crate::export::{self, Outcome};
use crate::named::{Found, Named};
use crate::progress::Teller;
use crate::stage::{Stage, now};
use crate::steps::{Steps, wanted_paths};
use crate::{
    Builder, Context, Definition, Error, Event, Files, Filesystem, Report, Request, Warning,
};

/// Numbers of steps that each of several platforms has for itself.
const STEPS_OF_A_PLATFORM: usize = 100_000;

/// A finished build.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// The image; of several platforms, the first one's. There is none where only the Dockerfile was asked about.
    pub image: Option<ImageId>,
    /// What exports tell of what they made, by BuildKit's names: `containerimage.digest` and so on.
    pub told: BTreeMap<String, String>,
    /// The answer about the Dockerfile, by BuildKit's names: `result.json`, `result.txt`, `result.statuscode`.
    pub answer: BTreeMap<String, Vec<u8>>,
    /// The files; of several platforms, the first one's.
    pub files: Option<Filesystem>,
    /// How each platform's result was made: the predicates of its provenance, JSON.
    pub provenance: BTreeMap<String, Vec<u8>>,
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
    /// The Dockerfile's name.
    pub file_name: String,
    /// The Dockerfile's text.
    pub source: Vec<u8>,
    /// What the build took from elsewhere: an address, and a kind of digest and its digits.
    materials: Mutex<BTreeMap<String, (String, String)>>,
    files: Arc<dyn Files>,
    context: Arc<OnceCell<Arc<Context>>>,
    pub file: Dockerfile,
    pub options: BuildOptions,
    pub globals: Globals,
    pub graph: Graph,
    pub report: Report,
    pub named: Named,
    pub steps: Steps,
    needed: Vec<usize>,
}

impl Builder {
    /// Builds an image. Dropping the future ends the build and what it runs.
    pub async fn build(
        &self,
        request: Request,
        definition: Definition,
        report: Report,
    ) -> Result<Built, Error> {
        let _not_pruned = self.pruning.read().await;
        self.collect_garbage();
        request.supported(&self.settings.entitlements)?;
        if let Some(answer) = crate::call::answer(&request, &definition)? {
            return Ok(Built {
                answer,
                ..Built::default()
            });
        }
        let started = now();
        let platforms: Vec<Option<String>> = match request.platforms.as_slice() {
            [] => vec![None],
            asked => asked.iter().cloned().map(Some).collect(),
        };
        let shared = Arc::new(OnceCell::new());
        let mut works = Vec::new();
        for platform in &platforms {
            let report = match platform {
                Some(name) if platforms.len() > 1 => of_platform(&report, name, works.len()),
                _ => Arc::clone(&report),
            };
            let input = Input {
                definition: &definition,
                platform: platform.clone(),
                context: Arc::clone(&shared),
            };
            let (work, target) = Work::new(self, &request, input, report)?;
            works.push((Arc::new(work), target));
        }
        if !request.no_cache {
            self.import_caches(&request, &report).await;
        }
        // All platforms at once, as stages are.
        let begun: Vec<_> = works.iter().map(|(work, _)| work.begin()).collect();
        let (mut outcomes, mut all) = (Vec::new(), Vec::new());
        for ((work, target), (stages, _driven)) in works.iter().zip(&begun) {
            let stage = match stages.get(target) {
                Some(stage) => stage.clone().await.map_err(Error::Stage)?,
                None => return Err(Error::Invalid("nothing to build".to_owned())),
            };
            for stage in stages.values() {
                all.push(stage.clone().await.map_err(Error::Stage)?);
            }
            outcomes.push(Outcome {
                work: Arc::clone(work),
                stage,
            });
        }
        let mut built = export::deliver(&request, &outcomes, started).await?;
        let first = outcomes.first().map(|first| first.stage.layers.clone());
        built.files = first.map(|layers| Filesystem::of_layers(self, layers));
        self.export_caches(&request, &outcomes, &all, &mut built)
            .await?;
        Ok(built)
    }
}

/// What one platform's build is made from.
pub(crate) struct Input<'a> {
    pub definition: &'a Definition,
    pub platform: Option<String>,
    /// The files, which all platforms share.
    pub context: Arc<OnceCell<Arc<Context>>>,
}

/// The reports of one of several platforms: its steps are named after it, and have numbers of their own.
fn of_platform(report: &Report, platform: &str, place: usize) -> Report {
    let (report, platform) = (Arc::clone(report), platform.to_owned());
    let moved = move |id: usize| id.saturating_add(place * STEPS_OF_A_PLATFORM);
    Arc::new(move |event| {
        report(match event {
            Event::Planned(mut steps) => {
                for step in &mut steps {
                    step.id = moved(step.id);
                    step.inputs.iter_mut().for_each(|id| *id = moved(*id));
                    if let Some(rest) = step.name.strip_prefix('[')
                        && !rest.starts_with("internal]")
                    {
                        step.name = format!("[{platform} {rest}");
                    }
                }
                Event::Planned(steps)
            }
            Event::Step(id, told) => Event::Step(moved(id), told),
            other => other,
        });
    })
}

impl Work {
    pub(crate) fn new(
        builder: &Builder,
        request: &Request,
        input: Input<'_>,
        report: Report,
    ) -> Result<(Self, usize), Error> {
        let definition = input.definition;
        refuse_foreign_frontends(&definition.dockerfile)?;
        let file = Dockerfile::parse(&definition.dockerfile)?;
        let platform = |text: &str| {
            Platform::parse(text).map_err(|problem| Error::Invalid(problem.to_string()))
        };
        let host = Platform::default();
        let wanted = input.platform;
        let options = BuildOptions {
            build_args: request.build_args.clone(),
            target_platform: wanted.as_deref().map(platform).transpose()?.unwrap_or(host),
            target: request.target.clone(),
            ..BuildOptions::default()
        };
        let globals = Globals::new(&file, &options)?;
        let named = Named::new(&request.contexts);
        let graph = Graph::with_contexts(&file, &globals, &named.names())?;
        let target = graph.target(request.target.as_deref())?;
        let checks = CheckInput {
            options: options.clone(),
            ignore: Some(&definition.ignore),
            config: request.checks()?,
            ..CheckInput::default()
        };
        let checked = check(&file, &checks)?;
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
        let outputs = export::step_names(request);
        let steps = Steps::plan(&file, &graph, &needed, &outputs);
        report(Event::Planned(steps.planned.clone()));
        let work = Self {
            builder: builder.clone(),
            request: request.clone(),
            platform: wanted,
            file_name: definition.name.clone(),
            source: definition.dockerfile.clone(),
            materials: Mutex::default(),
            files: Arc::clone(&definition.files),
            context: input.context,
            file,
            options,
            globals,
            graph,
            report,
            named,
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
        if !triggers.is_empty() {
            (self.report)(Event::Triggers(triggers.len()));
        }
        for trigger in &triggers {
            self.instruction(&mut stage, index, None, trigger, stages)
                .await?;
        }
        let own = self.graph.instructions(index);
        // Those that ONBUILD of a stage below left stand in front and have no number.
        let inherited = own
            .len()
            .saturating_sub(self.file.stages[index].instructions.len());
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
    ) -> Result<(Stage, Vec<gantry_dockerfile::Instruction>), Error> {
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
                let base = self.begun_with(name, platform.as_deref(), &teller).await;
                let image = match teller.end(base)? {
                    Found::Folder(context) => {
                        return Ok((self.of_files(context).await?, Vec::new()));
                    }
                    Found::Image(image) => image,
                };
                let mut config = (*image.config).clone();
                let mut triggers = Vec::new();
                for expression in std::mem::take(&mut config.config.on_build) {
                    triggers.push(parse_trigger(&expression, from.span)?);
                }
                let stage = Stage {
                    layers: image.layers.clone(),
                    scope: Scope::on_image(&self.file, &config.config.env),
                    config,
                    keeper: None,
                    files: None,
                    kept: image.layers.len(),
                    keys: Vec::new(),
                    command_set: false,
                    created: image.config.created.clone().unwrap_or_else(now),
                };
                Ok((stage, triggers))
            }
            _ => Ok((self.scratch(), Vec::new())),
        }
    }

    /// What a name in FROM means: what the build gives under it, or an image.
    async fn begun_with(
        &self,
        name: &str,
        platform: Option<&str>,
        teller: &Teller,
    ) -> Result<Found, Error> {
        if let Some(found) = self.named(name, platform, teller).await? {
            return Ok(found);
        }
        let image = self
            .builder
            .base(name, platform, &self.request, teller)
            .await?;
        self.takes_image(name, &image);
        Ok(Found::Image(Arc::new(image)))
    }

    pub(crate) fn scratch(&self) -> Stage {
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
            files: None,
            kept: 0,
            keys: Vec::new(),
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
            // Of several platforms, each may want something else.
            let paths = match self.request.platforms.len() {
                0 | 1 => wanted_paths(&self.graph, &self.needed),
                _ => Vec::new(),
            };
            let part = teller.reporter();
            let brought = self.files.bring(&paths, &part).await;
            teller.end(brought)
        };
        self.context.get_or_try_init(bring).await.map(Arc::clone)
    }

    /// The configuration and the layers that a stage has come to.
    pub(crate) fn result(&self, stage: &Stage) -> (ImageConfig, Vec<Digest>) {
        let mut config = stage.finished();
        config.created = Some(stage.created.clone());
        config.config.labels.extend(self.request.labels.clone());
        if self.request.keys_inline() {
            crate::share::write_keys(&mut config, stage);
        }
        (config, stage.layers.clone())
    }

    /// Makes an image.
    pub(crate) fn install(
        &self,
        layers: Vec<Digest>,
        config: ImageConfig,
    ) -> Result<ImageId, Error> {
        let new = NewImage {
            base: layers,
            config,
            // What it was made from is cache, which may go.
            parent: None,
            name: None,
            step: false,
        };
        Ok(self.builder.engine.images.store().make_bare(new)?)
    }

    /// `linux/amd64`
    pub(crate) fn platform_name(&self) -> String {
        let target = &self.options.target_platform;
        let mut name = format!("{}/{}", target.os, target.architecture);
        if !target.variant.is_empty() {
            name = format!("{name}/{}", target.variant);
        }
        name
    }

    /// Notes something that the build takes from elsewhere.
    pub(crate) fn takes(&self, address: String, kind: &str, digest: String) {
        let mut materials = self
            .materials
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        materials.insert(address, (kind.to_owned(), digest));
    }

    /// Notes an image that the build takes files from.
    pub(crate) fn takes_image(&self, name: &str, image: &Image) {
        let by_digest = image.repo_digests.first().and_then(|r| r.digest().cloned());
        let digest = by_digest.or_else(|| image.manifest.clone());
        let Ok(reference) = Reference::parse(name) else {
            return;
        };
        let digest = digest.as_ref().unwrap_or(image.id.digest());
        let package = export::package(&reference, &self.platform_name());
        self.takes(package, "sha256", digest.hex().to_owned());
    }

    /// All that the build has taken from elsewhere.
    pub(crate) fn materials(&self) -> BTreeMap<String, (String, String)> {
        let materials = self
            .materials
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        materials.clone()
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
