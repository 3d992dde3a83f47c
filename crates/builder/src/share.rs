//! Layers that several builders share: keys beside the layers of an image (`--cache-to`, `--cache-from`).
//!
//! A chain of layers and the keys of those of them that a build made are an image whose configuration says so under
//! [`ENTRY`]: the built image itself (`inline`), or images made for the purpose, under one index (`registry`). The keys
//! mean something to this builder alone; BuildKit's own caches are another format, and say nothing to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gantry_engine::PullRequest;
use gantry_image::{NewImage, PushRequest};
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};
use gantry_registry_client::Repository;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cache::Record;
use crate::export::{Descriptor, Outcome, index, manifest, media};
use crate::stage::{Stage, step_image};
use crate::{Builder, CacheStore, Error, Event, Report, Request, Warning};

/// Where in a configuration the keys are.
const ENTRY: &str = "gantry.build.cache";
/// A configuration larger than this is refused.
const CONFIG_MAX: usize = 8 << 20;

/// The key of a layer of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedKey {
    /// What it was made from.
    pub key: String,
    /// How many layers of the chain it and those below are.
    pub layers: usize,
    /// When it was made: RFC 3339.
    pub created: String,
    /// The instruction, for people.
    pub description: String,
}

/// Writes the keys of a stage into a configuration.
pub(crate) fn write_keys(config: &mut ImageConfig, stage: &Stage) {
    if let Ok(keys) = serde_json::to_value(&stage.keys) {
        config.other.insert(ENTRY.to_owned(), keys);
    }
}

fn keys_of(config: &Value) -> Vec<SharedKey> {
    serde_json::from_value(config[ENTRY].clone()).unwrap_or_default()
}

