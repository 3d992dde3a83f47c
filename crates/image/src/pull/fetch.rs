//! Finding out what an image is: index, manifest, configuration.

use gantry_archive::Digester;
use gantry_reference::{ImageId, Target};
use gantry_registry_client::{Document, Repository};

use super::{Described, Plan, PullRequest};
use crate::images::SMALL_BLOB_MAX;
use crate::manifest::{self, Descriptor, Index};
use crate::{Error, Images, Platform};

/// An index may name indexes; nobody nests them deeper.
const INDEX_DEPTH: usize = 3;

impl Images {
    /// Asks the registry what the reference stands for on the platform.
    pub(super) async fn plan(
        &self,
        repository: &Repository,
        request: &PullRequest,
    ) -> Result<Plan, Error> {
        let name = request.reference.familiar();
        let platform = request.platform.clone().unwrap_or_else(Platform::host);
        let mut document = repository.manifest(request.reference.target()).await?;
        let mut top: Option<Document> = None;
        for _ in 0..INDEX_DEPTH {
            match manifest::parse_document(&name, &document.media_type, &document.bytes)? {
                manifest::Document::Manifest(manifest) => {
                    let id = ImageId::new(manifest.config.digest.clone());
                    return Ok(Plan {
                        index: top,
                        document,
                        manifest,
                        id,
                    });
                }
                manifest::Document::Index(index) => {
                    let chosen = choose(&index, &platform)?;
                    let next = repository.manifest(Target::Digest(&chosen.digest)).await?;
                    top = top.or(Some(document));
                    document = next;
                }
            }
        }
        let reason = format!("indexes are nested more than {INDEX_DEPTH} deep");
        Err(manifest::malformed("index", &name, reason))
    }

    /// Fetches the configuration and reads the layers' diff IDs from it.
    pub(super) async fn describe(
        &self,
        repository: &Repository,
        plan: &Plan,
        name: &str,
    ) -> Result<Described, Error> {
        let bytes = self.small_blob(repository, &plan.manifest.config).await?;
        let config = manifest::parse_config(name, &bytes)?;
        let diff_ids = manifest::diff_ids(name, &config, plan.manifest.layers.len())?;
        Ok(Described {
            bytes,
            config,
            diff_ids,
        })
    }

    /// Fetches a blob that fits in memory, and verifies it.
    pub(super) async fn small_blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
    ) -> Result<Vec<u8>, Error> {
        let Descriptor { digest, size, .. } = descriptor;
        if *size > SMALL_BLOB_MAX {
            let (digest, size, limit) = (digest.clone(), *size, SMALL_BLOB_MAX);
            return Err(gantry_content::Error::TooLarge {
                digest,
                size,
                limit,
            }
            .into());
        }
        let mut blob = repository.blob(digest, 0).await?;
        let mut bytes = Vec::with_capacity(*size as usize);
        while let Some(chunk) = blob.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > *size {
                break;
            }
        }
        let actual = Digester::digest(digest.algorithm(), &bytes);
        if actual != *digest {
            let expected = digest.clone();
            return Err(gantry_content::Error::DigestMismatch { expected, actual }.into());
        }
        Ok(bytes)
    }
}

fn choose<'a>(index: &'a Index, platform: &Platform) -> Result<&'a Descriptor, Error> {
    index.select(platform).ok_or_else(|| Error::NoPlatform {
        platform: platform.to_string(),
    })
}
