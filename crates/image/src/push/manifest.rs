//! The manifest of a pushed image.

use std::collections::HashMap;

use gantry_archive::Digester;
use gantry_reference::Digest;
use gantry_registry_client::Document;
use serde::Serialize;

use crate::catalog::Origin;
use crate::images::SMALL_BLOB_MAX;
use crate::manifest::{self, media};
use crate::{Error, Image, Images};

/// A layer's compressed form, as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
}

impl From<Form> for Origin {
    fn from(form: Form) -> Self {
        Self {
            digest: form.digest,
            size: form.size,
            media_type: form.media_type,
            repositories: Vec::new(),
        }
    }
}

impl From<Origin> for Form {
    fn from(origin: Origin) -> Self {
        Self {
            media_type: origin.media_type,
            digest: origin.digest,
            size: origin.size,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Entry<'a>,
    layers: Vec<Entry<'a>>,
}

/// Docker's order of keys.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    media_type: &'a str,
    size: u64,
    digest: &'a Digest,
}

impl Images {
    /// The forms in which an image's layers were pulled, by diff ID.
    pub(super) fn pulled_forms(&self, image: &Image) -> HashMap<Digest, Form> {
        let Some((_, manifest)) = self.own_manifest(image) else {
            return HashMap::new();
        };
        let form = |layer: manifest::Descriptor| Form {
            media_type: layer.media_type,
            digest: layer.digest,
            size: layer.size,
        };
        let forms = manifest.layers.into_iter().map(form);
        image.layers.iter().cloned().zip(forms).collect()
    }

    /// The manifest that an image came with, if it is here and about these layers.
    fn own_manifest(&self, image: &Image) -> Option<(Document, manifest::Manifest)> {
        let digest = image.manifest.clone()?;
        let bytes = self.0.content.read(&digest, SMALL_BLOB_MAX).ok()?;
        let parsed = manifest::parse_document(digest.as_str(), "", &bytes).ok()?;
        let manifest::Document::Manifest(parsed) = parsed else {
            return None;
        };
        let media_type =
            manifest::media_type_of(&bytes).unwrap_or_else(|| media::OCI_MANIFEST.to_owned());
        let document = Document {
            media_type,
            digest,
            bytes,
        };
        let fits =
            parsed.layers.len() == image.layers.len() && parsed.config.digest == *image.id.digest();
        fits.then_some((document, parsed))
    }

    /// The manifest to push: the one that the image came with, if the registry has its layers in
    /// that form, else one made for the forms that it has.
    pub(super) fn manifest_to_push(
        &self,
        image: &Image,
        forms: &[Form],
    ) -> Result<Document, Error> {
        if let Some((document, own)) = self.own_manifest(image) {
            let same = own.layers.iter().map(|layer| &layer.digest);
            if same.eq(forms.iter().map(|form| &form.digest)) {
                return Ok(document);
            }
        }
        made(image, forms)
    }
}

/// Docker's schema 2 if it can name all forms, else an OCI manifest.
fn made(image: &Image, forms: &[Form]) -> Result<Document, Error> {
    let gzip = |form: &Form| is_gzip(&form.media_type);
    let docker = forms.iter().all(gzip);
    let (media_type, config_type) = if docker {
        (media::DOCKER_MANIFEST, media::DOCKER_CONFIG)
    } else {
        (media::OCI_MANIFEST, media::OCI_CONFIG)
    };
    let layer = |form: &Form| match (docker, gzip(form)) {
        (true, _) => media::DOCKER_LAYER.to_owned(),
        (false, true) => media::OCI_LAYER_GZIP.to_owned(),
        (false, false) => form.media_type.clone(),
    };
    let types: Vec<String> = forms.iter().map(layer).collect();
    let layers = forms.iter().zip(&types).map(|(form, media_type)| Entry {
        media_type,
        size: form.size,
        digest: &form.digest,
    });
    let body = Body {
        schema_version: 2,
        media_type,
        config: Entry {
            media_type: config_type,
            size: image.raw_config.len() as u64,
            digest: image.id.digest(),
        },
        layers: layers.collect(),
    };
    let bytes = pretty(&body)
        .map_err(|error| manifest::malformed("manifest", image.id.as_str(), error.to_string()))?;
    Ok(Document {
        media_type: media_type.to_owned(),
        digest: Digester::sha256(&bytes),
        bytes,
    })
}

/// With Docker's indent of three spaces.
fn pretty(body: &Body<'_>) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"   ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    body.serialize(&mut serializer)?;
    Ok(bytes)
}

fn is_gzip(media_type: &str) -> bool {
    matches!(media_type, media::DOCKER_LAYER | media::OCI_LAYER_GZIP)
}
