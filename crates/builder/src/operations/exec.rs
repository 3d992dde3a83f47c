//! Commands: a container on the layers of the mount at `/`.

use std::os::fd::AsFd as _;
use std::sync::Arc;

use gantry_api_types::{HostConfig, Ulimit};
use gantry_dockerfile::{Mount, MountType, Network, Security};
use gantry_reference::Digest;

use super::layers::layers_of;
use super::{Here, cached, remember};
use crate::copy::{Job, Origin};
use crate::files::Fingerprint;
use crate::mounts::{BindSource, StepMounts, print, target};
use crate::run::{Command, Ended};
use crate::stage::step_image;
use crate::step::{PROXIES, blocking};
use crate::stubs::Stubs;
use crate::{Entitlement, Error, Filesystem};

/// A command and what it sees.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exec {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Proxies, which make no layer another one.
    pub proxies: Vec<String>,
    /// Where it runs; empty is `/`.
    pub working_dir: String,
    /// Whom it runs as; empty is root.
    pub user: String,
    /// What its machine is called, if that is said.
    pub hostname: String,
    /// More lines of `/etc/hosts`: `NAME:ADDRESS`.
    pub hosts: Vec<String>,
    /// Limits of what it may use.
    pub ulimits: Vec<Ulimit>,
    /// Where its cgroup is.
    pub cgroup_parent: String,
    /// Which network it has.
    pub network: Network,
    /// How much it may do.
    pub security: Security,
    /// CDI's names of devices, and whether each must be there.
    pub devices: Vec<(String, bool)>,
    /// What it sees; one is at `/`.
    pub mounts: Vec<ExecMount>,
    /// Variables that hold secrets.
    pub secrets: Vec<SecretVariable>,
    /// The codes that it may end with; none means 0.
    pub codes: Vec<i64>,
}

/// A mount of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecMount {
    /// What it is.
    pub mount: Mount,
    /// Which input it shows; none is an empty one.
    pub input: Option<usize>,
    /// Which of the operation's filesystems it becomes, if any.
    pub output: Option<usize>,
}

/// A variable that holds a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretVariable {
    /// The secret's name.
    pub id: String,
    /// The variable's name.
    pub name: String,
    /// Whether the command does without it.
    pub optional: bool,
}

impl ExecMount {
    fn is_root(&self) -> bool {
        self.mount.kind == MountType::Bind && self.mount.target.as_deref() == Some("/")
    }

    /// What a command writes to it is wanted.
    fn is_kept(&self) -> bool {
        self.mount.kind == MountType::Bind && !self.mount.read_only && self.output.is_some()
    }
}

/// The layers that a mount begins with.
type Grounds = Vec<Option<BindSource>>;

