//! Building, which is not there yet, and says so.

use axum::Router;
use axum::routing::{any, post};

use crate::failure::Failure;

pub(super) fn router() -> Router {
    Router::new()
        .route("/build", post(build))
        .route("/build/prune", post(build))
        .route("/build/cancel", post(build))
        .route("/session", any(build))
        .route("/grpc", any(build))
}

async fn build() -> Failure {
    Failure::not_built("building images")
}
