//! An image out of a `docker save` archive, in a form that can be compared and read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tar::Archive;

use super::tree::Tree;

/// The layers of the base images say this; what is in them is not what is compared.
const BASE: &str = "cargo xtask images";

/// What a build made.
#[derive(Debug)]
pub struct Image {
    config: Value,
    tree: Tree,
}

impl Image {
    /// Reads the only image of an archive.
    pub fn read(archive: &Path) -> Result<Self> {
        let small = small_files(archive)?;
        let json = |name: &str| -> Result<Value> {
            let bytes = small
                .get(name)
                .with_context(|| format!("no {name} in the archive"))?;
            Ok(serde_json::from_slice(bytes)?)
        };
        let manifest = json("manifest.json")?[0].take();
        let config = json(manifest["Config"].as_str().context("no Config")?)?;
        let names = manifest["Layers"].as_array().context("no Layers")?;
        let made = config["history"].as_array().into_iter().flatten();
        let is_base: Vec<bool> = made
            .filter(|entry| entry["empty_layer"] != true)
            .map(|entry| {
                entry["created_by"]
                    .as_str()
                    .is_some_and(|by| by.starts_with(BASE))
            })
            .collect();
        let mut tree = Tree::default();
        for (number, name) in names.iter().enumerate() {
            let base = is_base.get(number).copied().unwrap_or(false);
            let name = name.as_str().context("a layer's name")?;
            in_archive(archive, name, |layer| tree.apply(layer, base))?;
        }
        Ok(Self { config, tree })
    }
}

/// All files of an archive that may be JSON.
fn small_files(archive: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in Archive::new(File::open(archive)?).entries()? {
        let mut entry = entry?;
        if entry.size() < 1 << 20 {
            let mut bytes = Vec::new();
            let name = entry.path()?.display().to_string();
            entry.read_to_end(&mut bytes)?;
            found.insert(name, bytes);
        }
    }
    Ok(found)
}

fn in_archive(
    archive: &Path,
    name: &str,
    mut with: impl FnMut(&mut dyn Read) -> Result<()>,
) -> Result<()> {
    for entry in Archive::new(File::open(archive)?).entries()? {
        let mut entry = entry?;
        if entry.path()?.as_os_str() == name {
            return with(&mut entry);
        }
    }
    anyhow::bail!("no {name} in the archive")
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in ["os", "architecture", "variant", "author"] {
            said(f, key, &self.config[key])?;
        }
        if let Some(config) = self.config["config"].as_object() {
            for (key, value) in config {
                said(f, key, value)?;
            }
        }
        for entry in self.config["history"].as_array().into_iter().flatten() {
            let empty = if entry["empty_layer"] == true {
                " (no layer)"
            } else {
                ""
            };
            let by = entry["created_by"].as_str().unwrap_or_default();
            writeln!(f, "history {by:?}{empty}")?;
            if let Some(author) = entry["author"].as_str() {
                writeln!(f, "  by {author}")?;
            }
        }
        self.tree.fmt(f)
    }
}

/// A value of the configuration, if it says anything.
fn said(f: &mut fmt::Formatter<'_>, key: &str, value: &Value) -> fmt::Result {
    let nothing = match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    if nothing {
        Ok(())
    } else {
        writeln!(f, "{key} {value}")
    }
}
