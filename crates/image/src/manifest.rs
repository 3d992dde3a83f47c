//! Manifests, indexes and configurations: reading them and holding them to their rules.
//!
//! OCI image-spec 1.1 (`manifest.md`, `image-index.md`, `config.md`) and Docker's schema 2, which
//! differs in media types only. Foreign bytes: nothing here may panic.

use gantry_oci::ImageConfig;
use gantry_reference::Digest;
use serde::Deserialize;

use crate::{Error, Platform};

/// The media types that are understood.
pub(crate) mod media {
    pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub(crate) const DOCKER_LIST: &str =
        "application/vnd.docker.distribution.manifest.list.v2+json";
    pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub(crate) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    pub(crate) const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
}

/// At most this many layers; the kernel's overlay takes 500.
const LAYERS_MAX: usize = 500;

/// Where some bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default)]
    pub platform: Option<DescriptorPlatform>,
    #[serde(default)]
    pub annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// The platform as manifests write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DescriptorPlatform {
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub variant: Option<String>,
}

impl From<&DescriptorPlatform> for Platform {
    fn from(from: &DescriptorPlatform) -> Self {
        Self {
            os: from.os.clone(),
            architecture: from.architecture.clone(),
            variant: from.variant.clone().filter(|variant| !variant.is_empty()),
        }
    }
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

/// Several images, one per platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Index {
    pub manifests: Vec<Descriptor>,
}

/// What a registry or an archive has under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    Manifest(Manifest),
    Index(Index),
}

/// Enough to tell what a document is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    config: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    layers: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
}

/// Reads a manifest or an index. `media_type` is what came with it (or nothing).
pub(crate) fn parse_document(
    name: &str,
    media_type: &str,
    bytes: &[u8],
) -> Result<Document, Error> {
    let shape: Shape = json("manifest", name, bytes)?;
    let said = if shape.media_type.is_empty() {
        media_type
    } else {
        &shape.media_type
    };
    let unsupported = || Error::MediaType {
        name: name.to_owned(),
        media_type: said.to_owned(),
    };
    let is_manifest = shape.config.is_some() && shape.layers.is_some();
    // A document that is both was once used to show different images to different readers
    // (CVE-2021-41190).
    if shape.schema_version != 2 || (is_manifest && shape.manifests.is_some()) {
        return Err(unsupported());
    }
    match said {
        media::DOCKER_LIST | media::OCI_INDEX if !is_manifest => index(name, bytes),
        media::DOCKER_MANIFEST | media::OCI_MANIFEST if is_manifest => manifest(name, bytes),
        "" | "application/json" | "application/octet-stream" if is_manifest => {
            manifest(name, bytes)
        }
        "" | "application/json" | "application/octet-stream" if shape.manifests.is_some() => {
            index(name, bytes)
        }
        _ => Err(unsupported()),
    }
}

/// What a document says that it is.
pub(crate) fn media_type_of(bytes: &[u8]) -> Option<String> {
    let shape: Shape = serde_json::from_slice(bytes).ok()?;
    Some(shape.media_type).filter(|text| !text.is_empty())
}

fn index(name: &str, bytes: &[u8]) -> Result<Document, Error> {
    json("index", name, bytes).map(Document::Index)
}

fn manifest(name: &str, bytes: &[u8]) -> Result<Document, Error> {
    let manifest: Manifest = json("manifest", name, bytes)?;
    check_count(name, manifest.layers.len())?;
    Ok(Document::Manifest(manifest))
}

/// The kernel stacks no more layers than this.
pub(crate) fn check_count(name: &str, count: usize) -> Result<(), Error> {
    if count > LAYERS_MAX {
        let reason = format!("{count} layers; at most {LAYERS_MAX}");
        return Err(malformed("manifest", name, reason));
    }
    Ok(())
}

/// Reads an image's configuration.
pub(crate) fn parse_config(name: &str, bytes: &[u8]) -> Result<ImageConfig, Error> {
    json("configuration", name, bytes)
}

/// The configuration as bytes, for images that are made here.
#[expect(clippy::expect_used, reason = "the type has string keys only")]
pub(crate) fn config_bytes(config: &ImageConfig) -> Vec<u8> {
    serde_json::to_vec(config).expect("plain data serialises")
}

