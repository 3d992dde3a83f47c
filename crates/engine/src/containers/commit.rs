//! `commit`: a container as an image.

use std::sync::Arc;

use gantry_api_types::{CommitResponse, ContainerConfig};
use gantry_image::NewImage;
use gantry_oci::{ContainerDefaults, Healthcheck, History, ImageConfig};
use gantry_reference::{ImageId, Reference};
use serde_json::{Map, Value};

use super::{Container, Containers, Phase, blocking};
use crate::{Error, clock};

/// How to commit.
#[derive(Debug, Clone, Default)]
pub struct CommitRequest {
    /// Repository of the new image; empty for none.
    pub repository: String,
    /// Its tag.
    pub tag: String,
    /// Its comment.
    pub comment: String,
    /// Its author.
    pub author: String,
    /// Freeze the container meanwhile.
    pub pause: bool,
    /// Instructions that change its configuration.
    pub changes: Vec<String>,
    /// What takes the place of the container's configuration.
    pub config: ContainerConfig,
}

impl Containers {
    /// Makes an image of what a container has written and how it was started.
    pub async fn commit(&self, id: &str, request: CommitRequest) -> Result<CommitResponse, Error> {
        let container = self.registry.find(id)?;
        let name = match request.repository.as_str() {
            "" => None,
            repository => Some(crate::images::named(repository, &request.tag)?),
        };
        let mut config = defaults(&request.config);
        crate::images::change(&request.changes, &mut config)?;
        merge(&mut config, defaults(&container.record().config));
        let new = self.new_image(&container, &request, config, name.clone());
        let paused = self.pause_for(&container, request.pause).await?;
        let made = self.make(&container, new).await;
        if paused {
            // It may have ended meanwhile.
            drop(self.unpause(&container.id).await);
        }
        let made = made?;
        self.announce_commit(&container, &request, &made, name.as_ref());
        Ok(CommitResponse {
            id: made.to_string(),
        })
    }

    /// Makes an image of what a container that has ended wrote, told nobody: a step of a build.
    pub async fn bake(&self, id: &str, new: NewImage) -> Result<ImageId, Error> {
        let container = self.registry.find(id)?;
        self.make(&container, new).await
    }

