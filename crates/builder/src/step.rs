//! One instruction of a stage.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use futures_util::TryStreamExt;
use gantry_archive::Digester;
use gantry_dockerfile::{
    Add, Applied, Copy, Instruction, Kind, Mount, MountType, Network, Run, Security, Source,
    Sources,
};
use gantry_image::NewImage;
use gantry_reference::{Algorithm, Digest, ImageId};

use crate::build::{Stages, Work};
use crate::cache::Record;
use crate::configure::{self, shell, working_dir};
use crate::copy::{Fetched, Job, Origin};
use crate::files::{Fingerprint, LayerWriter, Owner, resolve};
use crate::mounts::{BindSource, StepMounts, print, target};
use crate::run::Command;
use crate::stage::{Stage, now};
use crate::{Error, Event, history};

/// Proxies reach commands but make no layer another one.
const PROXIES: [&str; 10] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
];

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
        let here = Here {
            index,
            place,
            stages,
            instruction,
            applied: &applied,
        };
        match &applied.kind {
            Kind::Run(run) => self.run(stage, run, &here).await,
            Kind::Copy(copy) => self.copy(stage, copy, &here).await,
            Kind::Add(add) => self.add(stage, add, &here).await,
            Kind::Workdir(path) => self.workdir(stage, path, &here).await,
            Kind::Maintainer(name) => {
                stage.config.author = Some(name.clone());
                stage.note(history::of(instruction, &applied.kind));
                Ok(())
            }
            kind => {
                configure::apply(&applied, &mut stage.config.config, &mut stage.command_set)?;
                stage.note(history::of(instruction, kind));
                Ok(())
            }
        }
    }

    async fn run(&self, stage: &mut Stage, run: &Run, here: &Here<'_>) -> Result<(), Error> {
        if run.security == Security::Insecure {
            return Err(Error::NotSupported("RUN --security=insecure".to_owned()));
        }
        if !run.devices.is_empty() {
            return Err(Error::NotSupported("RUN --device".to_owned()));
        }
        let mut mounts = StepMounts::default();
        let shell = shell(&stage.config.config);
        let arguments = self.arguments(run, &shell, &mut mounts)?;
        let env = stage.scope.env.pairs();
        let mut key = Fingerprint::new("run 1");
        key.all(stage.layers.iter().map(Digest::as_str));
        key.all(&arguments);
        let counts =
            |pair: &&String| !PROXIES.contains(&pair.split('=').next().unwrap_or_default());
        key.all(env.iter().filter(counts));
        let config = &stage.config.config;
        key.add(&config.working_dir).add(&config.user);
        key.add(format!(
            "{:?} {}",
            run.network, self.request.steps.network_mode
        ));
        key.all(self.request.steps.extra_hosts.iter().flatten());
        for (number, mount) in here.applied.mounts.iter().enumerate() {
            print(mount, &mut key);
            self.mount(stage, mount, number, here, &mut mounts, &mut key)
                .await?;
        }
        if let Some(script) = script(run) {
            key.add(script);
        }
        let described = history::run(&arguments, &stage.scope.args);
        let key = key.finish();
        if self.cached(stage, &key, &described) {
            return Ok(());
        }
        let store = self.builder.engine.images.store();
        let command = Command {
            ground: stage.ground(store)?,
            arguments,
            env: self.with_proxies(env),
            working_dir: config_dir(stage),
            user: stage.config.config.user.clone(),
            host: self.host(run, mounts.mounts.clone()),
        };
        let containers = &self.builder.engine.containers;
        let step = command.run(containers, &self.report).await?;
        let image = containers.bake(&step.id, stage.nameless()).await?;
        drop((step, mounts));
        self.made(stage, &key, &image, described)
    }

    /// The words to execute: a heredoc that begins with `#!` is a program of its own.
    fn arguments(
        &self,
        run: &Run,
        shell: &[String],
        mounts: &mut StepMounts,
    ) -> Result<Vec<String>, Error> {
        if let Some(script) = script(run) {
            if !script.starts_with("#!") {
                return Ok(shell.iter().cloned().chain([script]).collect());
            }
            let target = "/dev/pipes/EOF";
            mounts.script(&self.builder, target, &script)?;
            return Ok(vec![target.to_owned()]);
        }
        let mut words = run.command.arguments(shell);
        if let gantry_dockerfile::CommandLine::Shell { heredocs, .. } = &run.command
            && let Some(line) = words.last_mut()
        {
            for heredoc in heredocs {
                line.push('\n');
                line.push_str(&heredoc.content);
                line.push_str(&heredoc.name);
            }
        }
        Ok(words)
    }

    fn with_proxies(&self, mut env: Vec<String>) -> Vec<String> {
        for name in PROXIES {
            if let Some(value) = self.request.build_args.get(name) {
                env.push(format!("{name}={value}"));
            }
        }
        env
    }

    fn host(
        &self,
        run: &Run,
        mounts: Vec<gantry_api_types::Mount>,
    ) -> gantry_api_types::HostConfig {
        let mut host = self.request.steps.clone();
        match run.network {
            Network::Default => {}
            Network::None => "none".clone_into(&mut host.network_mode),
            Network::Host => "host".clone_into(&mut host.network_mode),
        }
        host.mounts = mounts;
        host
    }

    async fn mount(
        &self,
        stage: &Stage,
        mount: &Mount,
        number: usize,
        here: &Here<'_>,
        mounts: &mut StepMounts,
        key: &mut Fingerprint,
    ) -> Result<(), Error> {
        let target = target(mount, &config_dir(stage))?;
        match mount.kind {
            MountType::Bind => self.bind(mount, target, number, here, mounts, key).await,
            MountType::Cache => mounts.cache(&self.builder, mount, target).await,
            MountType::Tmpfs => {
                mounts.tmpfs(mount, target);
                Ok(())
            }
            MountType::Secret | MountType::Ssh if !mount.required => Ok(()),
            MountType::Secret => Err(Error::Invalid(format!(
                "secret {}: not found",
                mount
                    .id
                    .as_deref()
                    .or(mount.source.as_deref())
                    .unwrap_or_default()
            ))),
            MountType::Ssh => Err(Error::Invalid(
                "ssh: no agent was passed to the build".to_owned(),
            )),
        }
    }

    async fn bind(
        &self,
        mount: &Mount,
        target: String,
        number: usize,
        here: &Here<'_>,
        mounts: &mut StepMounts,
        key: &mut Fingerprint,
    ) -> Result<(), Error> {
        let Some(from) = &mount.from else {
            let path = mount.source.clone().unwrap_or_default();
            key.add(self.context_key(path.clone()).await?.as_str());
            // No link of the context may lead out of it.
            let real = resolve(Some(self.context.root()), path.as_bytes())?;
            let real = std::ffi::OsStr::from_bytes(&real.path);
            let folder = self.context.path().join(real);
            return mounts.bind(mount, target, BindSource::Folder(folder));
        };
        let (layers, image) = self.source(from, Some(number), here).await?;
        key.all(layers.iter().map(Digest::as_str));
        mounts.bind(mount, target, BindSource::Image(image))
    }

    /// What is made from files of the context that a command reads.
    async fn context_key(&self, path: String) -> Result<Digest, Error> {
        let job = Job {
            origin: Origin::Context(Arc::clone(&self.context)),
            paths: vec![path],
            fetched: Vec::new(),
            inline: Vec::new(),
            destination: "/".to_owned(),
            chown: None,
            chmod: None,
            exclude: Vec::new(),
            parents: false,
            unpack: (false, false),
            below: None,
        };
        blocking(move || job.plan()?.key()).await
    }

    async fn copy(&self, stage: &mut Stage, copy: &Copy, here: &Here<'_>) -> Result<(), Error> {
        let origin = match &copy.from {
            None => Origin::Context(Arc::clone(&self.context)),
            Some(from) => {
                let (layers, _) = self.source(from, None, here).await?;
                Origin::Root(Arc::new(self.view(&layers)?))
            }
        };
        let job = Job {
            origin,
            paths: copy.sources.paths.clone(),
            fetched: Vec::new(),
            inline: copy.sources.inline.clone(),
            destination: destination(stage, &copy.sources),
            chown: copy.chown.clone(),
            chmod: copy.chmod.clone(),
            exclude: copy.exclude.clone(),
            parents: copy.parents,
            unpack: (false, false),
            below: self.below(stage, copy.link)?,
        };
        self.files(stage, job, here).await
    }

    async fn add(&self, stage: &mut Stage, add: &Add, here: &Here<'_>) -> Result<(), Error> {
        let (urls, paths): (Vec<String>, Vec<String>) = add
            .sources
            .paths
            .iter()
            .cloned()
            .partition(|path| is_remote(path));
        if add.checksum.is_some() && urls.len() != 1 {
            return Err(Error::Invalid(
                "checksum can't be specified for multiple or local sources".to_owned(),
            ));
        }
        let mut fetched = Vec::new();
        for url in &urls {
            fetched.push(self.fetch(url, add.checksum.as_deref()).await?);
        }
        let mut destination = destination(stage, &add.sources);
        if let [one] = fetched.as_slice()
            && paths.is_empty()
            && destination.ends_with('/')
            && one.name.is_empty()
        {
            return Err(Error::Invalid(format!(
                "cannot determine filename for source {}",
                urls[0]
            )));
        }
        if add.unpack == Some(true) && !destination.ends_with('/') {
            destination.push('/');
        }
        let job = Job {
            origin: Origin::Context(Arc::clone(&self.context)),
            paths,
            fetched,
            inline: add.sources.inline.clone(),
            destination,
            chown: add.chown.clone(),
            chmod: add.chmod.clone(),
            exclude: add.exclude.clone(),
            parents: false,
            unpack: (add.unpack.unwrap_or(true), add.unpack.unwrap_or(false)),
            below: self.below(stage, add.link)?,
        };
        self.files(stage, job, here).await
    }

    /// Brings what is behind a URL into a folder of its own.
    async fn fetch(&self, url: &str, checksum: Option<&str>) -> Result<Fetched, Error> {
        let path = url.split(['#', '?']).next().unwrap_or_default();
        let git = ["git@", "git://", "ssh://"];
        let is_git = git.iter().any(|scheme| url.starts_with(scheme))
            || std::path::Path::new(path).extension() == Some("git".as_ref());
        if is_git {
            return Err(Error::NotSupported("ADD of a git repository".to_owned()));
        }
        let after_host = path.splitn(4, '/').nth(3).unwrap_or_default();
        let name = after_host.rsplit('/').next().unwrap_or_default().to_owned();
        let stored = if name.is_empty() {
            "file".to_owned()
        } else {
            name.clone()
        };
        let stored = stored.replace(['*', '?', '[', '\\'], "_");
        let place = self.builder.folder();
        let folder =
            tempfile::tempdir_in(place).map_err(Error::file("create a folder in", place))?;
        let client = self.builder.engine.images.store().registry().downloads();
        let client = client.map_err(gantry_image::Error::from)?;
        let mut bytes = client.open(url).await.map_err(gantry_image::Error::from)?;
        let target = folder.path().join(&stored);
        let failed = |e: io::Error| Error::file("fetch", url)(e);
        let mut file = std::fs::File::create_new(&target).map_err(failed)?;
        let mut digester = Digester::new(Algorithm::Sha256);
        while let Some(chunk) = bytes.try_next().await.map_err(failed)? {
            digester.update(&chunk);
            file.write_all(&chunk).map_err(failed)?;
        }
        let found = digester.finish();
        if checksum.is_some_and(|wanted| wanted != found.as_str()) {
            return Err(Error::Invalid(format!(
                "digest mismatch {found}: {}",
                checksum.unwrap_or_default()
            )));
        }
        // As Docker: a download has no time of its own.
        let epoch = std::fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        file.set_times(epoch).map_err(failed)?;
        let root = std::fs::File::open(folder.path()).map_err(failed)?;
        Ok(Fetched {
            root: root.into(),
            name: stored,
            _folder: folder,
        })
    }

    /// Makes the layer of a COPY or ADD, or takes the one that is there.
    async fn files(&self, stage: &mut Stage, job: Job, here: &Here<'_>) -> Result<(), Error> {
        let described = history::of(here.instruction, &here.applied.kind);
        let job = Arc::new(job);
        let keyed = Arc::clone(&job);
        let key = blocking(move || keyed.plan()?.key()).await?;
        if self.cached(stage, &key, &described) {
            return Ok(());
        }
        let store = self.builder.engine.images.store().clone();
        let new = stage.nameless();
        let image = blocking(move || {
            let plan = job.plan()?;
            make(&store, new, |out| plan.write(out))
        })
        .await?;
        self.made(stage, &key, &image, described)
    }

    /// WORKDIR makes the directory where it is missing.
    async fn workdir(&self, stage: &mut Stage, path: &str, here: &Here<'_>) -> Result<(), Error> {
        let path = working_dir(&stage.config.config, path);
        stage.config.config.working_dir.clone_from(&path);
        let kind = Kind::Workdir(path.clone());
        let described = history::of(here.instruction, &kind);
        let root = self.view(&stage.layers)?;
        let place = resolve(Some(root.as_fd()), path.as_bytes())?;
        if place.at.is_some() {
            stage.note(described);
            return Ok(());
        }
        let mut key = Fingerprint::new("workdir 1");
        key.all(stage.layers.iter().map(Digest::as_str)).add(&path);
        let key = key.finish();
        if self.cached(stage, &key, &described) {
            return Ok(());
        }
        let store = self.builder.engine.images.store().clone();
        let new = stage.nameless();
        let image = blocking(move || {
            make(&store, new, |out| {
                let mut layer = LayerWriter::new(out);
                for (path, stat) in &place.there {
                    layer.known(path, stat)?;
                }
                for path in place.missing(true) {
                    layer.directory(&path, 0o755, Owner::default(), 0)?;
                }
                layer.finish().map(drop)
            })
        })
        .await?;
        self.made(stage, &key, &image, described)
    }

    /// Takes a layer that was made from the same before.
    fn cached(&self, stage: &mut Stage, key: &Digest, described: &str) -> bool {
        if self.request.no_cache {
            return false;
        }
        let Some(record) = self.builder.cache.find(key) else {
            return false;
        };
        let store = self.builder.engine.images.store();
        let layer = record.layer();
        let there = layer.filter(|layer| matches!(store.snapshotter().layer(layer), Ok(Some(_))));
        // Its image keeps it from being removed while the build goes on.
        let keeper = record.image().filter(|image| store.contains(image));
        let (Some(layer), Some(keeper)) = (there, keeper) else {
            self.builder.cache.forget(key);
            return false;
        };
        (self.report)(Event::Cached);
        stage.add(layer, Some(keeper));
        stage.note_layer(described.to_owned(), &record.created);
        true
    }

    /// Takes the layer that was just made and remembers it.
    fn made(
        &self,
        stage: &mut Stage,
        key: &Digest,
        image: &ImageId,
        described: String,
    ) -> Result<(), Error> {
        let made = self.builder.engine.images.store().get(image)?;
        let Some(layer) = made.layers.last().cloned() else {
            return Err(Error::CutOff("an instruction made no layer".to_owned()));
        };
        let created = now();
        let record = Record {
            layer: layer.to_string(),
            image: image.to_string(),
            created: created.clone(),
            description: described.clone(),
        };
        self.builder.cache.keep(key, &record);
        (self.report)(Event::Layer(layer.to_string()));
        stage.add(layer, Some(image.clone()));
        stage.note_layer(described, &created);
        Ok(())
    }

    /// The layers of another stage or an image, and an image that holds just them.
    async fn source(
        &self,
        name: &str,
        mount: Option<usize>,
        here: &Here<'_>,
    ) -> Result<(Vec<Digest>, ImageId), Error> {
        let store = self.builder.engine.images.store();
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
        match stage {
            Some(index) => {
                let stage = self.built(index, here.stages).await?;
                Ok((stage.layers.clone(), stage.ground(store)?))
            }
            None if name == "scratch" => Ok((Vec::new(), self.empty()?)),
            None => {
                let platform = self.request.platform.as_deref();
                let image = self
                    .builder
                    .base(name, platform, &self.request, &self.report)
                    .await?;
                Ok((image.layers.clone(), image.id))
            }
        }
    }

    fn empty(&self) -> Result<ImageId, Error> {
        let store = self.builder.engine.images.store();
        Ok(store.make_bare(NewImage::default())?)
    }

    /// The root of layers, to be read.
    fn view(&self, layers: &[Digest]) -> Result<OwnedFd, Error> {
        let store = self.builder.engine.images.store();
        Ok(store.snapshotter().view(layers)?.root)
    }

    fn below(&self, stage: &Stage, link: bool) -> Result<Option<(Vec<Digest>, OwnedFd)>, Error> {
        if link {
            return Ok(None);
        }
        Ok(Some((stage.layers.clone(), self.view(&stage.layers)?)))
    }
}

