//! Caches at registries.

use std::collections::BTreeMap;
use std::sync::Arc;

use gantry_engine::PullRequest;
use gantry_image::PushRequest;
use gantry_reference::{Digest, ImageId, Reference};
use gantry_registry_client::Repository;
use serde_json::Value;

use super::{SharedKey, keys_of, manifests};
use crate::export::{Descriptor, Document, index, manifest, media};
use crate::{Builder, CacheStore, Error, Request};

/// A configuration larger than this is refused.
const CONFIG_MAX: usize = 8 << 20;

impl CacheStore {
    pub(super) fn reference(&self) -> Result<Reference, Error> {
        let name = self.option("ref");
        let mut reference = Reference::parse(name).map_err(gantry_image::Error::from)?;
        if reference.tag().is_none() && reference.digest().is_none() {
            let latest = reference.with_tag(gantry_reference::DEFAULT_TAG);
            reference = latest.map_err(gantry_image::Error::from)?;
        }
        Ok(reference)
    }
}

impl Builder {
    pub(super) async fn import_registry(
        &self,
        from: &CacheStore,
        request: &Request,
    ) -> Result<(), Error> {
        let reference = from.reference()?;
        let login = request.login(reference.domain()).await?;
        let credentials = self.engine.images.credentials(login.clone())?;
        let registry = self.engine.images.store().registry();
        let repository = registry.repository(&reference, credentials);
        let failed = gantry_image::Error::from;
        let top = repository
            .manifest(reference.target())
            .await
            .map_err(failed)?;
        for digest in manifests(&parsed(&top.bytes)?, top.digest.as_str()) {
            let digest = Digest::parse(&digest)
                .map_err(|_| Error::Invalid(format!("the cache names the digest {digest:?}")))?;
            let keys = keys_at(&repository, &digest).await?;
            if self.knows(&keys) {
                continue;
            }
            let by_digest = reference.with_digest(digest).to_string();
            let pull = PullRequest {
                image: by_digest.clone(),
                tag: String::new(),
                platform: None,
                auth: login.clone(),
            };
            self.engine.images.pull(pull, Arc::new(|_| {})).await?;
            let image = self.engine.images.store().resolve(&by_digest)?;
            self.take_over(&image, &keys)?;
            self.forget(&by_digest);
        }
        Ok(())
    }

    pub(super) async fn export_registry(
        &self,
        to: &CacheStore,
        request: &Request,
        images: &[ImageId],
    ) -> Result<Document, Error> {
        let reference = to.reference()?;
        let login = request.login(reference.domain()).await?;
        let credentials = self.engine.images.credentials(login)?;
        let push = PushRequest {
            reference: reference.clone(),
            credentials: credentials.clone(),
        };
        let store = self.engine.images.store();
        let repository = store.registry().repository_to_push(&reference, credentials);
        let failed = gantry_image::Error::from;
        let mut described = Vec::new();
        for image in images {
            let layers = store.push_parts(&push, image, Arc::new(())).await?;
            let layers: Vec<Descriptor> = layers
                .into_iter()
                .map(|layer| Descriptor::new(media::LAYER_GZIP, layer.digest, layer.size))
                .collect();
            let config = store.get(image)?.raw_config;
            let config = Descriptor::of(media::CONFIG, &config);
            let document = manifest(&config, &layers, &BTreeMap::new());
            let target = gantry_reference::Target::Digest(&document.descriptor.digest);
            let put = repository.put_manifest(target, media::MANIFEST, &document.bytes);
            put.await.map_err(failed)?;
            described.push(document.descriptor);
        }
        let top = index(&described, &BTreeMap::new());
        let put = repository.put_manifest(reference.target(), media::INDEX, &top.bytes);
        put.await.map_err(failed)?;
        Ok(top)
    }
}

/// The keys that a manifest's configuration has.
async fn keys_at(repository: &Repository, digest: &Digest) -> Result<Vec<SharedKey>, Error> {
    let failed = gantry_image::Error::from;
    let target = gantry_reference::Target::Digest(digest);
    let manifest = repository.manifest(target).await.map_err(failed)?;
    let manifest: Value = parsed(&manifest.bytes)?;
    let config = manifest["config"]["digest"].as_str().unwrap_or_default();
    let config = Digest::parse(config)
        .map_err(|_| Error::Invalid("a cache's manifest has no configuration".to_owned()))?;
    let mut blob = repository.blob(&config, 0).await.map_err(failed)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = blob.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > CONFIG_MAX {
            return Err(Error::Invalid(
                "a cache's configuration is too large".to_owned(),
            ));
        }
    }
    Ok(keys_of(&parsed(&bytes)?))
}

fn parsed(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::Invalid(format!("a cache's document cannot be read: {e}")))
}