    /// Freezes a container that runs, if that is asked for.
    async fn pause_for(&self, container: &Container, pause: bool) -> Result<bool, Error> {
        if !pause || container.phase() != Phase::Running {
            return Ok(false);
        }
        match self.pause(&container.id).await {
            Ok(()) => Ok(true),
            // It has ended, or somebody else has paused it.
            Err(Error::WrongPhase(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn new_image(
        &self,
        container: &Container,
        request: &CommitRequest,
        config: ContainerDefaults,
        name: Option<Reference>,
    ) -> NewImage {
        let record = container.record().clone();
        let below = self.images.store().get(&record.image_id).ok();
        let base = below.as_ref().map(|image| (*image.config).clone());
        let base = base.unwrap_or_else(|| {
            let host = gantry_image::Platform::host();
            ImageConfig {
                os: host.os,
                architecture: host.architecture,
                variant: host.variant,
                ..ImageConfig::default()
            }
        });
        let now = clock::rfc3339(clock::now_nanos());
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let words = |words: &Option<gantry_api_types::json::Words>| {
            words
                .as_ref()
                .map(|words| words.join(" "))
                .unwrap_or_default()
        };
        let mut history = base.history;
        history.push(History {
            created: Some(now.clone()),
            created_by: Some(words(&record.config.cmd)),
            author: given(&request.author),
            comment: given(&request.comment),
            empty_layer: false,
        });
        NewImage {
            base: record.layers,
            config: ImageConfig {
                created: Some(now),
                author: given(&request.author),
                config,
                history,
                ..base
            },
            parent: below.map(|image| image.id),
            name,
            step: false,
        }
    }

    /// Packs what the container has written straight into the store.
    async fn make(&self, container: &Arc<Container>, new: NewImage) -> Result<ImageId, Error> {
        let (service, container) = (self.clone(), Arc::clone(container));
        blocking(move || {
            let store = service.images.store();
            store.make_written(new, |out| Ok(service.snapshots.pack(&container.id, out)?))
        })
        .await
    }

    fn announce_commit(
        &self,
        container: &Container,
        request: &CommitRequest,
        made: &ImageId,
        name: Option<&Reference>,
    ) {
        let reference = name.map(Reference::to_string).unwrap_or_default();
        let more = [
            ("comment", request.comment.clone()),
            ("imageID", made.to_string()),
            ("imageRef", reference),
        ];
        self.announce(container, "commit", &more);
        if let Some(name) = name {
            self.images.tell(made.as_str(), "tag", &name.familiar());
        }
    }
}

/// What of a container's configuration an image has.
fn defaults(from: &ContainerConfig) -> ContainerDefaults {
    let set = |names: &gantry_api_types::json::NameSet| {
        let nothing = || Value::Object(Map::new());
        names.keys().map(|name| (name.clone(), nothing())).collect()
    };
    let words = |words: &Option<gantry_api_types::json::Words>| words.clone().map(|words| words.0);
    ContainerDefaults {
        user: from.user.clone(),
        exposed_ports: set(&from.exposed_ports),
        env: from.env.clone().unwrap_or_default(),
        entrypoint: words(&from.entrypoint),
        cmd: words(&from.cmd),
        volumes: from.volumes.as_ref().map(set).unwrap_or_default(),
        working_dir: from.working_dir.clone(),
        labels: from.labels.clone().unwrap_or_default(),
        stop_signal: (!from.stop_signal.is_empty()).then(|| from.stop_signal.clone()),
        healthcheck: from.healthcheck.as_ref().map(|check| Healthcheck {
            test: check.test.clone(),
            interval: check.interval,
            timeout: check.timeout,
            start_period: check.start_period,
            start_interval: check.start_interval,
            retries: check.retries,
        }),
        on_build: from.on_build.clone().unwrap_or_default(),
        shell: words(&from.shell),
        other: Map::new(),
    }
}

/// Fills what the request leaves open from the container's configuration.
fn merge(config: &mut ContainerDefaults, from: ContainerDefaults) {
    let or = |own: &mut String, other: String| {
        if own.is_empty() {
            *own = other;
        }
    };
    or(&mut config.user, from.user);
    or(&mut config.working_dir, from.working_dir);
    let is_empty = |words: &Option<Vec<String>>| words.as_ref().is_none_or(Vec::is_empty);
    if is_empty(&config.entrypoint) {
        if is_empty(&config.cmd) {
            config.cmd = from.cmd;
        }
        if config.entrypoint.is_none() {
            config.entrypoint = from.entrypoint;
        }
    }
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let mut env = from.env;
    for pair in std::mem::take(&mut config.env) {
        let wanted = name(&pair);
        match env.iter_mut().find(|other| name(other) == wanted) {
            Some(other) => *other = pair,
            None => env.push(pair),
        }
    }
    config.env = env;
    for (port, value) in from.exposed_ports {
        config.exposed_ports.entry(port).or_insert(value);
    }
    for (path, value) in from.volumes {
        config.volumes.entry(path).or_insert(value);
    }
    for (label, value) in from.labels {
        config.labels.entry(label).or_insert(value);
    }
    config.stop_signal = config.stop_signal.take().or(from.stop_signal);
    config.healthcheck = config.healthcheck.take().or(from.healthcheck);
    config.shell = config.shell.take().or(from.shell);
    if config.on_build.is_empty() {
        config.on_build = from.on_build;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_goes_before_the_container() {
        let container = ContainerDefaults {
            env: vec!["A=1".into(), "B=2".into()],
            cmd: Some(vec!["old".into()]),
            entrypoint: Some(vec!["in".into()]),
            user: "me".into(),
            ..ContainerDefaults::default()
        };
        let mut config = ContainerDefaults {
            env: vec!["B=3".into(), "C=4".into()],
            cmd: Some(vec!["new".into()]),
            ..ContainerDefaults::default()
        };
        merge(&mut config, container);
        assert_eq!(config.env, ["A=1", "B=3", "C=4"]);
        assert_eq!(config.cmd.unwrap(), ["new"]);
        assert_eq!(config.entrypoint.unwrap(), ["in"]);
        assert_eq!(config.user, "me");
    }
}
