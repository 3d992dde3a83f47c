//! The story of `build`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::{Arc, Mutex};

use gantry_build_client::{
    Builder, Error, Kind, Order, Services, Session as BuildSession, Target, new_id,
};
use gantry_client::Client;
use gantry_reference::Reference;

use super::agents::Agents;
use super::attributes::{annotations, attributes, entitlements, imports, names, shared_key};
use super::call::Call;
use super::context::Context;
use super::debug::{self, Debug};
use super::display::{Display, Mode, ending};
use super::flags::BuildFlags;
use super::logins::FromConfig;
use super::outputs::{Output, Place, cache};
use super::{classic, dockerfile, result, secrets};
use crate::contexts::Current;
use crate::environment;
use crate::failure::Failure;
use crate::progress;
use crate::registry_auth;
use crate::session::Session;

/// The label of a worker that knows images as BuildKit does: it pushes them itself.
const SNAPSHOTTER: &str = "org.mobyproject.buildkit.worker.snapshotter";
/// The label with the host's address as containers see it.
const GATEWAY: &str = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";
/// What a shell gives a program that ctrl-c ended.
const INTERRUPTED: u8 = 130;

/// Builds what the word names.
pub(crate) async fn build(
    session: &Session,
    mut flags: BuildFlags,
    word: &str,
) -> Result<(), Failure> {
    if flags.platform.is_empty() {
        flags.platform.0.extend(environment::default_platform());
    }
    if !flags.quiet && matches!(flags.progress.as_str(), "" | "auto") {
        flags.progress = environment::progress().unwrap_or_default();
    }
    let fetched = dockerfile::fetched(&flags.file).await.map_err(failed)?;
    let prepared = Prepared::new(session, flags, word, fetched.as_deref()).map_err(failed)?;
    let client = session.client().await?;
    // Docker's own switch, for those who wish the classic way.
    if std::env::var("DOCKER_BUILDKIT").is_ok_and(|value| value == "0" || value == "false") {
        return classic::build(session, &client, prepared).await;
    }
    let builder = match Builder::connect(&client).await {
        Ok(builder) => builder,
        Err(error) if error.kind() == Kind::NoBuildKit => {
            return classic::build(session, &client, prepared).await;
        }
        Err(error) => return Err(told(&error)),
    };
    Box::pin(prepared.run(session, &client, &builder)).await
}

/// What is known before the engine is asked.
pub(super) struct Prepared {
    pub(super) flags: BuildFlags,
    pub(super) word: String,
    pub(super) mode: Mode,
    pub(super) call: Call,
    pub(super) context: Context,
    pub(super) names: Vec<String>,
    pub(super) outputs: Vec<Output>,
    order: Order,
    /// Those that we started for keys end with this.
    agents: Agents,
}

