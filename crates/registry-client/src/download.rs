//! Fetching a file by its URL, with the proxies and the name service that registries are reached by.

use std::io;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::{Method, Url};

use crate::request::failed;
use crate::transport::Trust;
use crate::{Client, Error};

/// What comes.
pub type Body = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Fetches files.
#[derive(Debug, Clone)]
pub struct Download(reqwest::Client);

impl Client {
    /// A client for plain downloads; certificates are verified.
    pub fn downloads(&self) -> Result<Download, Error> {
        let trust = Trust::Verify {
            registry: String::new(),
        };
        Ok(Download(self.context().transport.client(&trust)?))
    }
}

impl Download {
    /// Opens what is at an `http` or `https` URL.
    pub async fn open(&self, url: &str) -> Result<Body, Error> {
        Ok(self.open_dated(url, None).await?.0)
    }

    /// The same, with the answer's `Last-Modified`; `authorization` is the header of that name, for this host alone.
    pub async fn open_dated(
        &self,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<(Body, Option<SystemTime>), Error> {
        let parsed = Url::parse(url).map_err(|error| Error::Config(format!("{url}: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            let reason = format!("{url}: only http and https URLs can be fetched");
            return Err(Error::Config(reason));
        }
        let mut request = self.0.get(parsed);
        if let Some(authorization) = authorization {
            // It does not go along where an answer leads to another host.
            request = request.header(reqwest::header::AUTHORIZATION, authorization);
        }
        let response = request
            .send()
            .await
            .map_err(|error| failed(&Method::GET, url, &error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(Error::Status {
                url: url.to_owned(),
                status: status.to_string(),
                answer: None,
            });
        }
        let modified = response.headers().get(reqwest::header::LAST_MODIFIED);
        let modified =
            modified.and_then(|text| httpdate::parse_http_date(text.to_str().ok()?).ok());
        let body = response.bytes_stream().map_err(io::Error::other);
        Ok((Box::pin(body), modified))
    }
}
