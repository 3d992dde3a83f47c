//! `gantry manifest push`

use gantry_archive::Digester;
use gantry_reference::{Algorithm, Digest, Reference, Target};
use gantry_registry_client::Repository;
use serde_json::{Value, json};

use super::entry::{DOCKER_MANIFEST, ImageManifest};
use super::lists::Lists;
use super::{pretty, registry};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry manifest push`
    pub(crate) struct PushList {
        /// Allow push to an insecure registry
        "insecure" => insecure: bool,
        /// Remove the local manifest list after push
        "purge" 'p' => purge: bool,
    }
}

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

impl Command for PushList {
    const USAGE: &'static str = "[OPTIONS] MANIFEST_LIST";
    const ABOUT: &'static str = "Push a manifest list to a repository";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let target = Reference::parse(&words[0]).map_err(Failure::new)?;
        let lists = Lists::of(session.config().directory());
        let manifests = lists.existing(&target)?;
        let (media_type, bytes) = list(&target, &manifests)?;
        let repository = registry::repository_to_push(session, &target, self.insecure)?;
        for manifest in &manifests {
            if manifest.reference.path() != target.path() {
                take_over(&repository, manifest).await?;
            }
        }
        repository
            .put_manifest(target.target(), media_type, &bytes)
            .await
            .map_err(Failure::new)?;
        let digest = Digester::digest(Algorithm::Sha256, &bytes);
        output::line(&digest);
        if self.purge {
            lists.remove(&target)?;
        }
        Ok(())
    }
}

/// The list's media type and bytes: Docker's, to the last blank, so that its digest is the same.
pub(super) fn list(
    target: &Reference,
    manifests: &[ImageManifest],
) -> Result<(&'static str, Vec<u8>), Failure> {
    let described: Vec<Value> = manifests
        .iter()
        .map(|manifest| descriptor(target, manifest))
        .collect::<Result<_, _>>()?;
    let docker = manifests
        .first()
        .is_none_or(|first| first.descriptor.media_type == DOCKER_MANIFEST);
    let media_type = if docker { DOCKER_LIST } else { OCI_INDEX };
    let list = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": described,
    });
    Ok((media_type, pretty(&list, b"   ")?))
}

fn descriptor(target: &Reference, manifest: &ImageManifest) -> Result<Value, Failure> {
    let ImageManifest {
        reference,
        descriptor,
        ..
    } = manifest;
    let platform = descriptor
        .platform
        .as_ref()
        .filter(|platform| !platform.os.is_empty() && !platform.architecture.is_empty())
        .ok_or_else(|| {
            Failure::new(format!(
                "manifest {reference} must have an OS and Architecture to be pushed to a registry"
            ))
        })?;
    if reference.domain() != target.domain() {
        return Err(Failure::new(format!(
            "cannot use source images from a different registry than the target image: {} != {}",
            reference.domain(),
            target.domain()
        )));
    }
    Ok(json!({
        "mediaType": descriptor.media_type,
        "size": descriptor.size,
        "digest": descriptor.digest,
        "platform": platform,
    }))
}

/// Has the registry take a manifest and its blobs over from another of its repositories.
async fn take_over(repository: &Repository, manifest: &ImageManifest) -> Result<(), Failure> {
    let from = manifest.reference.path();
    for blob in manifest.blobs()? {
        let there = repository
            .mount_blob(&blob, from)
            .await
            .map_err(Failure::new)?
            || repository.has_blob(&blob).await.map_err(Failure::new)?;
        if !there {
            return Err(Failure::new(format!(
                "error mounting {}@{blob} to {}",
                manifest.reference.repository(),
                repository.reference()
            )));
        }
    }
    let text = &manifest.descriptor.digest;
    let digest = Digest::parse(text).map_err(|error| Failure::new(format!("{text}: {error}")))?;
    repository
        .put_manifest(
            Target::Digest(&digest),
            &manifest.descriptor.media_type,
            manifest.verified()?,
        )
        .await
        .map_err(Failure::new)?;
    let pushed = repository.reference().with_digest(digest);
    output::line(format!("Pushed ref {pushed} with digest: {text}"));
    Ok(())
}