/// The layers' diff IDs, held to the number of layers in the manifest.
pub(crate) fn diff_ids(
    name: &str,
    config: &ImageConfig,
    layers: usize,
) -> Result<Vec<Digest>, Error> {
    let listed = &config.rootfs.diff_ids;
    if listed.len() != layers {
        let reason = format!("{} diff IDs for {layers} layers", listed.len());
        return Err(malformed("configuration", name, reason));
    }
    let parse = |text: &String| {
        Digest::parse(text)
            .map_err(|error| malformed("configuration", name, format!("diff ID {text:?}: {error}")))
    };
    listed.iter().map(parse).collect()
}

impl Index {
    /// The manifest for a platform: the first that fits, one with the very variant before others.
    pub(crate) fn select(&self, platform: &Platform) -> Option<&Descriptor> {
        let fits = |descriptor: &&Descriptor| {
            descriptor
                .platform
                .as_ref()
                .is_some_and(|offered| platform.accepts(&offered.into()))
        };
        let plain = |descriptor: &&Descriptor| {
            descriptor
                .platform
                .as_ref()
                .is_some_and(|p| Platform::from(p).variant.is_none())
        };
        let mut fitting = self.manifests.iter().filter(fits);
        if platform.variant.is_none()
            && let Some(found) = self.manifests.iter().filter(fits).find(plain)
        {
            return Some(found);
        }
        // An index of one without a platform is not about platforms.
        fitting.next().or(match &self.manifests[..] {
            [only] if only.platform.is_none() => Some(only),
            _ => None,
        })
    }
}

fn json<T: for<'de> Deserialize<'de>>(
    what: &'static str,
    name: &str,
    bytes: &[u8],
) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| malformed(what, name, error.to_string()))
}

pub(crate) fn malformed(what: &'static str, name: &str, reason: String) -> Error {
    Error::Malformed {
        what,
        name: name.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> String {
        format!("sha256:{}", format!("{n:02x}").repeat(32))
    }

    #[test]
    fn an_index_is_searched_for_the_platform() {
        let entry = |n: u8, os: &str, architecture: &str, variant: &str| {
            format!(
                r#"{{"mediaType":"{}","digest":"{}","size":1,"platform":{{"os":"{os}","architecture":"{architecture}","variant":"{variant}"}}}}"#,
                media::OCI_MANIFEST,
                digest(n)
            )
        };
        let entries = [
            entry(1, "unknown", "unknown", ""),
            entry(2, "linux", "arm64", "v8"),
            entry(3, "linux", "amd64", "v3"),
            entry(4, "linux", "amd64", ""),
        ];
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
            media::OCI_INDEX,
            entries.join(",")
        );
        let Ok(Document::Index(index)) = parse_document("x", "", text.as_bytes()) else {
            panic!()
        };
        let pick = |platform: &str| {
            index
                .select(&platform.parse().unwrap())
                .map(|found| found.digest.to_string())
        };
        assert_eq!(pick("linux/amd64"), Some(digest(4)));
        assert_eq!(pick("linux/amd64/v3"), Some(digest(3)));
        assert_eq!(pick("linux/arm64"), Some(digest(2)));
        assert_eq!(pick("linux/s390x"), None);
    }

    #[test]
    fn documents_that_are_two_things_or_none_are_refused() {
        let config = format!(
            r#""config":{{"digest":"{}","size":1}},"layers":[]"#,
            digest(1)
        );
        let both = format!(r#"{{"schemaVersion":2,{config},"manifests":[]}}"#);
        assert!(matches!(
            parse_document("x", "", both.as_bytes()),
            Err(Error::MediaType { .. })
        ));
        let old = br#"{"schemaVersion":1,"fsLayers":[]}"#;
        assert!(matches!(
            parse_document("x", "", old),
            Err(Error::MediaType { .. })
        ));
        let confused = format!(r#"{{"schemaVersion":2,{config}}}"#);
        let result = parse_document("x", media::OCI_INDEX, confused.as_bytes());
        assert!(matches!(result, Err(Error::MediaType { .. })));
        assert!(parse_document("x", media::OCI_MANIFEST, confused.as_bytes()).is_ok());
        assert!(matches!(
            parse_document("x", "", b"{"),
            Err(Error::Malformed { .. })
        ));
    }

    #[test]
    fn diff_ids_are_counted_and_checked() {
        let mut config = ImageConfig::default();
        config.rootfs.diff_ids = vec![digest(1)];
        assert_eq!(diff_ids("x", &config, 1).unwrap().len(), 1);
        assert!(diff_ids("x", &config, 2).is_err());
        config.rootfs.diff_ids = vec!["../../etc".into()];
        assert!(diff_ids("x", &config, 1).is_err());
    }
}
