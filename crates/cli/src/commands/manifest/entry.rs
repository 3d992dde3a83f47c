//! A manifest as Docker's files and `inspect --verbose` have it.

use gantry_reference::{Digest, Reference};
use gantry_registry_client::Document;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;

/// What Docker's own manifests call themselves.
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A manifest: where it is, what a list says of it, and its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ImageManifest {
    #[serde(rename = "Ref")]
    pub(super) reference: Reference,
    #[serde(rename = "Descriptor")]
    pub(super) descriptor: Descriptor,
    /// Files of old versions of Docker have none.
    #[serde(rename = "Raw", default, with = "base64_bytes")]
    pub(super) raw: Vec<u8>,
    #[serde(
        rename = "SchemaV2Manifest",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    schema2: Option<Value>,
    #[serde(
        rename = "OCIManifest",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    oci: Option<Value>,
}

/// What a list says of a manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
    /// Whatever else a list says of it.
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// For which machines an image is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Platform {
    pub(super) architecture: String,
    pub(super) os: String,
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub(super) os_version: String,
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub(super) os_features: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) variant: String,
}

impl ImageManifest {
    pub(super) fn new(
        reference: &Reference,
        descriptor: Descriptor,
        raw: Vec<u8>,
        manifest: Value,
    ) -> Self {
        let docker = descriptor.media_type.starts_with("application/vnd.docker.");
        let (schema2, oci) = if docker {
            (Some(manifest), None)
        } else {
            (None, Some(manifest))
        };
        Self {
            reference: reference.clone(),
            descriptor,
            raw,
            schema2,
            oci,
        }
    }

    /// The manifest itself.
    pub(super) fn manifest(&self) -> Option<&Value> {
        self.schema2.as_ref().or(self.oci.as_ref())
    }

    /// The bytes that have the digest; a file that somebody has changed has none.
    pub(super) fn verified(&self) -> Result<&[u8], Failure> {
        let told = |reason: String| Failure::new(format!("{}: {reason}", self.reference));
        let digest =
            Digest::parse(&self.descriptor.digest).map_err(|error| told(error.to_string()))?;
        let actual = gantry_archive::Digester::digest(digest.algorithm(), &self.raw);
        if actual != digest {
            return Err(told(format!("its bytes are not those of {digest}")));
        }
        Ok(&self.raw)
    }

    /// Digests of its configuration and layers.
    pub(super) fn blobs(&self) -> Result<Vec<Digest>, Failure> {
        let manifest = self.manifest().unwrap_or(&Value::Null);
        let layers = manifest["layers"].as_array().into_iter().flatten();
        std::iter::once(&manifest["config"])
            .chain(layers)
            .map(|blob| {
                let text = blob["digest"].as_str().unwrap_or_default();
                Digest::parse(text).map_err(|error| Failure::new(format!("{text}: {error}")))
            })
            .collect()
    }
}

impl Descriptor {
    /// Of a document that stands for itself.
    pub(super) fn of(document: &Document, parsed: &Value) -> Self {
        let media_type = parsed["mediaType"].as_str().unwrap_or(&document.media_type);
        Self {
            media_type: media_type.to_owned(),
            digest: document.digest.to_string(),
            size: document.bytes.len() as u64,
            platform: None,
            rest: serde_json::Map::new(),
        }
    }
}

impl Platform {
    /// What an image's configuration says; nothing for what is no image.
    pub(super) fn of_configuration(config: &Value) -> Self {
        serde_json::from_value(config.clone()).unwrap_or_default()
    }
}

/// Bytes, as Go writes them into JSON.
mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = Option::<String>::deserialize(from)?.unwrap_or_default();
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
