//! Swarm and plugins: what a Docker outside of a swarm and without plugins answers.

use axum::Router;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::StatusCode;

use crate::failure::Failure;
use crate::json;
use crate::params::Segment;

/// Everything that only a manager can answer.
const MANAGERS: [&str; 17] = [
    "/swarm",
    "/swarm/update",
    "/swarm/unlockkey",
    "/swarm/unlock",
    "/nodes",
    "/nodes/{id}",
    "/nodes/{id}/update",
    "/services",
    "/services/create",
    "/services/{id}",
    "/services/{id}/update",
    "/services/{id}/logs",
    "/tasks",
    "/tasks/{id}",
    "/tasks/{id}/logs",
    "/configs",
    "/configs/{*rest}",
];

pub(super) fn router() -> Router {
    let router = Router::new()
        .route("/swarm/init", post(swarm))
        .route("/swarm/join", post(swarm))
        .route("/swarm/leave", post(not_in_a_swarm))
        .route("/plugins", get(no_plugins))
        .route("/plugins/{*rest}", any(no_such_plugin));
    MANAGERS
        .iter()
        .fold(router, |router, path| router.route(path, any(manager)))
}

/// Docker's answer outside of a swarm.
pub(super) fn not_a_manager() -> Failure {
    Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to \
         connect this node to swarm and try again.",
    )
}

async fn manager() -> Failure {
    not_a_manager()
}

async fn not_in_a_swarm() -> Failure {
    Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "This node is not part of a swarm",
    )
}

async fn swarm() -> Failure {
    Failure::not_built("swarm mode")
}

async fn no_plugins() -> Response {
    json::ok(&[(); 0])
}

async fn no_such_plugin(Segment(rest): Segment) -> Failure {
    match rest.as_str() {
        "pull" | "create" | "privileges" => Failure::not_built("installing plugins"),
        rest => {
            let name = rest.rsplit_once('/').map_or(rest, |(name, _)| name);
            Failure::not_found(format!("plugin \"{name}\" not found"))
        }
    }
}