impl Here<'_> {
    pub(super) async fn exec(&self, exec: &Exec) -> Result<Vec<Filesystem>, Error> {
        self.granted(exec)?;
        if exec.arguments.is_empty() {
            return Err(Error::Invalid("a command without a program".to_owned()));
        }
        let root = exec.mounts.iter().position(ExecMount::is_root);
        let root = root.ok_or_else(|| Error::Invalid("a command has no mount at /".to_owned()))?;
        let grounds = self.grounds(exec).await?;
        let key = exec_key(exec, &grounds, self.operation.platform.as_deref()).await?;
        if let Some(kept) = self.all_kept(exec, &grounds, &key) {
            cached(&self.teller);
            return Ok(kept);
        }
        let (mut mounts, written) = self.mount_all(exec, &grounds).await?;
        let layers = layers_at(&grounds, root);
        let stubs = self.stubs(&layers, &mounts).await?;
        let builder = self.builder();
        let store = builder.engine.images.store();
        let mut env = exec.env.clone();
        env.extend(exec.proxies.iter().cloned());
        let command = Command {
            ground: store.make_bare(step_image(layers.clone()))?,
            arguments: exec.arguments.clone(),
            env,
            working_dir: exec.working_dir.clone(),
            user: exec.user.clone(),
            hostname: exec.hostname.clone(),
            host: self.host(exec, &mut mounts, exec.mounts[root].mount.read_only),
            lent: std::mem::take(&mut mounts.lent),
            typed: None,
        };
        let ended = command
            .run(&builder.engine.containers, &self.teller)
            .await?;
        refuse_code(exec, &ended)?;
        let step = ended.step;
        let upper = store.snapshotter().upper(&step.id);
        blocking(move || stubs.clear(&upper)).await?;
        let mut outputs = Outputs::default();
        for (number, mount) in exec.mounts.iter().enumerate() {
            let Some(output) = mount.output else { continue };
            let mut all = layers_at(&grounds, number);
            if mount.is_kept() {
                let new = step_image(all.clone());
                let image = if number == root {
                    builder.engine.containers.bake(&step.id, new).await?
                } else {
                    self.packed(&written, number, new).await?
                };
                let key = output_key(&key, output);
                all.push(remember(builder, &key, &image, &self.operation.name)?);
            }
            outputs.put(output, Filesystem::of_layers(builder, all));
        }
        drop((step, mounts));
        outputs.whole(builder)
    }

    /// What was written to a mount that is wanted.
    async fn packed(
        &self,
        written: &[(usize, String)],
        number: usize,
        new: gantry_image::NewImage,
    ) -> Result<gantry_reference::ImageId, Error> {
        let key = written.iter().find(|(of, _)| *of == number);
        let key = key.map(|(_, key)| key.clone());
        let key = key.ok_or_else(|| Error::CutOff("a mount has no snapshot".to_owned()))?;
        let builder = self.builder().clone();
        blocking(move || {
            let store = builder.engine.images.store();
            store.make_written(new, |out| {
                store.snapshotter().pack(&key, out).map_err(Error::from)
            })
        })
        .await
    }

    /// Refuses what the build was not granted.
    fn granted(&self, exec: &Exec) -> Result<(), Error> {
        for (asked, right) in [
            (exec.security == Security::Insecure, Entitlement::Insecure),
            (exec.network == Network::Host, Entitlement::HostNetwork),
            (!exec.devices.is_empty(), Entitlement::Device),
        ] {
            let name = right.as_str();
            if asked && !self.inner.request.entitlements.contains(&right) {
                return Err(Error::Invalid(format!(
                    "{name} is not allowed: the build was not granted it (--allow {name})"
                )));
            }
        }
        Ok(())
    }

    /// What each mount shows; what is written to becomes layers first.
    async fn grounds(&self, exec: &Exec) -> Result<Grounds, Error> {
        let mut grounds = Vec::new();
        for mount in &exec.mounts {
            let source = match (mount.mount.kind, mount.input) {
                (MountType::Bind, None) => Some(BindSource::Layers(Vec::new())),
                (MountType::Bind, Some(number)) => {
                    let files = self.input(number)?;
                    let folder = mount.output.is_none() && !mount.is_root();
                    Some(if folder {
                        files.source.clone()
                    } else {
                        BindSource::Layers(layers_of(self.builder(), files).await?)
                    })
                }
                (MountType::Cache, Some(number)) => Some(self.input(number)?.source.clone()),
                _ => None,
            };
            grounds.push(source);
        }
        Ok(grounds)
    }

    /// All filesystems, if they were made before.
    fn all_kept(
        &self,
        exec: &Exec,
        grounds: &[Option<BindSource>],
        key: &Digest,
    ) -> Option<Vec<Filesystem>> {
        let mut outputs = Outputs::default();
        let mut anything = false;
        for (number, mount) in exec.mounts.iter().enumerate() {
            let Some(output) = mount.output else { continue };
            let mut all = layers_at(grounds, number);
            if mount.is_kept() {
                all.push(self.kept(&output_key(key, output))?);
                anything = true;
            }
            outputs.put(output, Filesystem::of_layers(self.builder(), all));
        }
        // A command that leaves nothing is run for what else it does.
        if !anything {
            return None;
        }
        outputs.whole(self.builder()).ok()
    }

    /// Takes all mounts but the root; gives the snapshots of those that are wanted afterwards.
    async fn mount_all(
        &self,
        exec: &Exec,
        grounds: &[Option<BindSource>],
    ) -> Result<(StepMounts, Vec<(usize, String)>), Error> {
        let builder = self.builder();
        let asker = self.inner.request.asker.as_ref();
        let mut mounts = StepMounts::default();
        let mut written = Vec::new();
        let mut caches = Vec::new();
        for (number, (mount, source)) in exec.mounts.iter().zip(grounds).enumerate() {
            if mount.is_root() {
                continue;
            }
            let at = target(&mount.mount, &exec.working_dir)?;
            match (mount.mount.kind, at, source) {
                (MountType::Bind, Some(at), Some(source)) => {
                    let (worker, own) = (builder.clone(), mount.clone());
                    let (source, mut taken) = (source.clone(), mounts);
                    let (back, key) = blocking(move || {
                        let key = match &source {
                            BindSource::Layers(layers) if own.is_kept() => {
                                Some(taken.kept(&worker, &own.mount, at, layers)?)
                            }
                            _ => {
                                taken.bind(&worker, &own.mount, at, &source)?;
                                None
                            }
                        };
                        Ok((taken, key))
                    })
                    .await?;
                    mounts = back;
                    written.extend(key.map(|key| (number, key)));
                }
                (MountType::Tmpfs, Some(at), _) => mounts.tmpfs(&mount.mount, at),
                (MountType::Secret, at, _) => {
                    mounts.secret(builder, asker, &mount.mount, at).await?;
                }
                (MountType::Ssh, at, _) => {
                    mounts.agent(builder, asker, &mount.mount, at).await?;
                }
                (MountType::Cache, Some(at), source) => {
                    let id = mount.mount.id.clone().unwrap_or_else(|| at.clone());
                    caches.push((id, &mount.mount, at, source.clone()));
                }
                (kind, ..) => {
                    let kind = kind.as_str();
                    return Err(Error::Invalid(format!(
                        "a mount of type {kind} has no place"
                    )));
                }
            }
        }
        // All steps take locked caches in one order, or two could wait for one another.
        caches.sort_by(|a, b| a.0.cmp(&b.0));
        for (id, mount, at, source) in caches {
            crate::step::take_cache(builder, &mut mounts, mount, (id, at), source).await?;
        }
        for secret in &exec.secrets {
            let mount = Mount {
                kind: MountType::Secret,
                id: Some(secret.id.clone()),
                env: Some(secret.name.clone()),
                required: !secret.optional,
                ..Mount::default()
            };
            mounts.secret(builder, asker, &mount, None).await?;
        }
        Ok((mounts, written))
    }

    /// What the mounts' targets lack: the runtime makes it, and it goes afterwards.
    async fn stubs(&self, layers: &[Digest], mounts: &StepMounts) -> Result<Stubs, Error> {
        let targets: Vec<String> = mounts.mounts.iter().map(|m| m.target.clone()).collect();
        if targets.is_empty() {
            return Ok(Stubs::default());
        }
        let snapshots = self.builder().engine.images.store().snapshotter();
        let root = snapshots.view(layers)?.root;
        blocking(move || Stubs::missing(root.as_fd(), targets.iter().map(String::as_str))).await
    }

    fn host(&self, exec: &Exec, mounts: &mut StepMounts, read_only: bool) -> HostConfig {
        let mut host = self.inner.request.steps.clone();
        match exec.network {
            Network::Default => {}
            Network::None => "none".clone_into(&mut host.network_mode),
            Network::Host => "host".clone_into(&mut host.network_mode),
        }
        host.privileged = exec.security == Security::Insecure;
        host.readonly_rootfs = read_only;
        host.mounts = std::mem::take(&mut mounts.mounts);
        host.extra_hosts
            .get_or_insert_default()
            .extend(exec.hosts.iter().cloned());
        if !exec.ulimits.is_empty() {
            host.resources.ulimits = Some(exec.ulimits.clone());
        }
        if !exec.cgroup_parent.is_empty() {
            host.resources.cgroup_parent.clone_from(&exec.cgroup_parent);
        }
        let devices = exec
            .devices
            .iter()
            .map(|(name, required)| (name.as_str(), *required));
        host.resources.device_requests = self.builder().device_requests(devices);
        host
    }
}

