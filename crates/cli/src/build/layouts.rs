//! OCI layouts in folders of this machine: caches of type `local`, and images as named contexts.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::attributes::Attributes;
use super::run::Metadata;

/// What an entry of a layout's index is called by (image-spec, `annotations.md`).
const NAME: &str = "org.opencontainers.image.ref.name";
/// containerd's, with the whole name of an image.
const WHOLE_NAME: &str = "io.containerd.image.name";
const LATEST: &str = "latest";

/// A cache: its type and its attributes.
pub(crate) type Cache = (String, Attributes);

/// The layouts of a build.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    /// Folders by the names that the engine asks for them by.
    pub(crate) offered: HashMap<String, PathBuf>,
    /// Folders of caches that are written, and the name that the new one has there.
    written: Vec<(PathBuf, String)>,
    /// The folder for the result.
    result: Option<PathBuf>,
}

/// What an engine calls the layout for the result.
const RESULT: &str = "export";

impl Layouts {
    /// Offers a cache that is read; `false` if there is nothing in it yet.
    pub(crate) fn read_cache(&mut self, (kind, attributes): &mut Cache) -> Result<bool, String> {
        if kind != "local" {
            return Ok(true);
        }
        let folder = attributes.get("src").cloned().unwrap_or_default();
        if folder.is_empty() {
            return Err("--cache-from type=local needs src=FOLDER".to_owned());
        }
        if !attributes.contains_key("digest") {
            let tag = attributes.get("tag").map_or(LATEST, String::as_str);
            match digest_of(Path::new(&folder), Some(tag)) {
                Ok(digest) => drop(attributes.insert("digest".to_owned(), digest)),
                // As with every cache: without it the build goes on.
                Err(error) => {
                    eprintln!("WARNING: local cache import at {folder} not found: {error}");
                    return Ok(false);
                }
            }
        }
        self.offered
            .insert(format!("local:{folder}"), PathBuf::from(folder));
        Ok(true)
    }

    /// Offers a folder for a cache that is written.
    pub(crate) fn write_cache(&mut self, (kind, attributes): &Cache) -> Result<(), String> {
        if kind != "local" {
            return Ok(());
        }
        let folder = attributes.get("dest").cloned().unwrap_or_default();
        if folder.is_empty() {
            return Err("--cache-to type=local needs dest=FOLDER".to_owned());
        }
        fs::create_dir_all(&folder).map_err(|error| crate::create::open_error(&folder, &error))?;
        let tag = attributes.get("tag").map_or(LATEST, String::as_str);
        let path = PathBuf::from(&folder);
        self.written.push((path.clone(), tag.to_owned()));
        self.offered.insert(format!("local:{folder}"), path);
        Ok(())
    }

    /// Offers the layout of a named context, `DIR[:tag][@digest]`; gives it in the frontend's words.
    pub(crate) fn image(&mut self, place: &str) -> Result<String, String> {
        let (rest, digest) = match place.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (place, None),
        };
        let (folder, tag) = match rest.rsplit_once(':') {
            Some((folder, tag)) if !tag.contains('/') => (folder, Some(tag)),
            _ => (rest, None),
        };
        let digest = match digest {
            Some(digest) => digest,
            None => digest_of(Path::new(folder), tag)
                .map_err(|error| format!("oci-layout://{place}: {error}"))?,
        };
        let name = gantry_build_client::new_id().map_err(|error| error.to_string())?;
        self.offered
            .insert(format!("oci:{name}"), PathBuf::from(folder));
        let tag = tag.unwrap_or(LATEST);
        Ok(format!("oci-layout://{name}:{tag}@{digest}"))
    }

    /// Offers a folder for the result.
    pub(crate) fn write_image(&mut self, folder: &Path) -> Result<(), String> {
        fs::create_dir_all(folder)
            .map_err(|error| crate::create::open_error(&folder.to_string_lossy(), &error))?;
        self.offered.insert(RESULT.to_owned(), folder.to_owned());
        self.result = Some(folder.to_owned());
        Ok(())
    }

    /// Names what the engine has put into folders, by what it says of that.
    pub(crate) fn name_written(&self, told: &Metadata) -> Result<(), String> {
        let read = |text: &[u8]| {
            serde_json::from_slice::<Value>(text)
                .map_err(|error| format!("the engine's answer about a layout: {error}"))
        };
        if let Some(text) = told.get("cache.manifest") {
            let descriptor = read(text.as_bytes())?;
            for (folder, tag) in &self.written {
                name(folder, Some(tag), None, &descriptor)?;
            }
        }
        if let (Some(folder), Some(text)) = (&self.result, told.get("containerimage.descriptor")) {
            let descriptor = read(&STANDARD.decode(text).unwrap_or_default())?;
            let names = told.get("image.name").map_or("", String::as_str);
            for whole in names.split(',') {
                let tag = whole.rsplit_once(':').map(|(_, tag)| tag);
                name(
                    folder,
                    tag,
                    Some(whole).filter(|w| !w.is_empty()),
                    &descriptor,
                )?;
            }
        }
        Ok(())
    }
}

