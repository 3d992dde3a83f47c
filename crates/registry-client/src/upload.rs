//! Writing blobs and manifests: the pushing half of the distribution specification.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use gantry_reference::{Digest, Target};
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
};
use reqwest::{Body, Method, Response, StatusCode, Url};

use crate::repository::Wanted;
use crate::request::Payload;
use crate::{Error, Repository};

/// What is sent at once to a registry that takes no blob in one piece.
const CHUNK: u64 = 16 * 1024 * 1024;
/// Pauses before a request that may pass at another time is made again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(8),
];

/// A blob that can be read again and again, from any offset.
pub trait Content: Send + Sync {
    /// How long it is.
    fn size(&self) -> u64;

    /// The bytes from `offset` on, at most `length` of them.
    fn read(
        &self,
        offset: u64,
        length: u64,
    ) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;
}

/// A place on a registry for a blob to go to.
#[derive(Debug, Clone)]
pub struct Upload {
    location: String,
}

impl Repository {
    /// Whether the registry has a blob in this repository.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        let path = format!("{}/blobs/{digest}", self.reference().path());
        let found = self
            .patiently(|| {
                self.send(
                    Wanted::Blob(digest),
                    Method::HEAD,
                    &path,
                    HeaderMap::new(),
                    None,
                    self.scope(),
                )
            })
            .await;
        match found {
            Ok(_) => Ok(true),
            Err(Error::BlobUnknown { .. } | Error::RepositoryUnknown { .. }) => Ok(false),
            Err(error) => Err(as_push(error)),
        }
    }

    /// Asks the registry to take a blob over from another of its repositories; `false` if it will
    /// not.
    pub async fn mount_blob(&self, digest: &Digest, from: &str) -> Result<bool, Error> {
        let own = self.reference().path();
        let path = format!("{own}/blobs/uploads/?mount={digest}&from={from}");
        let scope = format!("{} repository:{from}:pull", self.scope());
        let answer = self
            .send(Wanted::Push, Method::POST, &path, empty(), None, &scope)
            .await;
        match answer {
            Ok(response) if response.status() == StatusCode::CREATED => Ok(true),
            Ok(response) => {
                // The registry has begun an upload instead, which nobody will end.
                self.cancel(&response).await;
                Ok(false)
            }
            Err(Error::Request {
                method,
                url,
                reason,
            }) => Err(Error::Request {
                method,
                url,
                reason,
            }),
            // Not allowed to read there, or it knows no mounting.
            Err(error) => {
                tracing::debug!(%error, from, "the blob is not mounted");
                Ok(false)
            }
        }
    }

    async fn cancel(&self, response: &Response) {
        if let Ok(upload) = location(response) {
            let gone = self.send(
                Wanted::Push,
                Method::DELETE,
                &upload,
                HeaderMap::new(),
                None,
                self.scope(),
            );
            drop(gone.await);
        }
    }

    /// Uploads a blob: in one piece, or in several where the registry wants that. What breaks on
    /// the way is sent again.
    pub async fn upload_blob(&self, digest: &Digest, content: &dyn Content) -> Result<(), Error> {
        let mut in_chunks = false;
        let mut pauses = PAUSES.iter();
        loop {
            let upload = self.begin().await?;
            let sent = if in_chunks {
                self.by_chunks(upload, digest, content).await
            } else {
                self.at_once(&upload, digest, content).await
            };
            match sent {
                Ok(()) => return Ok(()),
                Err(error) if !in_chunks && wants_chunks(&error) => in_chunks = true,
                Err(error) => match pauses.next().filter(|_| is_passing(&error)) {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(error),
                },
            }
        }
    }

    async fn begin(&self) -> Result<Upload, Error> {
        let path = format!("{}/blobs/uploads/", self.reference().path());
        let begin = || {
            self.send(
                Wanted::Push,
                Method::POST,
                &path,
                empty(),
                None,
                self.scope(),
            )
        };
        let response = self.patiently(begin).await?;
        Ok(Upload {
            location: location(&response)?,
        })
    }

    /// `PUT` of everything (distribution-spec, "POST then PUT").
    async fn at_once(
        &self,
        upload: &Upload,
        digest: &Digest,
        content: &dyn Content,
    ) -> Result<(), Error> {
        let url = with_digest(&upload.location, digest)?;
        let size = content.size();
        let make = || Body::wrap_stream(content.read(0, size));
        let sent = self.send(
            Wanted::Push,
            Method::PUT,
            &url,
            bytes_headers(size),
            Some(Payload(&make)),
            self.scope(),
        );
        sent.await.map(drop)
    }

    /// `PATCH`, again and again, and an empty `PUT` (distribution-spec, "Pushing a blob in chunks").
    async fn by_chunks(
        &self,
        mut upload: Upload,
        digest: &Digest,
        content: &dyn Content,
    ) -> Result<(), Error> {
        let size = content.size();
        let mut offset = 0;
        while offset < size {
            let length = CHUNK.min(size - offset);
            let make = || Body::wrap_stream(content.read(offset, length));
            let mut headers = bytes_headers(length);
            let range = format!("{offset}-{}", offset + length - 1);
            headers.extend(HeaderValue::from_str(&range).map(|range| (CONTENT_RANGE, range)));
            let response = self
                .send(
                    Wanted::Push,
                    Method::PATCH,
                    &upload.location,
                    headers,
                    Some(Payload(&make)),
                    self.scope(),
                )
                .await?;
            upload.location = location(&response)?;
            offset += length;
        }
        let url = with_digest(&upload.location, digest)?;
        let end = self.send(Wanted::Push, Method::PUT, &url, empty(), None, self.scope());
        end.await.map(drop)
    }

    /// Writes a manifest or an index under a tag or its digest.
    pub async fn put_manifest(
        &self,
        target: Target<'_>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let path = format!("{}/manifests/{target}", self.reference().path());
        let body = Bytes::copy_from_slice(bytes);
        let make = || Body::from(body.clone());
        let mut headers = HeaderMap::new();
        headers.extend(HeaderValue::from_str(media_type).map(|kind| (CONTENT_TYPE, kind)));
        let put = || {
            self.send(
                Wanted::Push,
                Method::PUT,
                &path,
                headers.clone(),
                Some(Payload(&make)),
                self.scope(),
            )
        };
        self.patiently(put).await.map(drop)
    }

    /// Makes a request again while the registry is overloaded or in trouble.
    async fn patiently<F>(&self, request: impl Fn() -> F) -> Result<Response, Error>
    where
        F: Future<Output = Result<Response, Error>>,
    {
        for pause in PAUSES {
            match request().await {
                Err(error @ Error::Status { .. }) if is_passing(&error) => {
                    tokio::time::sleep(pause).await;
                }
                other => return other,
            }
        }
        request().await
    }
}