impl Request {
    /// Refuses places for layers that are not known.
    pub(crate) fn known_stores(&self) -> Result<(), Error> {
        for (direction, stores) in [("to", &self.cache_to), ("from", &self.cache_from)] {
            for store in stores {
                let known = match store.kind.as_str() {
                    "registry" => store.reference().map(|_| true)?,
                    "inline" => direction == "to",
                    _ => false,
                };
                if !known {
                    let kind = &store.kind;
                    return Err(Error::NotSupported(format!(
                        "--cache-{direction} type={kind}"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Whether the image itself is to carry its keys.
    pub(crate) fn keys_inline(&self) -> bool {
        let argument = self.build_args.get("BUILDKIT_INLINE_CACHE");
        argument.is_some_and(|value| value == "1")
            || self.cache_to.iter().any(|store| store.kind == "inline")
    }
}

impl CacheStore {
    fn reference(&self) -> Result<Reference, Error> {
        let name = self
            .options
            .get("ref")
            .map(String::as_str)
            .unwrap_or_default();
        let mut reference = Reference::parse(name).map_err(gantry_image::Error::from)?;
        if reference.tag().is_none() && reference.digest().is_none() {
            let latest = reference.with_tag(gantry_reference::DEFAULT_TAG);
            reference = latest.map_err(gantry_image::Error::from)?;
        }
        Ok(reference)
    }
}

impl Builder {
    /// Brings layers that others made, as far as they are missing; what cannot be brought is told.
    pub(crate) async fn import_caches(&self, request: &Request, report: &Report) {
        for store in &request.cache_from {
            if let Err(error) = self.import(store, request).await {
                let name = store.options.get("ref").cloned().unwrap_or_default();
                report(Event::Warning(Warning {
                    check: None,
                    message: format!("importing the cache {name} failed: {error}"),
                    span: None,
                }));
            }
        }
    }

    async fn import(&self, from: &CacheStore, request: &Request) -> Result<(), Error> {
        let reference = from.reference()?;
        let login = request.login(reference.domain()).await?;
        let credentials = self.engine.images.credentials(login.clone())?;
        let registry = self.engine.images.store().registry();
        let repository = registry.repository(&reference, credentials);
        let failed = gantry_image::Error::from;
        let top = repository
            .manifest(reference.target())
            .await
            .map_err(failed)?;
        let document: Value = parsed(&top.bytes)?;
        let mut manifests: Vec<String> = document["manifests"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|m| m["platform"]["os"] != "unknown")
            .filter_map(|m| m["digest"].as_str().map(str::to_owned))
            .collect();
        if manifests.is_empty() {
            manifests.push(top.digest.to_string());
        }
        for digest in manifests {
            let digest = Digest::parse(&digest)
                .map_err(|_| Error::Invalid(format!("the cache names the digest {digest:?}")))?;
            let keys = keys_at(&repository, &digest).await?;
            let known = |key: &SharedKey| {
                Digest::parse(&key.key).is_ok_and(|key| self.look_up(&key).is_some())
            };
            if keys.iter().all(known) {
                continue;
            }
            let by_digest = reference.with_digest(digest);
            let pull = PullRequest {
                image: by_digest.to_string(),
                tag: String::new(),
                platform: None,
                auth: login.clone(),
            };
            self.engine.images.pull(pull, Arc::new(|_| {})).await?;
            self.take_over(&by_digest, &keys)?;
        }
        Ok(())
    }

    /// Keeps the layers of a pulled image by their keys, and forgets the image unless it was there by another name.
    fn take_over(&self, name: &Reference, keys: &[SharedKey]) -> Result<(), Error> {
        let store = self.engine.images.store();
        let image = store.resolve(&name.to_string())?;
        for key in keys {
            let Ok(digest) = Digest::parse(&key.key) else {
                continue;
            };
            let Some(layers) = image.layers.get(..key.layers).filter(|l| !l.is_empty()) else {
                continue;
            };
            let keeper = store.make_bare(step_image(layers.to_vec()))?;
            let record = Record {
                layer: layers.last().map(ToString::to_string).unwrap_or_default(),
                image: keeper.to_string(),
                created: key.created.clone(),
                description: key.description.clone(),
            };
            self.cache.keep(&digest, &record);
        }
        let containers = &self.engine.containers;
        let removed = self
            .engine
            .images
            .remove(containers, &name.to_string(), false, true);
        if let Err(error) = removed {
            tracing::debug!("an image with a cache stays: {error}");
        }
        Ok(())
    }

    /// Puts the layers of a build where others find them.
    pub(crate) async fn export_caches(
        &self,
        request: &Request,
        outcomes: &[Outcome],
        stages: &[Arc<Stage>],
    ) -> Result<(), Error> {
        for store in request.cache_to.iter().filter(|s| s.kind == "registry") {
            let max = store.options.get("mode").is_some_and(|mode| mode == "max");
            let last = outcomes.iter().map(|outcome| Arc::clone(&outcome.stage));
            let chains: Vec<Arc<Stage>> = if max { stages.to_vec() } else { last.collect() };
            let exported = self.export_chains(store, request, &chains).await;
            let ignored = store
                .options
                .get("ignore-error")
                .is_some_and(|v| v == "true");
            match exported {
                Err(error) if ignored => tracing::warn!("a cache was not exported: {error}"),
                other => other?,
            }
        }
        Ok(())
    }

    async fn export_chains(
        &self,
        to: &CacheStore,
        request: &Request,
        chains: &[Arc<Stage>],
    ) -> Result<(), Error> {
        let reference = to.reference()?;
        let login = request.login(reference.domain()).await?;
        let credentials = self.engine.images.credentials(login)?;
        let push = PushRequest {
            reference: reference.clone(),
            credentials: credentials.clone(),
        };
        let store = self.engine.images.store();
        let repository = store.registry().repository_to_push(&reference, credentials);
        let failed = gantry_image::Error::from;
        let mut described = Vec::new();
        for chain in chains.iter().filter(|chain| !chain.keys.is_empty()) {
            let image = self.chain_image(chain)?;
            let layers = store.push_parts(&push, &image, Arc::new(())).await?;
            let layers: Vec<Descriptor> = layers
                .into_iter()
                .map(|layer| Descriptor::new(media::LAYER_GZIP, layer.digest, layer.size))
                .collect();
            let config = store.get(&image)?.raw_config;
            let config = Descriptor::of(media::CONFIG, &config);
            let document = manifest(&config, &layers, &BTreeMap::new());
            let target = gantry_reference::Target::Digest(&document.descriptor.digest);
            let put = repository.put_manifest(target, media::MANIFEST, &document.bytes);
            put.await.map_err(failed)?;
            described.push(document.descriptor);
        }
        let top = index(&described, &BTreeMap::new());
        let put = repository.put_manifest(reference.target(), media::INDEX, &top.bytes);
        Ok(put.await.map_err(failed)?)
    }

    /// An image of a chain, which says nothing but its keys.
    fn chain_image(&self, chain: &Stage) -> Result<ImageId, Error> {
        let mut config = ImageConfig {
            os: chain.config.os.clone(),
            architecture: chain.config.architecture.clone(),
            variant: chain.config.variant.clone(),
            ..ImageConfig::default()
        };
        write_keys(&mut config, chain);
        let new = NewImage {
            config,
            ..step_image(chain.layers.clone())
        };
        Ok(self.engine.images.store().make_bare(new)?)
    }
}

/// The keys that a manifest's configuration has.
async fn keys_at(repository: &Repository, digest: &Digest) -> Result<Vec<SharedKey>, Error> {
    let failed = gantry_image::Error::from;
    let target = gantry_reference::Target::Digest(digest);
    let manifest = repository.manifest(target).await.map_err(failed)?;
    let manifest: Value = parsed(&manifest.bytes)?;
    let config = manifest["config"]["digest"].as_str().unwrap_or_default();
    let config = Digest::parse(config)
        .map_err(|_| Error::Invalid("a cache's manifest has no configuration".to_owned()))?;
    let mut blob = repository.blob(&config, 0).await.map_err(failed)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = blob.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > CONFIG_MAX {
            return Err(Error::Invalid(
                "a cache's configuration is too large".to_owned(),
            ));
        }
    }
    Ok(keys_of(&parsed(&bytes)?))
}

fn parsed(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::Invalid(format!("a cache's document cannot be read: {e}")))
}
