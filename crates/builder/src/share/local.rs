//! Caches in OCI layouts that the side that asked for the build holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use gantry_reference::{Digest, ImageId};

use super::{keys_of, manifests};
use crate::export::{Blobs, Compression, Document, index, manifest, media};
use crate::layout::Layout;
use crate::{Asker, Builder, CacheStore, Error, Request};

impl CacheStore {
    /// What the other side calls the layout; `direction` is `to` or `from`.
    pub(super) fn layout(&self, direction: &str) -> Result<String, Error> {
        let place = if direction == "to" { "dest" } else { "src" };
        match self.option(place) {
            "" => Err(Error::Invalid(format!(
                "--cache-{direction} type=local needs {place}=FOLDER"
            ))),
            folder => Ok(format!("local:{folder}")),
        }
    }
}

fn asker(request: &Request) -> Result<&Arc<dyn Asker>, Error> {
    request
        .asker
        .as_ref()
        .ok_or_else(|| Error::Invalid("there is nobody to ask for a cache in a folder".to_owned()))
}

impl Builder {
    pub(super) async fn import_layout(
        &self,
        from: &CacheStore,
        request: &Request,
    ) -> Result<(), Error> {
        let name = from.layout("from")?;
        let layout = Layout::open(self, asker(request)?, &name)?;
        let top = from.option("digest");
        let document = layout.document(top).await?;
        for digest in manifests(&document, top) {
            let manifest = layout.document(&digest).await?;
            let config = manifest["config"]["digest"].as_str().unwrap_or_default();
            let keys = keys_of(&layout.document(config).await?);
            if keys.is_empty() || self.knows(&keys) {
                continue;
            }
            let id = Digest::parse(config).map(ImageId::new);
            let here = id.is_ok_and(|id| self.engine.images.store().contains(&id));
            let image = layout.image(&digest, &manifest, None).await?;
            self.take_over(&image, &keys)?;
            if !here {
                self.forget(image.id.as_str());
            }
        }
        Ok(())
    }

    pub(super) async fn export_layout(
        &self,
        to: &CacheStore,
        request: &Request,
        images: &[ImageId],
    ) -> Result<Document, Error> {
        let (asker, name) = (asker(request)?, to.layout("to")?);
        let compression = Compression::parse(to.option("compression"))?;
        let store = self.engine.images.store();
        // On this thread, with the build's own data; others go on meanwhile.
        let (blobs, top) = tokio::task::block_in_place(|| {
            let mut blobs = Blobs::new(store, self.folder());
            let mut described = Vec::new();
            for image in images {
                let image = store.get(image)?;
                let mut layers = Vec::new();
                for layer in &image.layers {
                    layers.push(blobs.layer(layer, compression)?);
                }
                let config = blobs.bytes(media::CONFIG, image.raw_config.to_vec());
                described.push(blobs.document(&manifest(&config, &layers, &BTreeMap::new())));
            }
            let top = index(&described, &BTreeMap::new());
            blobs.document(&top);
            Ok::<_, Error>((blobs, top))
        })?;
        blobs.send(asker, &name).await?;
        Ok(top)
    }
}
