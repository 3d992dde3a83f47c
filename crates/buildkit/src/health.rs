//! Whether the services are there: gRPC's health service.
//!
//! Reference: <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.

use std::collections::HashMap;
use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status};

use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::health_server::Health;
use crate::proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};

/// Those that there are; none means all together.
const SERVICES: [&str; 4] = [
    "",
    "moby.buildkit.v1.Control",
    "moby.buildkit.v1.frontend.LLBBridge",
    "containerd.services.content.v1.Content",
];

/// The service. Who answers is well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alive;

fn serving() -> HealthCheckResponse {
    HealthCheckResponse {
        status: ServingStatus::Serving as i32,
    }
}

#[tonic::async_trait]
impl Health for Alive {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if SERVICES.contains(&service.as_str()) {
            return Ok(Response::new(serving()));
        }
        Err(Status::not_found(format!("unknown service {service}")))
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let statuses = SERVICES.map(|name| (name.to_owned(), serving()));
        Ok(Response::new(HealthListResponse {
            statuses: HashMap::from(statuses),
        }))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = SERVICES.contains(&request.into_inner().service.as_str());
        let status = if known {
            ServingStatus::Serving
        } else {
            ServingStatus::ServiceUnknown
        };
        let first = Ok(HealthCheckResponse {
            status: status as i32,
        });
        // It changes no more: the connection's end is the end of both.
        let forever = stream::iter([first]).chain(stream::pending());
        Ok(Response::new(forever.boxed()))
    }
}
