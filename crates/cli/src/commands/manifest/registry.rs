//! What a registry has under a name, asked without the daemon.

use gantry_reference::{Digest, Reference, Target};
use gantry_registry_client::{Client, Config, Credentials, Document, Kind, Repository};
use serde_json::Value;

use super::entry::{Descriptor, ImageManifest, Platform};
use crate::failure::Failure;
use crate::registry_auth;
use crate::session::Session;

/// A configuration larger than this is none.
const CONFIG_MAX: usize = 8 * 1024 * 1024;

/// The repository of a reference, to read from.
pub(super) fn repository(
    session: &Session,
    reference: &Reference,
    insecure: bool,
) -> Result<Repository, Failure> {
    let credentials = credentials(session, reference)?;
    Ok(client(reference, insecure)?.repository(reference, credentials))
}

/// The same, to push to.
pub(super) fn repository_to_push(
    session: &Session,
    reference: &Reference,
    insecure: bool,
) -> Result<Repository, Failure> {
    let credentials = credentials(session, reference)?;
    Ok(client(reference, insecure)?.repository_to_push(reference, credentials))
}

fn client(reference: &Reference, insecure: bool) -> Result<Client, Failure> {
    let insecure = insecure.then(|| reference.domain().to_owned());
    Client::new(&Config {
        insecure_registries: insecure.into_iter().collect(),
        ..Config::default()
    })
    .map_err(Failure::new)
}

fn credentials(session: &Session, reference: &Reference) -> Result<Credentials, Failure> {
    let server = registry_auth::server_name(reference.domain());
    let auth = registry_auth::login(session.config(), &server).map_err(Failure::new)?;
    Ok(if !auth.identity_token.is_empty() {
        Credentials::IdentityToken(auth.identity_token)
    } else if auth.username.is_empty() {
        Credentials::Anonymous
    } else {
        Credentials::Basic {
            username: auth.username,
            password: auth.password,
        }
    })
}

/// The manifest or list under a name, as bytes and as JSON.
pub(super) async fn document(
    repository: &Repository,
    target: Target<'_>,
) -> Result<(Document, Value), Failure> {
    let name = repository.reference().familiar();
    let document = repository
        .manifest(target)
        .await
        .map_err(|error| match error.kind() {
            Kind::NotFound => Failure::new(format!("no such manifest: {name}: {error}")),
            _ => Failure::new(error),
        })?;
    let parsed = serde_json::from_slice(&document.bytes)
        .map_err(|error| Failure::new(format!("the manifest of {name} is no JSON: {error}")))?;
    Ok((document, parsed))
}

/// A lone manifest, described with the platform that its configuration names.
pub(super) async fn described(
    repository: &Repository,
    document: Document,
    parsed: Value,
) -> Result<ImageManifest, Failure> {
    let mut descriptor = Descriptor::of(&document, &parsed);
    let text = parsed["config"]["digest"].as_str().unwrap_or_default();
    if let Ok(digest) = Digest::parse(text) {
        let config = configuration(repository, &digest).await?;
        descriptor.platform = Some(Platform::of_configuration(&config));
    }
    let reference = repository.reference();
    Ok(ImageManifest::new(
        reference,
        descriptor,
        document.bytes,
        parsed,
    ))
}

async fn configuration(repository: &Repository, digest: &Digest) -> Result<Value, Failure> {
    let mut blob = repository.blob(digest, 0).await.map_err(Failure::new)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = blob.chunk().await.map_err(Failure::new)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > CONFIG_MAX {
            return Err(Failure::new(format!(
                "{digest} is too large for a configuration"
            )));
        }
    }
    serde_json::from_slice(&bytes).map_err(Failure::new)
}