fn empty() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))])
}

fn bytes_headers(size: u64) -> HeaderMap {
    HeaderMap::from_iter([
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (CONTENT_LENGTH, HeaderValue::from(size)),
    ])
}

/// Where the registry wants the next bytes; it may say so relative to what was asked.
fn location(response: &Response) -> Result<String, Error> {
    let url = response.url().to_string();
    let header = response.headers().get(LOCATION);
    let text = header.and_then(|value| value.to_str().ok());
    let found = text.and_then(|text| response.url().join(text).ok());
    found.map(String::from).ok_or_else(|| Error::Protocol {
        url,
        reason: "it began an upload and did not say where (no usable Location)".into(),
    })
}

fn with_digest(location: &str, digest: &Digest) -> Result<String, Error> {
    let mut url = Url::parse(location).map_err(|error| Error::Protocol {
        url: location.to_owned(),
        reason: error.to_string(),
    })?;
    url.query_pairs_mut().append_pair("digest", digest.as_str());
    Ok(url.into())
}

/// Answers by which registries and proxies say that they take no whole blob.
fn wants_chunks(error: &Error) -> bool {
    matches!(error, Error::Status { status, .. }
        if ["405", "411", "413", "415", "416", "501"].iter().any(|code| status.starts_with(code)))
}

/// Whether asking again may help.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Request { .. } => true,
        Error::Status { status, .. } => {
            status.starts_with("429") || (status.starts_with('5') && !status.starts_with("501"))
        }
        _ => false,
    }
}

/// In a push, a refusal is about writing, whatever was asked first.
fn as_push(error: Error) -> Error {
    match error {
        Error::Denied { answer, .. } => Error::PushDenied(answer),
        other => other,
    }
}
