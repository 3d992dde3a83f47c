//! Fetching blobs.

use bytes::Bytes;
use gantry_reference::Digest;
use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::repository::Wanted;
use crate::request::failed;
use crate::{Error, Repository};

/// A blob's bytes from some offset on. They are not verified here.
#[derive(Debug)]
pub struct Blob {
    response: Response,
    url: String,
    /// Bytes to be thrown away, where the registry does not know ranges.
    skip: u64,
}

impl Repository {
    /// Asks for a blob from `offset` on; that must be before its end.
    pub async fn blob(&self, digest: &Digest, offset: u64) -> Result<Blob, Error> {
        let path = format!("{}/blobs/{digest}", self.reference().path());
        let mut headers = HeaderMap::new();
        if offset > 0 {
            let range = HeaderValue::from_str(&format!("bytes={offset}-"));
            headers.extend(range.map(|range| (RANGE, range)));
        }
        let response = self
            .ask(Wanted::Blob(digest), Method::GET, &path, headers)
            .await?;
        let url = response.url().to_string();
        let skip = if response.status() == StatusCode::PARTIAL_CONTENT {
            let start = range_start(response.headers());
            if start.is_some_and(|start| start != offset) {
                let reason = format!("asked from byte {offset} on, it answered from {start:?}");
                return Err(Error::Protocol { url, reason });
            }
            0
        } else {
            offset
        };
        Ok(Blob {
            response,
            url,
            skip,
        })
    }
}

/// `bytes 5-9/10` gives 5.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}

impl Blob {
    /// The next bytes; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let chunk = self.response.chunk().await;
            let chunk = chunk.map_err(|error| failed(&Method::GET, &self.url, &error))?;
            let Some(mut chunk) = chunk else {
                return Ok(None);
            };
            let skipped = self.skip.min(chunk.len() as u64);
            self.skip -= skipped;
            let rest = chunk.split_off(skipped as usize);
            if !rest.is_empty() {
                return Ok(Some(rest));
            }
        }
    }
}
