//! Layers that several builders share: keys beside the layers of an image (`--cache-to`, `--cache-from`).
//!
//! A chain of layers and the keys of those of them that a build made are an image whose configuration says so under
//! [`ENTRY`]: the built image itself (`inline`), or images made for the purpose, under one index: at a registry (`registry`),
//! or in an OCI layout of the side that asked (`local`). The keys mean something to this builder alone; BuildKit's own
//! caches are another format, and say nothing to it.

mod local;
mod registry;

use std::sync::Arc;

use gantry_image::{Image, NewImage};
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cache::Record;
use crate::export::Outcome;
use crate::stage::{Stage, step_image};
use crate::{Builder, Built, CacheStore, Error, Event, Report, Request, Warning};

/// Where in a configuration the keys are.
const ENTRY: &str = "gantry.build.cache";

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
                    "local" => store.layout(direction).map(|_| true)?,
                    "inline" => direction == "to",
                    _ => false,
                };
                if known {
                    store.known_options(direction)?;
                }
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

impl Builder {
    /// Brings layers that others made, as far as they are missing; what cannot be brought is told.
    pub(crate) async fn import_caches(&self, request: &Request, report: &Report) {
        for store in &request.cache_from {
            let _alone = self.sharing.lock().await;
            let imported = match store.kind.as_str() {
                "local" => self.import_layout(store, request).await,
                _ => self.import_registry(store, request).await,
            };
            if let Err(error) = imported {
                let name = store.name();
                report(Event::Warning(Warning {
                    check: None,
                    message: format!("importing the cache {name} failed: {error}"),
                    span: None,
                }));
            }
        }
    }

    /// Whether all of these keys are known here, so that nothing need be brought.
    fn knows(&self, keys: &[SharedKey]) -> bool {
        let known =
            |key: &SharedKey| Digest::parse(&key.key).is_ok_and(|key| self.look_up(&key).is_some());
        keys.iter().all(known)
    }

    /// Keeps the layers of an image by their keys.
    fn take_over(&self, image: &Image, keys: &[SharedKey]) -> Result<(), Error> {
        let store = self.engine.images.store();
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
        Ok(())
    }

    /// Forgets an image that came with a cache, unless it is there by another name.
    fn forget(&self, name: &str) {
        let containers = &self.engine.containers;
        let removed = self.engine.images.remove(containers, name, false, true);
        if let Err(error) = removed {
            tracing::debug!("an image with a cache stays: {error}");
        }
    }

    /// Puts the layers of a build where others find them.
    pub(crate) async fn export_caches(
        &self,
        request: &Request,
        outcomes: &[Outcome],
        stages: &[Arc<Stage>],
        built: &mut Built,
    ) -> Result<(), Error> {
        for store in &request.cache_to {
            let max = store.is("mode", "max");
            let last = outcomes.iter().map(|outcome| Arc::clone(&outcome.stage));
            let mut chains: Vec<Arc<Stage>> = if max { stages.to_vec() } else { last.collect() };
            chains.retain(|chain| !chain.keys.is_empty());
            if store.kind == "inline" {
                continue;
            }
            let _alone = self.sharing.lock().await;
            let mut images = ChainImages::new(self);
            for chain in &chains {
                images.add(chain)?;
            }
            let exported = match store.kind.as_str() {
                "local" => self.export_layout(store, request, &images.all).await,
                _ => self.export_registry(store, request, &images.all).await,
            };
            drop(images);
            match exported {
                Err(error) if store.is("ignore-error", "true") => {
                    tracing::warn!("a cache was not exported: {error}");
                }
                Err(error) => return Err(error),
                // By it a client writes the index of its layout.
                Ok(top) if store.kind == "local" => {
                    let told = top.descriptor.json().to_string();
                    built.told.insert("cache.manifest".to_owned(), told);
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

/// Images of chains, which say nothing but their keys; they go with this, also when the build is given up.
struct ChainImages<'a> {
    builder: &'a Builder,
    all: Vec<ImageId>,
}

impl<'a> ChainImages<'a> {
    fn new(builder: &'a Builder) -> Self {
        Self {
            builder,
            all: Vec::new(),
        }
    }

    fn add(&mut self, chain: &Stage) -> Result<(), Error> {
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
        let image = self.builder.engine.images.store().make_bare(new)?;
        self.all.push(image);
        Ok(())
    }
}

impl Drop for ChainImages<'_> {
    fn drop(&mut self) {
        for image in &self.all {
            self.builder.forget(image.as_str());
        }
    }
}

/// Options that say what we always do: keys and layers are an index of OCI images.
const USUAL: [(&str, &str); 2] = [("oci-mediatypes", "true"), ("image-manifest", "true")];

impl CacheStore {
    /// Refuses options that nobody would look at.
    fn known_options(&self, direction: &str) -> Result<(), Error> {
        let known: &[&str] = match (self.kind.as_str(), direction) {
            ("registry", "to") => &["ref", "mode", "ignore-error"],
            ("registry", _) => &["ref"],
            ("local", "to") => &["dest", "tag", "mode", "ignore-error", "compression"],
            ("local", _) => &["src", "tag", "digest"],
            _ => &["mode", "ignore-error"],
        };
        for (name, value) in &self.options {
            let usual = USUAL.contains(&(name.as_str(), value.as_str())) && direction == "to";
            if !usual && !known.contains(&name.as_str()) {
                return Err(Error::NotSupported(format!(
                    "the option {name}={value} of --cache-{direction} type={}",
                    self.kind
                )));
            }
        }
        match self.option("mode") {
            "" | "min" | "max" => Ok(()),
            other => Err(Error::Invalid(format!(
                "--cache-{direction} mode={other} is neither min nor max"
            ))),
        }
    }

    fn option(&self, name: &str) -> &str {
        self.options.get(name).map_or("", String::as_str)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.option(name) == value
    }

    /// What to call it.
    fn name(&self) -> &str {
        match self.kind.as_str() {
            "local" => self.option("src"),
            _ => self.option("ref"),
        }
    }
}

/// The manifests of images that a document names: its own if it is no index.
fn manifests(document: &Value, own: &str) -> Vec<String> {
    let all = document["manifests"].as_array().into_iter().flatten();
    let mut all: Vec<String> = all
        .filter(|m| m["platform"]["os"] != "unknown")
        .filter_map(|m| m["digest"].as_str().map(str::to_owned))
        .collect();
    if all.is_empty() && document["manifests"].is_null() {
        all.push(own.to_owned());
    }
    all
}
