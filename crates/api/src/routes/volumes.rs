//! Volumes.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use gantry_api_types::VolumeCreateRequest;
use http::StatusCode;

use crate::backend::Volumes;
use crate::failure::Failure;
use crate::json::{self, Json};
use crate::params::{Params, Segment};
use crate::version::ApiVersion;

pub(super) fn router<B: Volumes>(backend: B) -> Router {
    Router::new()
        .route("/volumes", get(list::<B>))
        .route("/volumes/create", post(create::<B>))
        .route("/volumes/prune", post(prune::<B>))
        .route(
            "/volumes/{name}",
            get(inspect::<B>).delete(remove::<B>).put(update_cluster),
        )
        .with_state(backend)
}

async fn list<B: Volumes>(State(volumes): State<B>, params: Params) -> Result<Response, Failure> {
    let filters = params.filters()?;
    filters.accept(&["dangling", "driver", "label", "name"])?;
    Ok(json::ok(&volumes.volumes(filters).await?))
}

async fn inspect<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
) -> Result<Response, Failure> {
    Ok(json::ok(&volumes.volume(&name).await?))
}

async fn create<B: Volumes>(
    State(volumes): State<B>,
    Json(body): Json<VolumeCreateRequest>,
) -> Result<Response, Failure> {
    Ok(json::response(
        StatusCode::CREATED,
        &volumes.create_volume(body).await?,
    ))
}

async fn remove<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    volumes.remove_volume(&name, params.truth("force")).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn prune<B: Volumes>(
    State(volumes): State<B>,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    let mut filters = params.filters()?;
    filters.accept(&["all", "label", "label!"])?;
    // Before API 1.42 volumes with names were pruned too.
    if !version.is_at_least(42) && !filters.has("all") {
        filters.add("all", "true");
    }
    Ok(json::ok(&volumes.prune_volumes(filters).await?))
}

async fn update_cluster() -> Failure {
    super::swarm::not_a_manager()
}
