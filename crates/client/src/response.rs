//! An answer.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use crate::client::Shared;
use crate::connection::Sender;
use crate::{Error, Hijacked, JsonLines};

/// An answer of which the head has arrived.
pub struct Response {
    head: http::response::Parts,
    body: Incoming,
    sender: Option<Sender>,
    shared: Arc<Shared>,
    what: String,
}

impl Response {
    pub(crate) fn new(
        response: http::Response<Incoming>,
        sender: Sender,
        shared: Arc<Shared>,
        what: String,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self {
            head,
            body,
            sender: Some(sender),
            shared,
            what,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Reads the whole answer as JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let what = self.what.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Decode { what, source })
    }

    /// Reads the whole answer.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        self.release();
        Ok(Bytes::from(whole))
    }

    /// The next piece of the answer; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|source| Error::Transport {
                what: self.what.clone(),
                source,
            })?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads a stream of JSON documents, one at a time.
    pub fn json_lines<T: DeserializeOwned>(self) -> JsonLines<T> {
        JsonLines::new(self)
    }

    /// Reads to the end, so that the connection can serve again.
    pub async fn finish(mut self) {
        while let Ok(Some(_)) = self.chunk().await {}
        self.release();
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    fn release(&mut self) {
        if let Some(sender) = self.sender.take() {
            self.shared.give_back(sender);
        }
    }

    /// Turns an error status into an error, with the daemon's message.
    pub(crate) async fn checked(self) -> Result<Self, Error> {
        let status = self.status();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(self);
        }
        let bytes = self.bytes().await?;
        Err(Error::Api {
            status: status.as_u16(),
            message: message_of(&bytes, status),
        })
    }

    pub(crate) async fn upgrade(self) -> Result<Hijacked, Error> {
        let Self {
            head, body, what, ..
        } = self;
        let raw = head.headers.get(http::header::CONTENT_TYPE).cloned();
        let response = http::Response::from_parts(head, body);
        let upgraded = hyper::upgrade::on(response)
            .await
            .map_err(|source| Error::Transport {
                what: what.clone(),
                source,
            })?;
        Hijacked::new(
            upgraded,
            raw.and_then(|value| value.to_str().ok().map(str::to_owned)),
        )
        .map_err(|source| Error::Stream { what, source })
    }
}

/// The daemon's message, or whatever else came.
fn message_of(bytes: &[u8], status: StatusCode) -> String {
    #[derive(serde::Deserialize)]
    struct Message {
        message: String,
    }
    match serde_json::from_slice::<Message>(bytes) {
        Ok(body) => body.message.trim().to_owned(),
        Err(_) if bytes.is_empty() => {
            let reason = status.canonical_reason().unwrap_or("unknown status");
            format!("request returned {} {reason}", status.as_u16())
        }
        Err(_) => String::from_utf8_lossy(bytes).trim().to_owned(),
    }
}
