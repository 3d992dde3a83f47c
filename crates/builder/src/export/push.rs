//! Taking the images of a build to registries.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use gantry_image::PushRequest;
use gantry_reference::{ImageId, Reference};
use gantry_registry_client::Content;

use super::assemble::Packed;
use super::document::{Descriptor, Document, media};
use super::layout::tell;
use super::{Export, Results};
use crate::{Built, Error};

impl Results<'_> {
    pub(super) async fn push(
        &self,
        export: &Export,
        images: &[(String, ImageId)],
        names: &[Reference],
        built: &mut Built,
    ) -> Result<(), Error> {
        for name in names {
            let top = self.push_to(export, images, name, names).await?;
            if let Some((_, image)) = images.first() {
                tell(built, &top, image.as_str(), names);
            }
        }
        Ok(())
    }

    async fn push_to(
        &self,
        export: &Export,
        images: &[(String, ImageId)],
        name: &Reference,
        names: &[Reference],
    ) -> Result<Descriptor, Error> {
        let Some(first) = self.outcomes.first() else {
            return Err(Error::Invalid("nothing was built".to_owned()));
        };
        let engine = &first.work.builder.engine;
        let login = self.request.login(name.domain()).await?;
        let request = PushRequest {
            reference: name.clone(),
            credentials: engine.images.credentials(login)?,
        };
        let store = engine.images.store();
        let mut packed = Vec::new();
        for (platform, id) in images {
            let layers = store.push_parts(&request, id, Arc::new(())).await?;
            let layers = layers.into_iter().map(|layer| {
                let gzip = layer.media_type.ends_with("gzip");
                let media_type = if gzip {
                    media::LAYER_GZIP
                } else {
                    &layer.media_type
                };
                Descriptor::new(media_type, layer.digest, layer.size)
            });
            packed.push(Packed {
                platform: platform.clone(),
                image: store.get(id)?,
                layers: layers.collect(),
            });
        }
        let assembled = self.assemble(export, &packed, names)?;
        let repository = store
            .registry()
            .repository_to_push(name, request.credentials.clone());
        let failed = gantry_image::Error::from;
        for Document { descriptor, bytes } in &assembled.parts {
            if matches!(
                descriptor.media_type.as_str(),
                media::MANIFEST | media::INDEX
            ) {
                let target = gantry_reference::Target::Digest(&descriptor.digest);
                let put = repository.put_manifest(target, &descriptor.media_type, bytes);
                put.await.map_err(failed)?;
            } else if !repository
                .has_blob(&descriptor.digest)
                .await
                .map_err(failed)?
            {
                let content = Blob(Bytes::copy_from_slice(bytes));
                let upload = repository.upload_blob(&descriptor.digest, &content);
                upload.await.map_err(failed)?;
            }
        }
        let Document { descriptor, bytes } = &assembled.top;
        let target = if export.by_digest {
            gantry_reference::Target::Digest(&descriptor.digest)
        } else {
            name.target()
        };
        let put = repository.put_manifest(target, &descriptor.media_type, bytes);
        put.await.map_err(failed)?;
        Ok(descriptor.clone())
    }
}

/// A blob in memory.
struct Blob(Bytes);

impl Content for Blob {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(
        &self,
        offset: u64,
        length: u64,
    ) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.0.len());
        let end = usize::try_from(offset + length)
            .unwrap_or(usize::MAX)
            .min(self.0.len());
        Box::pin(stream::iter([Ok(self.0.slice(start..end))]))
    }
}