/// Refuses a code that the command must not end with.
fn refuse_code(exec: &Exec, ended: &Ended) -> Result<(), Error> {
    if exec.codes.contains(&ended.code()) {
        return Ok(());
    }
    match ended.failure() {
        None if exec.codes.is_empty() => Ok(()),
        None => Err(Error::Invalid(format!(
            "the command ended with 0, which is not among the codes {:?}",
            exec.codes
        ))),
        Some(failure) => Err(failure),
    }
}

/// The filesystems that a command gives, by their numbers.
#[derive(Default)]
struct Outputs(std::collections::BTreeMap<usize, Filesystem>);

impl Outputs {
    fn put(&mut self, number: usize, files: Filesystem) {
        self.0.insert(number, files);
    }

    /// All of them, without a gap.
    fn whole(self, builder: &crate::Builder) -> Result<Vec<Filesystem>, Error> {
        let count = self.0.keys().next_back().map_or(0, |last| last + 1);
        if count > self.0.len() + 1 {
            return Err(Error::Invalid(format!(
                "a command gives {} filesystems, numbered up to {count}",
                self.0.len()
            )));
        }
        let mut all = self.0;
        let nothing = || Filesystem::of_layers(builder, Vec::new());
        Ok((0..count)
            .map(|number| all.remove(&number).unwrap_or_else(nothing))
            .collect())
    }
}