impl Prepared {
    fn new(
        session: &Session,
        flags: BuildFlags,
        word: &str,
        fetched: Option<&[u8]>,
    ) -> Result<Self, String> {
        refuse(session, &flags)?;
        let mode = Mode::parse(&flags.progress, flags.quiet)?;
        let call = Call::parse(&flags.call, flags.check)?;
        let mut context = Context::find(word, &flags.file, fetched)?;
        for text in flags.build_context.iter() {
            let (name, place) = text
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| format!("invalid context value: {text}, expected key=value"))?;
            context.add_named(name, place)?;
        }
        let agents = Agents::of(&flags.ssh)?;
        let names = names(&flags.tag)?;
        let outputs = outputs(&flags, &names)?;
        let caches = |given: &[String]| -> Result<Vec<_>, String> {
            given.iter().map(|text| cache(text)).collect()
        };
        let mut cache_from = Vec::new();
        for mut cache in caches(&flags.cache_from)? {
            if context.layouts.read_cache(&mut cache)? {
                cache_from.push(cache);
            }
        }
        let cache_to = caches(&flags.cache_to)?;
        for cache in &cache_to {
            context.layouts.write_cache(cache)?;
        }
        let order = Order {
            cache_from,
            cache_to,
            entitlements: entitlements(&flags),
            ..Order::default()
        };
        Ok(Self {
            word: word.to_owned(),
            flags,
            mode,
            call,
            context,
            names,
            outputs,
            order,
            agents,
        })
    }

    async fn run(
        mut self,
        session: &Session,
        client: &Client,
        builder: &Builder,
    ) -> Result<(), Failure> {
        let labels = self.labels(builder).await?;
        let debug = Debug::asked(&self.flags);
        if debug.is_some() && !Debug::is_offered(&labels) {
            return Err(failed(
                "--debug: this engine offers no shell in a step that failed; Gantry's does",
            ));
        }
        self.complete(session, &labels, debug.as_ref())?;
        let pushes = self.takes_over_pushing(&labels);
        let targets = self.exports().map_err(failed)?;
        let mut services = self.services(session, targets).map_err(failed)?;
        let (shells, mut asked_for) = tokio::sync::mpsc::channel(1);
        services.shells = debug.is_some().then_some(shells);
        let key = self.context.folder.as_deref().map(shared_key);
        let opened = BuildSession::open(client, services, &key.unwrap_or_default())
            .await
            .map_err(|error| told(&error))?;
        let mut display = Display::new(self.mode, &builder_name(session)?);
        if let Some(question) = self.call.question() {
            self.order
                .attributes
                .insert("requestid".to_owned(), question.to_owned());
            self.order.exports.clear();
            let mut update = |message| display.update(&message);
            let asked = builder.ask(&self.order, opened.id(), &mut update);
            let answer = interruptible(asked).await;
            let answer = ended(&mut display, answer)?;
            return self.call.show(&answer);
        }
        let shown = RefCell::new(&mut display);
        let mut update = |message| shown.borrow_mut().update(&message);
        let work = interruptible(Box::pin(builder.build(
            &self.order,
            opened.id(),
            &mut update,
        )));
        let leave = || shown.borrow_mut().leave();
        let built = debug::beside(work, &mut asked_for, leave, session, client).await;
        let answer = ended(&mut display, built);
        // Also of a build that failed: they may be why.
        display.warn(session.globals.debug);
        let answer = answer?;
        let named = self.context.layouts.name_written(&answer.metadata);
        named.map_err(failed)?;
        if pushes {
            push(session, client, &self.names, self.flags.quiet).await?;
        }
        result::written(
            &self.flags,
            &self.order.id,
            &answer,
            self.mode == Mode::Quiet,
        )
    }

    /// Fills in what the frontend reads, and the order's identifier.
    fn complete(
        &mut self,
        session: &Session,
        labels: &HashMap<String, String>,
        debug: Option<&Debug>,
    ) -> Result<(), Failure> {
        let proxies = session
            .config()
            .proxy_variables(&session.endpoint()?.to_string());
        let gateway = labels.get(GATEWAY).map(String::as_str);
        let mut all = attributes(&self.flags, &proxies, gateway).map_err(failed)?;
        all.extend(std::mem::take(&mut self.context.attributes));
        all.extend(debug.map(Debug::attribute));
        let imports = imports(&self.order.cache_from);
        all.extend(imports.map(|imports| ("cache-imports".to_owned(), imports)));
        self.order.attributes = all;
        self.order.id = new_id().map_err(failed)?;
        Ok(())
    }

    /// What the engine says of its worker, where that matters.
    async fn labels(&self, builder: &Builder) -> Result<HashMap<String, String>, Failure> {
        let gateway = self
            .flags
            .add_host
            .iter()
            .any(|host| host.ends_with("host-gateway"));
        let debug = self.flags.debug || !self.flags.invoke.is_empty();
        if !gateway && !debug && !self.outputs.iter().any(Output::pushes) {
            return Ok(HashMap::new());
        }
        let workers = builder.workers().await.map_err(|error| told(&error))?;
        Ok(workers
            .into_iter()
            .next()
            .map(|worker| worker.labels)
            .unwrap_or_default())
    }

    /// An engine that cannot push while building pushes afterwards, when we ask it to.
    fn takes_over_pushing(&mut self, labels: &HashMap<String, String>) -> bool {
        if labels.contains_key(SNAPSHOTTER) || !self.outputs.iter().any(Output::pushes) {
            return false;
        }
        for output in &mut self.outputs {
            output.attributes.remove("push");
        }
        true
    }

    /// Fills in the order's exports; gives where they go, by number.
    fn exports(&mut self) -> Result<HashMap<usize, Target>, String> {
        let annotations = annotations(&self.flags.annotation)?;
        let mut targets = HashMap::new();
        for (number, output) in self.outputs.iter().enumerate() {
            let mut attributes = output.attributes.clone();
            attributes.extend(annotations.clone());
            // An image stays with the engine, whichever of the two names it has.
            let kind = match (output.kind.as_str(), &output.place) {
                ("image" | "docker", Place::Engine) => "moby",
                (kind, _) => kind,
            };
            self.order.exports.push((kind.to_owned(), attributes));
            if let Place::Layout(folder) = &output.place {
                self.context.layouts.write_image(folder)?;
            } else if let Place::Folder(folder) = &output.place {
                targets.insert(number, Target::Folder(folder.clone()));
            } else if let Some(writer) = output.place.writer()? {
                let writer: Box<dyn Write + Send> = writer;
                targets.insert(number, Target::Writer(Mutex::new(Some(writer))));
            }
        }
        self.order.exports.retain(|(kind, _)| kind != "cacheonly");
        Ok(targets)
    }

    fn services(
        &mut self,
        session: &Session,
        targets: HashMap<usize, Target>,
    ) -> Result<Services, String> {
        Ok(Services {
            folders: std::mem::take(&mut self.context.folders),
            uploads: std::mem::take(&mut self.context.uploads),
            layouts: std::mem::take(&mut self.context.layouts.offered),
            targets,
            secrets: secrets::secrets(&self.flags.secret)?,
            agents: self.agents.sockets.clone(),
            shells: None,
            logins: Some(Arc::new(FromConfig(session.config().clone()))),
        })
    }
}

