//! What records of builds refer to, for clients: containerd's content service, as far as it reads.
//!
//! Reference: <https://github.com/containerd/containerd>, `api/services/content/v1`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::Server;

/// So much goes into one message.
const CHUNK: usize = 256 << 10;

#[derive(Clone, PartialEq, prost::Message)]
struct InfoRequest {
    #[prost(string, tag = "1")]
    digest: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Info {
    #[prost(string, tag = "1")]
    digest: String,
    #[prost(int64, tag = "2")]
    size: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct InfoResponse {
    #[prost(message, optional, tag = "1")]
    info: Option<Info>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadRequest {
    #[prost(string, tag = "1")]
    digest: String,
    #[prost(int64, tag = "2")]
    offset: i64,
    #[prost(int64, tag = "3")]
    size: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadResponse {
    #[prost(int64, tag = "1")]
    offset: i64,
    #[prost(bytes = "bytes", tag = "2")]
    data: Bytes,
}

/// The service.
#[derive(Clone)]
pub(crate) struct Content(pub Server);

impl NamedService for Content {
    const NAME: &'static str = "containerd.services.content.v1.Content";
}

impl Content {
    fn blob(&self, digest: &str) -> Result<Bytes, Status> {
        let found = self.0.history.blob(digest);
        let missing = || Status::not_found(format!("content {digest}: not found"));
        found.map(Bytes::from).ok_or_else(missing)
    }

    fn info(&self, request: InfoRequest) -> Result<Response<InfoResponse>, Status> {
        let blob = self.blob(&request.digest)?;
        let info = Info {
            digest: request.digest,
            size: i64::try_from(blob.len()).unwrap_or(i64::MAX),
        };
        Ok(Response::new(InfoResponse { info: Some(info) }))
    }

    /// A part of a blob in pieces; no size means its rest.
    fn read(&self, request: &ReadRequest) -> Result<Response<Pieces>, Status> {
        let blob = self.blob(&request.digest)?;
        let bad = || {
            let text = format!("content {}: not so many bytes", request.digest);
            Status::out_of_range(text)
        };
        let from = usize::try_from(request.offset).map_err(|_| bad())?;
        let size = usize::try_from(request.size).map_err(|_| bad())?;
        if from > blob.len() {
            return Err(bad());
        }
        let rest = blob.len() - from;
        let part = blob.slice(from..from + if size == 0 { rest } else { size.min(rest) });
        let starts = (0..part.len()).step_by(CHUNK);
        let pieces: Vec<Result<ReadResponse, Status>> = starts
            .map(|at| {
                Ok(ReadResponse {
                    offset: i64::try_from(from + at).unwrap_or(i64::MAX),
                    data: part.slice(at..part.len().min(at + CHUNK)),
                })
            })
            .collect();
        Ok(Response::new(stream::iter(pieces).boxed()))
    }
}

type Pieces = BoxStream<'static, Result<ReadResponse, Status>>;

impl UnaryService<InfoRequest> for Content {
    type Response = InfoResponse;
    type Future = Ready<Result<Response<InfoResponse>, Status>>;

    fn call(&mut self, request: Request<InfoRequest>) -> Self::Future {
        ready(self.info(request.into_inner()))
    }
}

impl ServerStreamingService<ReadRequest> for Content {
    type Response = ReadResponse;
    type ResponseStream = Pieces;
    type Future = Ready<Result<Response<Pieces>, Status>>;

    fn call(&mut self, request: Request<ReadRequest>) -> Self::Future {
        ready(self.read(&request.into_inner()))
    }
}

impl tower_service::Service<http::Request<Body>> for Content {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default();
            Ok(match method {
                "Info" => {
                    let codec = ProstCodec::<InfoResponse, InfoRequest>::default();
                    Grpc::new(codec).unary(service, request).await
                }
                "Read" => {
                    let codec = ProstCodec::<ReadResponse, ReadRequest>::default();
                    Grpc::new(codec).server_streaming(service, request).await
                }
                other => Status::unimplemented(format!(
                    "the content service's method {other} is not supported: it only reads"
                ))
                .into_http(),
            })
        })
    }
}
