//! Manifests and indexes as JSON (image-spec, `manifest.md` and `image-index.md`).

use std::collections::BTreeMap;

use gantry_archive::Digester;
use gantry_reference::Digest;
use serde_json::{Map, Value, json};

/// Media types.
pub(crate) mod media {
    pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub(crate) const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
}

/// Where some bytes are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    pub platform: Option<Value>,
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Of these bytes.
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digester::sha256(bytes), bytes.len() as u64)
    }

    pub(crate) fn json(&self) -> Value {
        let mut value = Map::new();
        value.insert("mediaType".to_owned(), self.media_type.as_str().into());
        value.insert("digest".to_owned(), self.digest.as_str().into());
        value.insert("size".to_owned(), self.size.into());
        if !self.annotations.is_empty() {
            value.insert("annotations".to_owned(), json!(self.annotations));
        }
        if let Some(platform) = &self.platform {
            value.insert("platform".to_owned(), platform.clone());
        }
        Value::Object(value)
    }
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
}

/// A manifest.
pub(crate) fn manifest(
    config: &Descriptor,
    layers: &[Descriptor],
    annotations: &BTreeMap<String, String>,
) -> Document {
    let layers: Vec<Value> = layers.iter().map(Descriptor::json).collect();
    let value = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": config.json(),
        "layers": layers,
    });
    document(media::MANIFEST, value, annotations)
}

/// An index.
pub(crate) fn index(manifests: &[Descriptor], annotations: &BTreeMap<String, String>) -> Document {
    let manifests: Vec<Value> = manifests.iter().map(Descriptor::json).collect();
    let value = json!({
        "schemaVersion": 2,
        "mediaType": media::INDEX,
        "manifests": manifests,
    });
    document(media::INDEX, value, annotations)
}

fn document(
    media_type: &str,
    mut value: Value,
    annotations: &BTreeMap<String, String>,
) -> Document {
    if !annotations.is_empty() {
        value["annotations"] = json!(annotations);
    }
    let bytes = format!("{value:#}").into_bytes();
    Document {
        descriptor: Descriptor::of(media_type, &bytes),
        bytes,
    }
}

/// Annotations by where they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Manifest,
    ManifestDescriptor,
    Index,
    IndexDescriptor,
}

/// Those of an export's annotations that go to a place; `platform` is that of the manifest in question.
///
/// A key is `key`, `LEVEL:key` or `LEVEL[PLATFORM]:key`, with several levels between commas.
pub(crate) fn annotations(
    all: &BTreeMap<String, String>,
    level: Level,
    platform: &str,
) -> BTreeMap<String, String> {
    let name = match level {
        Level::Manifest => "manifest",
        Level::ManifestDescriptor => "manifest-descriptor",
        Level::Index => "index",
        Level::IndexDescriptor => "index-descriptor",
    };
    let fits = |place: &str| {
        let (level, of) = place.split_once('[').unwrap_or((place, ""));
        level == name && (of.is_empty() || of.trim_end_matches(']') == platform)
    };
    let chosen = all.iter().filter_map(|(key, value)| {
        let levels = ["manifest", "index"];
        let placed = key
            .split_once(':')
            .filter(|(places, _)| levels.iter().any(|level| places.starts_with(level)));
        let (places, key) = placed.unwrap_or(("manifest", key));
        places
            .split(',')
            .any(fits)
            .then(|| (key.to_owned(), value.clone()))
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_go_where_their_keys_say() {
        let all: BTreeMap<String, String> = [
            ("plain", "1"),
            ("manifest[linux/arm64]:arm", "2"),
            ("index,manifest-descriptor:both", "3"),
            ("com.example:key", "4"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let at = |level, platform: &str| {
            let found = annotations(&all, level, platform);
            found.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(
            at(Level::Manifest, "linux/amd64"),
            ["com.example:key", "plain"]
        );
        assert_eq!(
            at(Level::Manifest, "linux/arm64"),
            ["arm", "com.example:key", "plain"]
        );
        assert_eq!(at(Level::Index, ""), ["both"]);
        assert_eq!(at(Level::ManifestDescriptor, ""), ["both"]);
        assert!(at(Level::IndexDescriptor, "").is_empty());
    }
}