/// What cannot be done is told by name.
fn refuse(session: &Session, flags: &BuildFlags) -> Result<(), String> {
    let known = builder_name(session).map_err(|failure| failure.message)?;
    if !flags.builder.is_empty() && flags.builder != known && flags.builder != "default" {
        return Err(format!("no builder {:?} found", flags.builder));
    }
    Ok(())
}

/// The builder has the name of the context.
pub(crate) fn builder_name(session: &Session) -> Result<String, Failure> {
    Ok(match session.current()? {
        Current::Context(name) => name,
        _ => "default".to_owned(),
    })
}

/// What becomes of the result; an image with all names unless something else is said.
fn outputs(flags: &BuildFlags, names: &[String]) -> Result<Vec<Output>, String> {
    let mut outputs: Vec<Output> = flags
        .output
        .iter()
        .map(|text| Output::parse(text))
        .collect::<Result<_, _>>()?;
    if flags.push {
        let image = outputs.iter_mut().find(|output| output.kind == "image");
        match image {
            Some(output) => drop(
                output
                    .attributes
                    .insert("push".to_owned(), "true".to_owned()),
            ),
            None => outputs.push(Output::parse("type=registry")?),
        }
    }
    if flags.load && !outputs.iter().any(|output| output.place == Place::Engine) {
        outputs.push(Output::parse("type=docker")?);
    }
    if outputs.is_empty() {
        outputs.push(Output::image());
    }
    for output in &mut outputs {
        let takes_names = matches!(output.kind.as_str(), "image" | "docker" | "oci");
        if takes_names && !names.is_empty() {
            output.attributes.insert("name".to_owned(), names.join(","));
        }
        if output.pushes() && !output.attributes.contains_key("name") {
            return Err("tag is needed when pushing to registry".to_owned());
        }
    }
    Ok(outputs)
}

/// Runs to the end or to ctrl-c; what is dropped is cancelled in the engine.
async fn interruptible<T>(
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Option<Error>> {
    tokio::select! {
        result = work => result.map_err(Some),
        _ = tokio::signal::ctrl_c() => Err(None),
    }
}

/// Ends the display; a failure has its place in the Dockerfile said first.
fn ended<T>(display: &mut Display, result: Result<T, Option<Error>>) -> Result<T, Failure> {
    display.finish(result.is_err());
    match result {
        Ok(value) => Ok(value),
        Err(Some(error)) => Err(told(&error)),
        Err(None) => Err(Failure::with_code(
            INTERRUPTED,
            "ERROR: failed to build: failed to solve: Canceled: context canceled",
        )),
    }
}

/// Has the engine push what was built.
async fn push(
    session: &Session,
    client: &Client,
    names: &[String],
    quiet: bool,
) -> Result<(), Failure> {
    for name in names {
        let reference = Reference::parse(name).map_err(Failure::new)?;
        let auth = registry_auth::header(session.config(), &reference).map_err(Failure::new)?;
        let path = Client::path("/images/", &reference.familiar_repository(), "/push");
        let response = client
            .post(path)
            .query("tag", reference.tag().unwrap_or_default())
            .header("x-registry-auth", &auth)
            .send()
            .await?;
        let target = if quiet {
            progress::Target::Nowhere
        } else {
            progress::Target::Error
        };
        progress::show(response, target).await?;
    }
    Ok(())
}

/// A failure before or beside the build.
pub(super) fn failed(reason: impl std::fmt::Display) -> Failure {
    Failure::new(format!("ERROR: failed to build: {reason}"))
}

/// A failure of the build, in Docker's words.
pub(super) fn told(error: &Error) -> Failure {
    match error {
        Error::Engine(failure) => {
            let places = ending::places(failure);
            let message = &failure.message;
            Failure::new(format!(
                "{places}ERROR: failed to build: failed to solve: {message}"
            ))
        }
        Error::Daemon(error) => failed(error),
        other => failed(other),
    }
}

/// Exporters' words by name.
pub(super) type Metadata = BTreeMap<String, String>;
