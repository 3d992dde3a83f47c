//! RUN.

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use gantry_dockerfile::{Mount, MountType, Network, Run, Security};
use gantry_reference::Digest;

use super::{Here, Layer, blocking, working_dir_of};
use crate::build::Work;
use crate::configure::shell;
use crate::copy::{Job, Origin};
use crate::files::{Fingerprint, resolve};
use crate::mounts::{BindSource, StepMounts, print, target};
use crate::run::Command;
use crate::stage::Stage;
use crate::{Context, Error, history};

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
    pub(super) async fn run(
        &self,
        stage: &mut Stage,
        run: &Run,
        here: &Here<'_>,
    ) -> Result<(), Error> {
        if run.security == Security::Insecure {
            return Err(Error::NotSupported("RUN --security=insecure".to_owned()));
        }
        if !run.devices.is_empty() {
            return Err(Error::NotSupported("RUN --device".to_owned()));
        }
        let mut mounts = StepMounts::default();
        let shell = shell(&stage.config.config);
        let arguments = self.arguments(run, &shell, &mut mounts)?;
        let described = history::run(&arguments, &stage.scope.args, &stage.scope.env);
        let key = self
            .run_key(stage, run, &arguments, here, &mut mounts)
            .await?;
        if let Some(kept) = self.kept(&key) {
            return self.put(stage, kept, described, here);
        }
        let store = self.builder.engine.images.store();
        let command = Command {
            ground: stage.ground(store)?,
            arguments,
            env: self.with_proxies(stage.scope.env.pairs()),
            working_dir: working_dir_of(stage),
            user: stage.config.config.user.clone(),
            host: self.host(run, mounts.mounts.clone()),
        };
        let containers = &self.builder.engine.containers;
        let step = command.run(containers, here.teller).await?;
        let image = containers.bake(&step.id, stage.nameless()).await?;
        drop((step, mounts));
        self.put(stage, Layer::New { key, image }, described, here)
    }

    /// What the layer is made from: all that the command is told and all that it reads.
    async fn run_key(
        &self,
        stage: &Stage,
        run: &Run,
        arguments: &[String],
        here: &Here<'_>,
        mounts: &mut StepMounts,
    ) -> Result<Digest, Error> {
        let (config, steps) = (&stage.config.config, &self.request.steps);
        let env = stage.scope.env.pairs();
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let counts = |pair: &&String| !PROXIES.contains(&name(pair).as_str());
        let mut key = Fingerprint::new("run 1");
        key.all(stage.layers.iter().map(Digest::as_str))
            .all(arguments)
            .all(env.iter().filter(counts))
            .add(&config.working_dir)
            .add(&config.user)
            .add(format!("{:?} {}", run.network, steps.network_mode))
            .all(steps.extra_hosts.iter().flatten())
            .add(run.command.script().unwrap_or_default());
        for (number, mount) in here.applied.mounts.iter().enumerate() {
            print(mount, &mut key);
            self.mount(stage, mount, number, here, mounts, &mut key)
                .await?;
        }
        Ok(key.finish())
    }

    /// The words to execute: a heredoc that begins with `#!` is a program of its own.
    fn arguments(
        &self,
        run: &Run,
        shell: &[String],
        mounts: &mut StepMounts,
    ) -> Result<Vec<String>, Error> {
        if let Some(script) = run.command.script() {
            if !script.starts_with("#!") {
                return Ok(shell.iter().cloned().chain([script]).collect());
            }
            let name = run
                .command
                .heredocs()
                .first()
                .map_or("EOF", |h| h.name.as_str());
            let target = format!("/dev/pipes/{name}");
            mounts.script(&self.builder, &target, &script)?;
            return Ok(shell.iter().cloned().chain([target]).collect());
        }
        let mut words = run.command.arguments(shell);
        if let Some(line) = words.last_mut() {
            for heredoc in run.command.heredocs() {
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
                // Programs look for one or the other.
                env.push(format!("{}={value}", name.to_lowercase()));
                env.push(format!("{}={value}", name.to_uppercase()));
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
        let target = target(mount, &working_dir_of(stage))?;
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
            let context = self.context().await?;
            key.add(context_key(&context, path.clone()).await?.as_str());
            // No link of the context may lead out of it.
            let real = resolve(Some(context.root()), path.as_bytes())?;
            let real = std::ffi::OsStr::from_bytes(&real.path);
            let folder = context.path().join(real);
            return mounts.bind(mount, target, BindSource::Folder(folder));
        };
        let (layers, image) = self.source(from, Some(number), here).await?;
        key.all(layers.iter().map(Digest::as_str));
        mounts.bind(mount, target, BindSource::Image(image))
    }
}

/// What is made from files of the context that a command reads.
async fn context_key(context: &Arc<Context>, path: String) -> Result<Digest, Error> {
    let job = Job {
        origin: Some(Origin::Context(Arc::clone(context))),
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
