//! An OCI image layout (image-spec, `image-layout.md`) in a tar.

use gantry_archive::Digester;
use gantry_reference::{Digest, Reference};

use super::parts::Parts;
use super::{Described, pair};
use crate::manifest::{self, Descriptor, Document, Index, Manifest};
use crate::{Error, Platform};

pub(super) const INDEX: &str = "index.json";

/// containerd's annotation with the whole name.
const FULL_NAME: &str = "io.containerd.image.name";
/// The specification's, which may hold a whole name or a mere tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Indexes in indexes are followed so deep.
const INDEX_DEPTH: usize = 3;

/// The images of a platform that `index.json` lists.
pub(super) fn describe(parts: &Parts, host: &Platform) -> Result<Vec<Described>, Error> {
    let bytes = parts.small("index", INDEX)?;
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|error| manifest::malformed("index", INDEX, error.to_string()))?;
    let mut images: Vec<Described> = Vec::new();
    for descriptor in &index.manifests {
        let Some(mut image) = resolve(parts, host, descriptor, INDEX_DEPTH)? else {
            continue;
        };
        image.names.extend(name(descriptor)?);
        // One image may stand in the index several times, under different names.
        match images.iter_mut().find(|known| known.config == image.config) {
            Some(known) => known.names.extend(image.names),
            None => images.push(image),
        }
    }
    if images.is_empty() {
        return Err(Error::NoPlatform {
            platform: host.to_string(),
        });
    }
    Ok(images)
}

/// The image of a descriptor; `None` if it is for another platform.
fn resolve(
    parts: &Parts,
    host: &Platform,
    descriptor: &Descriptor,
    depth: usize,
) -> Result<Option<Described>, Error> {
    let other = |platform| !host.accepts(&Platform::from(platform));
    if descriptor.platform.as_ref().is_some_and(other) {
        return Ok(None);
    }
    let digest = &descriptor.digest;
    let bytes = verified(parts, "manifest", digest)?;
    match manifest::parse_document(digest.as_str(), &descriptor.media_type, &bytes)? {
        Document::Manifest(manifest) => image(parts, digest, bytes, &manifest).map(Some),
        Document::Index(index) => {
            let chosen = index.select(host).filter(|_| depth > 0);
            let Some(chosen) = chosen else {
                return Ok(None);
            };
            let mut image = resolve(parts, host, chosen, depth - 1)?;
            if let Some(image) = &mut image {
                image.documents.push((digest.clone(), bytes));
            }
            Ok(image)
        }
    }
}

fn image(
    parts: &Parts,
    digest: &Digest,
    bytes: Vec<u8>,
    manifest: &Manifest,
) -> Result<Described, Error> {
    let config = verified(parts, "configuration", &manifest.config.digest)?;
    let entries = manifest
        .layers
        .iter()
        .map(|layer| entry(&layer.digest))
        .collect();
    let (parsed, layers) = pair(digest.as_str(), &config, entries)?;
    let documents = vec![(digest.clone(), bytes)];
    Ok(Described {
        config,
        parsed,
        documents,
        layers,
        names: Vec::new(),
    })
}

fn verified(parts: &Parts, what: &'static str, digest: &Digest) -> Result<Vec<u8>, Error> {
    let bytes = parts.small(what, &entry(digest))?;
    let actual = Digester::digest(digest.algorithm(), &bytes);
    if actual != *digest {
        let expected = digest.clone();
        return Err(gantry_content::Error::DigestMismatch { expected, actual }.into());
    }
    Ok(bytes)
}

fn entry(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// A mere tag names no repository, and so no image.
fn name(descriptor: &Descriptor) -> Result<Option<Reference>, Error> {
    let annotations = descriptor.annotations.as_ref();
    let annotation = |key: &str| annotations.and_then(|all| all.get(key));
    let whole = |name: &&String| name.contains([':', '/']);
    let name = annotation(FULL_NAME).or_else(|| annotation(REF_NAME).filter(whole));
    let Some(name) = name else { return Ok(None) };
    let reference = Reference::parse(name)?;
    Ok(reference.digest().is_none().then_some(reference))
}
