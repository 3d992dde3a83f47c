//! RUN.

use std::os::fd::AsFd;
use std::sync::Arc;

use gantry_api_types::{HostConfig, Mount as ApiMount};
use gantry_dockerfile::{MountType, Network, Run, Security};
use gantry_reference::Digest;

use super::{Here, Layer, blocking, working_dir_of};
use crate::build::Work;
use crate::configure::shell;
use crate::copy::{Job, Origin};
use crate::files::Fingerprint;
use crate::mounts::{BindSource, StepMounts, print};
use crate::run::Command;
use crate::stage::Stage;
use crate::stubs::Stubs;
use crate::{Entitlement, Error, history};

/// Proxies reach commands but make no layer another one.
pub(crate) const PROXIES: [&str; 10] = [
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
        self.granted(run)?;
        let mut mounts = StepMounts::default();
        let shell = shell(&stage.config.config);
        let arguments = self.arguments(run, &shell, &mut mounts)?;
        let described = history::run(&arguments, &stage.scope.args, &stage.scope.env);
        let sources = self.mount_sources(here).await?;
        let key = self.run_key(stage, run, &arguments, here, &sources).await?;
        if let Some(kept) = self.kept(&key, here) {
            return self.put(stage, kept, described, here.teller);
        }
        self.runs_here(stage, &arguments).await?;
        let again = self.request.debug.is_some().then(|| sources.clone());
        let mut mounts = self.mount_all(stage, here, sources, mounts).await?;
        let stubs = self.stubs(stage, &mounts).await?;
        let store = self.builder.engine.images.store();
        let command = Command {
            ground: stage.ground(store)?,
            arguments,
            env: self.with_proxies(stage.scope.env.pairs()),
            working_dir: working_dir_of(stage),
            user: stage.config.config.user.clone(),
            hostname: self.request.hostname.clone(),
            host: self.host(run, std::mem::take(&mut mounts.mounts)),
            lent: std::mem::take(&mut mounts.lent),
            typed: None,
        };
        let containers = &self.builder.engine.containers;
        let ended = command.run(containers, here.teller).await?;
        if let Some(failure) = ended.failure() {
            // What the shell has of these is its own: a cache that is locked would never come free.
            drop(mounts);
            if let (Some(debug), Some(sources)) = (&self.request.debug, again) {
                self.debug(debug, stage, run, here, sources, &ended, &failure)
                    .await;
            }
            return Err(failure);
        }
        let step = ended.step;
        let upper = store.snapshotter().upper(&step.id);
        blocking(move || stubs.clear(&upper)).await?;
        let image = containers.bake(&step.id, stage.nameless()).await?;
        drop((step, mounts));
        self.put(stage, Layer::New { key, image }, described, here.teller)
    }

    /// Refuses what the build was not granted.
    fn granted(&self, run: &Run) -> Result<(), Error> {
        let needed = [
            (run.security == Security::Insecure, Entitlement::Insecure),
            (run.network == Network::Host, Entitlement::HostNetwork),
            (!run.devices.is_empty(), Entitlement::Device),
        ];
        for (asked, right) in needed {
            let name = right.as_str();
            if asked && !self.request.entitlements.contains(&right) {
                return Err(Error::Invalid(format!(
                    "{name} is not allowed: the build was not granted it (--allow {name})"
                )));
            }
        }
        Ok(())
    }

    /// What the mounts' targets lack in the layers below: the runtime makes it, and it goes afterwards.
    async fn stubs(&self, stage: &Stage, mounts: &StepMounts) -> Result<Stubs, Error> {
        let targets: Vec<String> = mounts.mounts.iter().map(|m| m.target.clone()).collect();
        if targets.is_empty() {
            return Ok(Stubs::default());
        }
        let root = self.view(&stage.layers)?;
        blocking(move || Stubs::missing(root.as_fd(), targets.iter().map(String::as_str))).await
    }

    /// What the layer is made from: all that the command is told and all that it reads.
    async fn run_key(
        &self,
        stage: &Stage,
        run: &Run,
        arguments: &[String],
        here: &Here<'_>,
        sources: &[Option<BindSource>],
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
            .add(&self.request.hostname)
            .add(format!("{:?} {}", run.network, steps.network_mode))
            .all(steps.extra_hosts.iter().flatten())
            .add(run.command.script().unwrap_or_default());
        for device in &run.devices {
            key.add(format!("device {} {}", device.name, device.required));
        }
        key.add(format!("{:?}", run.security));
        for (mount, source) in here.applied.mounts.iter().zip(sources) {
            print(mount, &mut key);
            match (mount.kind, source) {
                (MountType::Bind, Some(BindSource::Context(context))) => {
                    let path = mount.source.clone().unwrap_or_default();
                    let content = context_key(Arc::clone(context), path).await?;
                    key.add(content.as_str());
                }
                (_, Some(BindSource::Layers(layers))) => {
                    key.all(layers.iter().map(Digest::as_str));
                }
                _ => {}
            }
        }
        Ok(key.finish())
    }

    /// The words to execute: a heredoc that begins with `#!` is a program of its own.
    pub(super) fn arguments(
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

    pub(super) fn with_proxies(&self, mut env: Vec<String>) -> Vec<String> {
        for name in PROXIES {
            if let Some(value) = self.request.build_args.get(name) {
                // Programs look for one or the other.
                env.push(format!("{}={value}", name.to_lowercase()));
                env.push(format!("{}={value}", name.to_uppercase()));
            }
        }
        env
    }

    pub(super) fn host(&self, run: &Run, mounts: Vec<ApiMount>) -> HostConfig {
        let mut host = self.request.steps.clone();
        match run.network {
            Network::Default => {}
            Network::None => "none".clone_into(&mut host.network_mode),
            Network::Host => "host".clone_into(&mut host.network_mode),
        }
        host.privileged = run.security == Security::Insecure;
        host.mounts = mounts;
        let devices = run
            .devices
            .iter()
            .map(|device| (device.name.as_str(), device.required));
        host.resources.device_requests = self.builder.device_requests(devices);
        host
    }
}

/// What is made from files of a context that a command reads.
async fn context_key(context: Arc<crate::Context>, path: String) -> Result<Digest, Error> {
    let job = Job::of_all(Origin::Context(context), &path);
    blocking(move || job.plan()?.key()).await
}
