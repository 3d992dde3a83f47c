//! Looking at what a registry has, without bringing it.

use gantry_oci::ImageConfig;
use gantry_reference::{Digest, Reference};
use gantry_registry_client::{Credentials, Document};

use crate::manifest::{self, Manifest, media};
use crate::{Error, Images, Platform};

/// What a registry has under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteImage {
    /// Of the manifest or index.
    pub media_type: String,
    /// Of the manifest or index.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What it is for.
    pub platforms: Vec<Platform>,
}

impl Images {
    /// Asks a registry what a reference stands for.
    pub async fn look_up(
        &self,
        reference: &Reference,
        credentials: Credentials,
    ) -> Result<RemoteImage, Error> {
        let name = reference.familiar();
        let repository = self.0.registry.repository(reference, credentials);
        let document = repository.manifest(reference.target()).await?;
        let parsed = manifest::parse_document(&name, &document.media_type, &document.bytes)?;
        let platforms = match parsed {
            manifest::Document::Index(index) => {
                let listed = index.manifests.iter();
                listed
                    .filter_map(|entry| entry.platform.as_ref().map(Platform::from))
                    .collect()
            }
            manifest::Document::Manifest(manifest) => {
                vec![self.platform_of(&repository, &name, &manifest).await?]
            }
        };
        Ok(RemoteImage {
            media_type: media_type(&document),
            digest: document.digest,
            size: document.bytes.len() as u64,
            platforms,
        })
    }

    async fn platform_of(
        &self,
        repository: &gantry_registry_client::Repository,
        name: &str,
        manifest: &Manifest,
    ) -> Result<Platform, Error> {
        let bytes = self.small_blob(repository, &manifest.config).await?;
        let config: ImageConfig = manifest::parse_config(name, &bytes)?;
        Ok(Platform {
            os: config.os,
            architecture: config.architecture,
            variant: config.variant,
        })
    }
}

/// What the document says of itself, else what the registry does.
fn media_type(document: &Document) -> String {
    manifest::media_type_of(&document.bytes).unwrap_or_else(|| match &*document.media_type {
        "" => media::OCI_MANIFEST.to_owned(),
        said => said.to_owned(),
    })
}
