//! JSON bodies in and out, with Docker's rules and words.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// The largest JSON body that is read; a container's configuration is a few KiB.
const LIMIT: usize = 16 << 20;

/// The content type of JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer in JSON, with the newline that Go's encoder ends with.
pub(crate) fn response<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let (status, bytes) = match line(body) {
        Ok(bytes) => (status, bytes),
        Err(e) => {
            tracing::error!("an answer could not be encoded: {e}");
            (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new())
        }
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// An answer in JSON with status 200.
pub(crate) fn ok<T: Serialize>(body: &T) -> Response {
    response(StatusCode::OK, body)
}

/// One line of JSON.
pub(crate) fn line<T: Serialize>(body: &T) -> Result<Bytes, serde_json::Error> {
    let mut bytes = serde_json::to_vec(body)?;
    bytes.push(b'\n');
    Ok(bytes.into())
}

/// A JSON body of a request; nothing is an empty one.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = read(request.into_body()).await?;
        check_content_type(content_type.as_ref(), bytes.is_empty())?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may not be missing.
pub(crate) struct Required<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Required<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = read(request.into_body()).await?;
        check_content_type(content_type.as_ref(), bytes.is_empty())?;
        if bytes.is_empty() {
            return Err(Failure::invalid(
                "invalid JSON: got EOF while reading request body",
            ));
        }
        parse(&bytes).map(Self)
    }
}

/// Reads a whole body.
pub(crate) async fn read(body: Body) -> Result<Bytes, Failure> {
    match Limited::new(body, LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) => Err(Failure::invalid(format!(
            "cannot read the request body: {e}"
        ))),
    }
}

/// Parses a body.
pub(crate) fn parse<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, Failure> {
    gantry_api_types::json::from_slice(bytes).map_err(|e| Failure::invalid(words(&e)))
}

fn words(error: &serde_json::Error) -> String {
    if error.is_eof() {
        "invalid JSON: unexpected EOF".to_owned()
    } else if error.to_string().starts_with("trailing characters") {
        "unexpected content after JSON".to_owned()
    } else {
        format!("invalid JSON: {error}")
    }
}

/// Bodies must be said to be JSON; a missing body need not.
fn check_content_type(content_type: Option<&HeaderValue>, empty: bool) -> Result<(), Failure> {
    let Some(value) = content_type else {
        if empty {
            return Ok(());
        }
        return Err(Failure::invalid(
            "unsupported Content-Type header (): must be 'application/json'",
        ));
    };
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") || (empty && kind == "text/plain") {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "unsupported Content-Type header ({value}): must be 'application/json'"
    )))
}
