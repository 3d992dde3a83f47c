//! The archive that `docker save` writes (image-spec v1.2 of moby, `manifest.json`).

use gantry_reference::Reference;
use serde::Deserialize;

use super::parts::Parts;
use super::{Described, pair};
use crate::{Error, manifest};

pub(super) const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The images that `manifest.json` lists.
pub(super) fn describe(parts: &Parts) -> Result<Vec<Described>, Error> {
    let bytes = parts.small("manifest", MANIFEST)?;
    let items: Vec<Item> = serde_json::from_slice(&bytes)
        .map_err(|error| manifest::malformed("manifest", MANIFEST, error.to_string()))?;
    items.into_iter().map(|item| image(parts, item)).collect()
}

fn image(parts: &Parts, item: Item) -> Result<Described, Error> {
    let config = parts.small("configuration", &item.config)?;
    let entries = item.layers.unwrap_or_default();
    let (parsed, layers) = pair(&item.config, &config, entries)?;
    let names = item.repo_tags.unwrap_or_default();
    let names = names
        .iter()
        .map(|name| tagged(name))
        .collect::<Result<_, _>>()?;
    Ok(Described {
        config,
        parsed,
        documents: Vec::new(),
        layers,
        names,
    })
}

fn tagged(name: &str) -> Result<Reference, Error> {
    let reference = Reference::parse(name)?;
    if reference.digest().is_some() {
        return Err(Error::Archive(format!("{name:?} is no tag")));
    }
    Ok(reference)
}