fn layers_at(grounds: &[Option<BindSource>], number: usize) -> Vec<Digest> {
    match grounds.get(number) {
        Some(Some(BindSource::Layers(layers))) => layers.clone(),
        _ => Vec::new(),
    }
}

fn output_key(key: &Digest, output: usize) -> Digest {
    let mut print = Fingerprint::new("output");
    print.add(key.as_str()).add(output.to_string());
    print.finish()
}

/// What the layers are made from: all that the command is told and all that it reads.
async fn exec_key(
    exec: &Exec,
    grounds: &[Option<BindSource>],
    platform: Option<&str>,
) -> Result<Digest, Error> {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let counts = |pair: &&String| !PROXIES.contains(&name(pair).as_str());
    let mut key = Fingerprint::new("exec 1");
    key.all(&exec.arguments)
        .all(exec.env.iter().filter(counts))
        .add(&exec.working_dir)
        .add(&exec.user)
        .add(&exec.hostname)
        .all(&exec.hosts)
        .add(platform.unwrap_or_default())
        .add(format!(
            "{:?} {:?} {:?} {:?} {:?}",
            exec.network, exec.security, exec.devices, exec.codes, exec.ulimits
        ));
    for secret in &exec.secrets {
        key.add(format!("{} {} {}", secret.id, secret.name, secret.optional));
    }
    for (mount, source) in exec.mounts.iter().zip(grounds) {
        print(&mount.mount, &mut key);
        key.add(format!("{:?}", mount.output));
        match source {
            Some(BindSource::Context(context)) => {
                let path = mount.mount.source.clone().unwrap_or_default();
                let job = Job::of_all(Origin::Context(Arc::clone(context)), &path);
                let content = blocking(move || job.plan()?.key()).await?;
                key.add(content.as_str());
            }
            Some(BindSource::Layers(layers)) => {
                key.all(layers.iter().map(Digest::as_str));
            }
            None => {}
        }
    }
    Ok(key.finish())
}
