//! From a request to an answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use gantry_api_types::API_VERSION;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tower::ServiceExt;

use crate::backend::{Backend, Build, NoBuilder};
use crate::failure::Failure;
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

/// Answers a call of gRPC.
type Grpc = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

struct Inner {
    grpc: Option<Grpc>,
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
        Self::with_builder(backend, NoBuilder, identity)
    }

    /// Serves an engine and a builder.
    pub fn with_builder<B: Backend, C: Build>(backend: B, builder: C, identity: &Identity) -> Self {
        let (grpc, speaks) = (builder.clone(), builder.speaks_buildkit());
        let grpc: Option<Grpc> =
            speaks.then(|| Box::new(move |request| grpc.grpc(request)) as Grpc);
        let router = routes::all(backend, builder, identity);
        Self(Arc::new(Inner {
            grpc,
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
        // Clients of BuildKit also speak to the socket itself, without an upgrade.
        if let Some(grpc) = &self.0.grpc
            && is_grpc(&request)
        {
            return grpc(request).await;
        }
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
            Err(failure) => refused(failure),
        };
        let said: Introduction = response.extensions().get().copied().unwrap_or_default();
        if said == Introduction::None {
            // The router's own: which methods a path knows.
            response.headers_mut().remove(header::ALLOW);
        }
        for (name, value) in &self.0.headers {
            if said.has(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}

fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    request.version() == http::Version::HTTP_2
        && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The answer to a version that is not served.
fn refused(failure: Failure) -> Response {
    let mut response = failure.into_response();
    response.extensions_mut().insert(Introduction::Version);
    response
}

/// How much of itself the daemon tells in an answer's headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Introduction {
    /// All of it.
    #[default]
    Full,
    /// What is known before the request is looked at.
    Version,
    /// Nothing: raw streams, and paths that nobody serves.
    None,
}

impl Introduction {
    fn has(self, header: &HeaderName) -> bool {
        match self {
            Self::Full => true,
            Self::Version => header != EXPERIMENTAL,
            Self::None => false,
        }
    }
}

const EXPERIMENTAL: HeaderName = HeaderName::from_static("docker-experimental");

/// The headers of (nearly) every answer.
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
        (EXPERIMENTAL, HeaderValue::from_static("false")),
        (header::SERVER, server),
    ]
    .into_iter()
    .collect()
}