/// Where in the build an instruction is.
struct Here<'a> {
    index: usize,
    place: Option<usize>,
    stages: &'a Stages,
    instruction: &'a Instruction,
    applied: &'a Applied,
}

fn script(run: &Run) -> Option<String> {
    run.command.script()
}

fn config_dir(stage: &Stage) -> String {
    let own = &stage.config.config.working_dir;
    if own.is_empty() {
        "/".to_owned()
    } else {
        own.clone()
    }
}

/// The absolute destination; it keeps the slash at its end, and `.` means a directory, too.
fn destination(stage: &Stage, sources: &Sources) -> String {
    let written = &sources.destination;
    let directory = written.ends_with('/') || written == "." || written.ends_with("/.");
    let mut whole = working_dir(&stage.config.config, written);
    if directory && !whole.ends_with('/') {
        whole.push('/');
    }
    whole
}

fn is_remote(path: &str) -> bool {
    let schemes = ["http://", "https://", "git://", "ssh://", "git@"];
    schemes.iter().any(|scheme| path.starts_with(scheme))
}

/// Has an image made of a layer that `write` writes, without a copy in between.
fn make(
    store: &gantry_image::Images,
    new: NewImage,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error> + Send,
) -> Result<ImageId, Error> {
    let (reader, mut writer) = io::pipe().map_err(Error::file("make", "a pipe"))?;
    let whole = Arc::new(AtomicBool::new(false));
    let mut reader = Whole {
        reader,
        whole: Arc::clone(&whole),
    };
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut out = io::BufWriter::with_capacity(256 << 10, &mut writer);
            let written = write(&mut out)
                .and_then(|()| out.flush().map_err(Error::file("write", "the layer")));
            drop(out);
            // Known before the pipe's end is closed.
            whole.store(written.is_ok(), Ordering::Release);
            written
        });
        let made = store.make(new, &mut reader);
        drop(reader);
        match (made, writing.join()) {
            (Ok(made), _) => Ok(made),
            (Err(_), Ok(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
        }
    })
}

/// The reading end of an archive that is no archive unless it was written to its end.
struct Whole {
    reader: PipeReader,
    whole: Arc<AtomicBool>,
}

impl Read for Whole {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buf)?;
        if read == 0 && !buf.is_empty() && !self.whole.load(Ordering::Acquire) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}

/// Runs work that waits for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::CutOff(error.to_string())))
}
