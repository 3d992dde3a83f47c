//! From a request to an answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use gantry_api_types::API_VERSION;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tower::ServiceExt;

use crate::backend::Backend;
use crate::version::ApiVersion;
use crate::{routes, version};

/// What the daemon says about itself in headers.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The program's version.
    pub version: String,
    /// Which build it is, if clients should know (`gantry-build`).
    pub build: Option<String>,
    /// A command line started it (`gantry-autostarted`).
    pub autostarted: bool,
    /// The oldest version that is served, where it is not [`ApiVersion::OLDEST`].
    pub oldest: Option<ApiVersion>,
}

/// The API over one engine; a clone is the same API.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    router: Router,
    headers: HeaderMap,
    oldest: ApiVersion,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// Serves an engine.
    pub fn new<B: Backend>(backend: B, identity: &Identity) -> Self {
        let router = routes::all(backend, identity);
        Self(Arc::new(Inner {
            router,
            headers: headers(identity),
            oldest: identity.oldest.unwrap_or(ApiVersion::OLDEST),
        }))
    }

    /// Answers one request.
    pub async fn answer(&self, request: http::Request<hyper::body::Incoming>) -> Response {
        self.route(request.map(Body::new)).await
    }

    pub(crate) async fn route(&self, mut request: Request) -> Response {
        let mut response = match version::take_from(request.uri_mut(), self.0.oldest) {
            Ok(version) => {
                tracing::debug!(method = %request.method(), uri = %request.uri(), %version);
                request.extensions_mut().insert(version);
                // The router's error type is uninhabited.
                match self.0.router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
            Err(failure) => failure.into_response(),
        };
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

/// The headers of every answer.
fn headers(identity: &Identity) -> HeaderMap {
    let server = format!("Gantry/{} (linux)", identity.version);
    let server = HeaderValue::from_str(&server).unwrap_or(HeaderValue::from_static("Gantry"));
    [
        (
            HeaderName::from_static("api-version"),
            HeaderValue::from_static(API_VERSION),
        ),
        (
            HeaderName::from_static("ostype"),
            HeaderValue::from_static("linux"),
        ),
        (
            HeaderName::from_static("docker-experimental"),
            HeaderValue::from_static("false"),
        ),
        (header::SERVER, server),
    ]
    .into_iter()
    .collect()
}
