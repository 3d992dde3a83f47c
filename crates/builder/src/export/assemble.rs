//! The documents of an image: manifests, statements about them, and the index.

use std::collections::BTreeMap;

use gantry_image::Image;
use gantry_reference::Reference;
use serde_json::{Value, json};

use super::document::{Descriptor, Document, Level, annotations, index, manifest, media};
use super::{Export, Results, provenance, sbom};
use crate::Error;

/// An image of one platform, with its layers as they are packed.
pub(super) struct Packed {
    pub platform: String,
    pub image: Image,
    pub layers: Vec<Descriptor>,
}

/// Documents that describe one another.
pub(super) struct Assembled {
    /// All but the last one that they lead to; those that are named by others first.
    pub parts: Vec<Document>,
    /// What a name leads to.
    pub top: Document,
}

impl Results<'_> {
    /// Makes the documents of images whose layers are packed.
    pub(super) fn assemble(
        &self,
        export: &Export,
        packed: &[Packed],
        names: &[Reference],
    ) -> Result<Assembled, Error> {
        let mut parts = Vec::new();
        let (mut described, mut statements) = (Vec::new(), Vec::new());
        for (number, one) in packed.iter().enumerate() {
            let config = Descriptor::new(
                media::CONFIG,
                one.image.id.digest().clone(),
                one.image.raw_config.len() as u64,
            );
            let of = |level| annotations(&export.annotations, level, &one.platform);
            let document = manifest(&config, &one.layers, &of(Level::Manifest));
            let mut descriptor = document.descriptor.clone();
            descriptor.platform = Some(platform(&one.image));
            descriptor.annotations = of(Level::ManifestDescriptor);
            let (outcome, about) = (&self.outcomes[number], &document.descriptor);
            let mut said = Vec::new();
            if self.attestation("sbom", export).is_some() {
                said.push(sbom::statement(self, outcome, about, names)?);
            }
            if let Some(options) = self.attestation("provenance", export) {
                let statement = provenance::statement(self, outcome, options, about, names);
                said.push(statement);
            }
            if !said.is_empty() {
                statements.push(attest(&said, about, &mut parts));
            }
            parts.push(document);
            described.push(descriptor);
        }
        let of_index = annotations(&export.annotations, Level::Index, "");
        let single = described.len() == 1
            && statements.is_empty()
            && of_index.is_empty()
            && !self.request.multi_platform;
        if single && let Some(top) = parts.pop() {
            return Ok(Assembled { parts, top });
        }
        described.extend(statements);
        let mut top = index(&described, &of_index);
        top.descriptor.annotations = annotations(&export.annotations, Level::IndexDescriptor, "");
        Ok(Assembled { parts, top })
    }

    /// Whether an export is to have statements about it.
    pub(super) fn attests(&self, export: &Export) -> bool {
        let kinds = ["sbom", "provenance"];
        kinds
            .iter()
            .any(|kind| self.attestation(kind, export).is_some())
    }

    /// The options of a statement that an export is to have.
    fn attestation(&self, kind: &str, export: &Export) -> Option<&BTreeMap<String, String>> {
        let options = self.request.attestations.get(kind)?;
        let is = |name: &str| options.get(name).is_some_and(|value| value == "true");
        let image = matches!(
            export.kind,
            super::ExportKind::Oci { .. } | super::ExportKind::Docker { .. }
        ) || export.push;
        let wanted = !is("disabled") && (image || !is("inline-only"));
        wanted.then_some(options)
    }
}

/// Adds the statements about an image and their manifest; gives what the index says of it.
fn attest(statements: &[Value], about: &Descriptor, parts: &mut Vec<Document>) -> Descriptor {
    let mut layers = Vec::new();
    for statement in statements {
        let bytes = statement.to_string().into_bytes();
        let mut layer = Descriptor::of(media::IN_TOTO, &bytes);
        let kind = statement["predicateType"].as_str().unwrap_or_default();
        layer.annotations = [("in-toto.io/predicate-type".to_owned(), kind.to_owned())].into();
        layers.push(layer.clone());
        parts.push(Document {
            descriptor: layer,
            bytes,
        });
    }
    let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let config = json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string().into_bytes();
    let described = Descriptor::of(media::CONFIG, &config);
    let document = manifest(&described, &layers, &BTreeMap::new());
    let mut descriptor = document.descriptor.clone();
    descriptor.platform = Some(json!({"architecture": "unknown", "os": "unknown"}));
    descriptor.annotations = [
        ("vnd.docker.reference.digest", about.digest.as_str()),
        ("vnd.docker.reference.type", "attestation-manifest"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    parts.push(Document {
        descriptor: described,
        bytes: config,
    });
    parts.push(document);
    descriptor
}

fn platform(image: &Image) -> Value {
    let mut value = json!({
        "architecture": image.config.architecture,
        "os": image.config.os,
    });
    if let Some(variant) = image.config.variant.as_ref().filter(|v| !v.is_empty()) {
        value["variant"] = variant.as_str().into();
    }
    value
}
