//! Fetching manifests.

use std::time::Duration;

use gantry_archive::Digester;
use gantry_reference::{Algorithm, Digest, Target};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response};

use crate::repository::Wanted;
use crate::request::failed;
use crate::{Error, Repository};

/// What is asked for, in the order of preference.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";

/// The specification lets registries refuse more than 4 MiB.
const MANIFEST_MAX: usize = 8 * 1024 * 1024;

/// Pauses before a registry that is overloaded is asked again.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// A manifest or an index, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What the registry calls it; may be empty.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Repository {
    /// Fetches the manifest or index of a tag or digest; for a digest, the bytes are verified.
    pub async fn manifest(&self, target: Target<'_>) -> Result<Document, Error> {
        let path = format!("{}/manifests/{target}", self.reference().path());
        let response = self.ask_patiently(&path).await?;
        let url = response.url().to_string();
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let media_type = header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = media_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let expected = match target {
            Target::Digest(digest) => Some(digest.clone()),
            Target::Tag(_) => {
                header("docker-content-digest").and_then(|text| Digest::parse(text).ok())
            }
        };
        let bytes = read(response).await?;
        let algorithm = expected
            .as_ref()
            .map_or(Algorithm::Sha256, Digest::algorithm);
        let digest = Digester::digest(algorithm, &bytes);
        match expected {
            Some(expected) if expected != digest => Err(Error::DigestMismatch {
                url,
                expected,
                actual: digest,
            }),
            _ => Ok(Document {
                media_type,
                digest,
                bytes,
            }),
        }
    }

    async fn ask_patiently(&self, path: &str) -> Result<Response, Error> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(ACCEPTED))]);
        for pause in PAUSES {
            match self
                .ask(Wanted::Manifest, Method::GET, path, headers.clone())
                .await
            {
                Err(Error::Status { status, .. }) if is_passing(&status) => {
                    tokio::time::sleep(pause).await;
                }
                other => return other,
            }
        }
        self.ask(Wanted::Manifest, Method::GET, path, headers).await
    }
}

/// Too many requests, or a server's own trouble.
fn is_passing(status: &str) -> bool {
    status.starts_with("429") || status.starts_with('5')
}

/// The body of an answer, up to the most that a manifest may have.
pub(crate) async fn read(mut response: Response) -> Result<Vec<u8>, Error> {
    let url = response.url().to_string();
    let mut bytes = Vec::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| failed(&Method::GET, &url, &error))?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MANIFEST_MAX {
            let reason = format!("a manifest of more than {MANIFEST_MAX} bytes");
            return Err(Error::Protocol { url, reason });
        }
    }
}
