//! Traces of clients: OpenTelemetry's service takes them and nobody looks at them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, combinators::WithTrailers};
use tonic::body::Body;
use tonic::server::NamedService;

/// `TraceService` with its one method `Export`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traces;

impl NamedService for Traces {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

/// The trailers that a gRPC answer ends with.
type Trailers = Ready<Option<Result<http::HeaderMap, Infallible>>>;

impl tower_service::Service<http::Request<Body>> for Traces {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        // An empty message: no compression, no bytes.
        let mut message = BytesMut::new();
        message.put_u8(0);
        message.put_u32(0);
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let body: WithTrailers<Full<Bytes>, Trailers> =
            Full::new(message.freeze()).with_trailers(ready(Some(Ok(trailers))));
        let mut answer = http::Response::new(Body::new(body));
        let grpc = http::HeaderValue::from_static("application/grpc");
        answer
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, grpc);
        ready(Ok(answer))
    }
}
