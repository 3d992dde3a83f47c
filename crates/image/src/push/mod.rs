//! Taking an image to a registry.
//!
//! Only what the registry lacks travels. A layer is first looked for under the digests that its
//! compressed form is known by ([`crate::images`]' origins), then taken over from a repository of
//! the same registry, and only then compressed and uploaded. Where all layers are found in the form
//! in which the image was pulled, its manifest goes as it came, and the digest stays.

mod layer;
mod manifest;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::try_join_all;
use gantry_reference::{Digest, ImageId, Reference};
use gantry_registry_client::{Credentials, Repository};
use tokio::sync::Semaphore;

use crate::images::SMALL_BLOB_MAX;
use crate::{Error, Event, Image, Images, Progress, Step};
use layer::{Bytes, LayerPush};

pub(crate) use manifest::Form;

/// What to push.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// The repository and the tag; the image must be here under this name.
    pub reference: Reference,
    /// Who asks.
    pub credentials: Credentials,
}

/// A layer as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedLayer {
    /// How it is compressed.
    pub media_type: String,
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Of the compressed bytes.
    pub size: u64,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The image.
    pub image: ImageId,
    /// The tag.
    pub tag: String,
    /// The manifest's digest, which the registry knows the image by.
    pub digest: Digest,
    /// The manifest's bytes.
    pub size: u64,
}

impl Images {
    /// The names with a tag that a push of a repository is about: all of them, or that one.
    pub fn to_push(&self, reference: &Reference, all: bool) -> Result<Vec<Reference>, Error> {
        let contents = self.0.catalog.read();
        let fits = |name: &&Reference| {
            name.digest().is_none()
                && name.repository() == reference.repository()
                && (all || *name == reference)
        };
        let names: Vec<Reference> = contents.names.keys().filter(fits).cloned().collect();
        if names.is_empty() {
            return Err(Error::NothingToPush(reference.familiar_repository()));
        }
        Ok(names)
    }

    /// Takes an image to its registry. Must be called within a tokio runtime; dropping the future
    /// gives the push up.
    pub async fn push(
        &self,
        request: &PushRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<Pushed, Error> {
        let reference = &request.reference;
        let name = reference.to_string();
        let image = self.blocking(move |images| images.resolve(&name)).await?;
        let _lease = self.hold(image.layers.iter().cloned());
        let repository = self
            .0
            .registry
            .repository_to_push(reference, request.credentials.clone());
        let forms = self
            .push_layers(&repository, reference, &image, &progress)
            .await?;
        self.push_config(&repository, &image).await?;
        let document = self.manifest_to_push(&image, &forms)?;
        repository
            .put_manifest(reference.target(), &document.media_type, &document.bytes)
            .await?;
        let pushed = Pushed {
            image: image.id.clone(),
            tag: reference.tag().unwrap_or_default().to_owned(),
            digest: document.digest.clone(),
            size: document.bytes.len() as u64,
        };
        self.note_pushed(reference, &image, forms, &pushed).await?;
        let text = format!(
            "{}: digest: {} size: {}",
            pushed.tag, pushed.digest, pushed.size
        );
        progress.report(Event::Status { id: None, text });
        Ok(pushed)
    }

    /// Sees to it that a registry has an image's layers and configuration, for a manifest that the caller makes.
    ///
    /// The image needs no name here. Must be called within a tokio runtime.
    pub async fn push_parts(
        &self,
        request: &PushRequest,
        id: &ImageId,
        progress: Arc<dyn Progress>,
    ) -> Result<Vec<PushedLayer>, Error> {
        let wanted = id.clone();
        let image = self.blocking(move |images| images.get(&wanted)).await?;
        let _lease = self.hold(image.layers.iter().cloned());
        let repository = self
            .0
            .registry
            .repository_to_push(&request.reference, request.credentials.clone());
        let forms = self
            .push_layers(&repository, &request.reference, &image, &progress)
            .await?;
        self.push_config(&repository, &image).await?;
        Ok(forms
            .into_iter()
            .map(|form| PushedLayer {
                media_type: form.media_type,
                digest: form.digest,
                size: form.size,
            })
            .collect())
    }

    /// Sees to it that the registry has every layer; gives each one's form there, lowest first.
    async fn push_layers(
        &self,
        repository: &Repository,
        reference: &Reference,
        image: &Image,
        progress: &Arc<dyn Progress>,
    ) -> Result<Vec<Form>, Error> {
        let mut unique: Vec<&Digest> = Vec::new();
        for layer in image.layers.iter().rev() {
            if !unique.contains(&layer) {
                unique.push(layer);
                progress.report(Event::Layer {
                    id: layer.short(),
                    step: Step::Preparing,
                });
            }
        }
        let pulled = self.pulled_forms(image);
        let turns = Semaphore::new(self.0.uploads.load(Ordering::Relaxed));
        let jobs = unique.into_iter().map(|diff_id| {
            let job = LayerPush {
                images: self,
                repository,
                reference,
                diff_id,
                pulled: pulled.get(diff_id).cloned(),
                progress: &**progress,
            };
            let turns = &turns;
            async move {
                if turns.available_permits() == 0 {
                    job.report(Step::Waiting);
                }
                let _turn = turns.acquire().await;
                Ok::<_, Error>((diff_id.clone(), job.run().await?))
            }
        });
        let forms: HashMap<Digest, Form> = try_join_all(jobs).await?.into_iter().collect();
        let of = |layer: &Digest| forms.get(layer).cloned();
        Ok(image.layers.iter().filter_map(of).collect())
    }

    /// Configurations are small, and sent without a word.
    async fn push_config(&self, repository: &Repository, image: &Image) -> Result<(), Error> {
        let digest = image.id.digest();
        if repository.has_blob(digest).await? {
            return Ok(());
        }
        let bytes = self.0.content.read(digest, SMALL_BLOB_MAX)?;
        Ok(repository.upload_blob(digest, &Bytes(bytes.into())).await?)
    }

    /// Writes down what the registry has now, and the image's name by digest.
    async fn note_pushed(
        &self,
        reference: &Reference,
        image: &Image,
        forms: Vec<Form>,
        pushed: &Pushed,
    ) -> Result<(), Error> {
        let layers = image.layers.clone();
        let (id, reference) = (image.id.clone(), reference.clone());
        let by_digest = reference.with_digest(pushed.digest.clone());
        self.blocking(move |images| {
            let forms = layers.into_iter().zip(forms.into_iter().map(Into::into));
            images.note_origins(&reference, forms)?;
            images.give_names(&id, vec![by_digest])
        })
        .await
    }
}