fn index(folder: &Path) -> Result<Value, String> {
    let path = folder.join("index.json");
    let bytes = fs::read(&path)
        .map_err(|error| crate::create::open_error(&path.to_string_lossy(), &error))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// The digest of what a layout calls so; without a name that of the only one there is, or of the latest.
fn digest_of(folder: &Path, tag: Option<&str>) -> Result<String, String> {
    let index = index(folder)?;
    let all = index["manifests"].as_array().map_or(&[][..], Vec::as_slice);
    let wanted = tag.unwrap_or(LATEST);
    let called = |entry: &&Value| entry["annotations"][NAME] == wanted;
    let found = match (tag, all) {
        (None, [only]) => Some(only),
        _ => all.iter().find(called),
    };
    let digest = found.and_then(|entry| entry["digest"].as_str());
    digest
        .map(str::to_owned)
        .ok_or_else(|| format!("nothing in {} is called {wanted}", folder.display()))
}

/// Gives something in a layout a name, which it takes from whatever had it.
fn name(
    folder: &Path,
    tag: Option<&str>,
    whole: Option<&str>,
    descriptor: &Value,
) -> Result<(), String> {
    let mut all = match index(folder) {
        Ok(index) => index["manifests"].as_array().cloned().unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let mut entry = descriptor.clone();
    for (key, value) in [(NAME, tag), (WHOLE_NAME, whole)] {
        if let Some(value) = value {
            entry["annotations"][key] = value.into();
        }
    }
    all.retain(|other| match tag {
        Some(tag) => other["annotations"][NAME] != tag,
        None => other["digest"] != descriptor["digest"],
    });
    all.push(entry);
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": all,
    });
    write(folder, "oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    write(folder, "index.json", &index.to_string())
}

/// Written beside and renamed over: whoever reads meanwhile sees the old or the new one.
fn write(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = folder.join(name);
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let half = folder.join(format!(".{name}.new"));
    fs::write(&half, text).map_err(failed)?;
    fs::rename(&half, &path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_layout_move() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let cache = |key: &str| {
            let attributes = [(key.to_owned(), place.to_owned())].into();
            ("local".to_owned(), attributes)
        };
        let mut layouts = Layouts::default();
        assert!(!layouts.read_cache(&mut cache("src")).unwrap());
        layouts.write_cache(&cache("dest")).unwrap();
        for digest in ["sha256:1", "sha256:2"] {
            let told = json!({"digest": digest, "size": 1}).to_string();
            let told = [("cache.manifest".to_owned(), told)].into();
            layouts.name_written(&told).unwrap();
        }
        let other = json!({"digest": "sha256:3"});
        name(folder.path(), Some("other"), None, &other).unwrap();
        let mut read = cache("src");
        assert!(layouts.read_cache(&mut read).unwrap());
        assert_eq!(read.1["digest"], "sha256:2");
        let called = layouts.image(&format!("{place}:other")).unwrap();
        assert!(called.ends_with(":other@sha256:3"), "{called}");
        assert!(layouts.image(&format!("{place}:none")).is_err());
        let called = layouts.image(&format!("{place}@sha256:9")).unwrap();
        assert!(called.ends_with(":latest@sha256:9"), "{called}");
        let name = called.trim_start_matches("oci-layout://");
        let name = name.split(':').next().unwrap();
        assert_eq!(layouts.offered[&format!("oci:{name}")], folder.path());
    }
}
