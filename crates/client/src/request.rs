//! A request while it is made.

use std::fmt::Write as _;
use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use serde::Serialize;

use crate::connection::Body;
use crate::{Client, Error, Hijacked, Response};

/// A request while it is made; [`Request::send`] or [`Request::hijack`] sends it.
pub struct Request {
    client: Client,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Option<Body>,
    versioned: bool,
    /// A streamed body cannot be sent twice.
    replay: Option<Bytes>,
    failure: Option<String>,
}

impl Request {
    pub(crate) fn new(client: Client, method: Method, path: String) -> Self {
        Self {
            client,
            method,
            path,
            query: String::new(),
            headers: HeaderMap::new(),
            body: None,
            versioned: true,
            replay: Some(Bytes::new()),
            failure: None,
        }
    }

    /// Leaves the API version out of the path, as for `/grpc` and `/session`.
    #[must_use]
    pub fn unversioned(mut self) -> Self {
        self.versioned = false;
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn query(mut self, key: &str, value: impl AsRef<str>) -> Self {
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        escape(key, &mut self.query);
        self.query.push('=');
        escape(value.as_ref(), &mut self.query);
        self
    }

    /// Adds a parameter if there is a value.
    #[must_use]
    pub fn query_opt(self, key: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    /// Adds `key=1` if true.
    #[must_use]
    pub fn flag(self, key: &str, value: bool) -> Self {
        if value { self.query(key, "1") } else { self }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.insert(HeaderName::from_static(name), value);
            }
            Err(_) => {
                self.failure = Some(format!("the header {name} has a value that is not text"));
            }
        }
        self
    }

    /// Adds a header that may be there several times.
    #[must_use]
    pub fn another_header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.append(HeaderName::from_static(name), value);
            }
            Err(_) => {
                self.failure = Some(format!("the header {name} has a value that is not text"));
            }
        }
        self
    }

    /// Sends this as JSON.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                let bytes = Bytes::from(bytes);
                self.body = None;
                self.replay = Some(bytes);
                self.headers.insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
            }
            Err(error) => self.failure = Some(error.to_string()),
        }
        self
    }

    /// Sends a stream, such as an archive, in chunks.
    #[must_use]
    pub fn stream<S>(mut self, content_type: &'static str, chunks: S) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let frames = StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data)));
        self.body = Some(BodyExt::boxed_unsync(frames));
        self.replay = None;
        self.headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self
    }

    /// Sends the request and waits for the answer's head. An error status is an [`Error::Api`].
    pub async fn send(mut self) -> Result<Response, Error> {
        let what = self.what();
        if let Some(reason) = self.failure.take() {
            return Err(Error::Request { what, reason });
        }
        loop {
            let (mut sender, reused) = self.client.shared.sender().await?;
            let request = self.build(&what)?;
            match sender.send_request(request).await {
                Ok(response) => {
                    let response =
                        Response::new(response, sender, self.client.shared.clone(), what);
                    return response.checked().await;
                }
                // The daemon may have closed an idle connection at the moment that we chose it.
                Err(error) if reused && error.is_canceled() && self.replay.is_some() => {}
                Err(source) => return Err(Error::Transport { what, source }),
            }
        }
    }

    /// Sends the request, asking for the connection to become a raw stream in both directions.
    pub async fn hijack(self) -> Result<Hijacked, Error> {
        self.hijack_as("tcp").await
    }

    /// As [`Request::hijack`], asking for a protocol by name: `h2c` for gRPC.
    pub async fn hijack_as(mut self, protocol: &'static str) -> Result<Hijacked, Error> {
        self.headers
            .insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        self.headers
            .insert(header::UPGRADE, HeaderValue::from_static(protocol));
        let response = self.send().await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::NotUpgraded {
                status: response.status().as_u16(),
            });
        }
        response.upgrade().await
    }

    fn what(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn build(&mut self, what: &str) -> Result<http::Request<Body>, Error> {
        let version = if self.versioned {
            format!("/v{}", self.client.version())
        } else {
            String::new()
        };
        let body = match (self.body.take(), &self.replay) {
            (Some(body), _) => body,
            (None, Some(bytes)) if !bytes.is_empty() => Full::new(bytes.clone())
                .map_err(|never| match never {})
                .boxed_unsync(),
            _ => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(format!("{version}{}{}", self.path, self.query))
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, self.client.shared.user_agent.as_str())
            .body(body)
            .map_err(|error| Error::Request {
                what: what.to_owned(),
                reason: error.to_string(),
            })?;
        request
            .headers_mut()
            .extend(self.client.shared.headers.clone());
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }
}

/// Writes text as a part of a URL's query or path.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// Escapes a name for use between two slashes of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}

impl Client {
    /// A path of the API about one thing: `path("/containers/", "a/b", "/json")` escapes the name.
    /// Slashes, colons and `@` of image names stay, as Docker's client sends them.
    pub fn path(before: &str, name: &str, after: &str) -> String {
        let escaped: Vec<String> = name.split('/').map(segment).collect();
        let name = escaped.join("/").replace("%3A", ":").replace("%40", "@");
        format!("{before}{name}{after}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_in_paths() {
        assert_eq!(
            Client::path("/images/", "a.b:5000/c d@sha256:1", "/json"),
            "/images/a.b:5000/c%20d@sha256:1/json"
        );
        assert_eq!(
            Client::path("/containers/", "x?y#z", "/start"),
            "/containers/x%3Fy%23z/start"
        );
    }
}
