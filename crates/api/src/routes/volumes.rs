//! Volumes.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use gantry_api_types::{Filters, VolumeCreateRequest};
use http::StatusCode;

use crate::backend::Volumes;
use crate::failure::Failure;
use crate::json::{self, Json};
use crate::params::{Params, Segment};
use crate::stream;
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
        .route("/volumes/{name}/rename", post(rename::<B>))
        .route("/volumes/{name}/clone", post(copy::<B>))
        .route(
            "/volumes/{name}/snapshots",
            get(snapshots::<B>).post(snapshot::<B>),
        )
        .route("/volumes/{name}/restore", post(restore::<B>))
        .route("/volumes/{name}/export", get(export::<B>))
        .route("/volumes/{name}/import", post(import::<B>))
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
    version: ApiVersion,
    Json(body): Json<VolumeCreateRequest>,
) -> Result<Response, Failure> {
    if body.cluster_volume_spec.is_some() && version.is_at_least(42) {
        return Err(super::swarm::not_a_manager());
    }
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
    Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "volume update only valid for cluster volumes, but swarm is unavailable",
    )
}

fn given<'a>(params: &'a Params, name: &str) -> Result<&'a str, Failure> {
    params
        .given(name)
        .ok_or_else(|| Failure::invalid(format!("bad parameter: {name} cannot be empty")))
}

async fn rename<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    volumes
        .rename_volume(&name, given(&params, "name")?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn copy<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
    Json(body): Json<VolumeCreateRequest>,
) -> Result<Response, Failure> {
    let made = volumes.copy_volume(&name, body, false).await?;
    Ok(json::response(StatusCode::CREATED, &made))
}

async fn snapshot<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
    Json(body): Json<VolumeCreateRequest>,
) -> Result<Response, Failure> {
    let made = volumes.copy_volume(&name, body, true).await?;
    Ok(json::response(StatusCode::CREATED, &made))
}

async fn snapshots<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
) -> Result<Response, Failure> {
    volumes.volume(&name).await?;
    let mut filters = Filters::default();
    filters.add("label", format!("gantry.snapshot.of={name}"));
    Ok(json::ok(&volumes.volumes(filters).await?))
}

async fn restore<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    volumes
        .restore_volume(&name, given(&params, "snapshot")?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn export<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
) -> Result<Response, Failure> {
    let archive = volumes.export_volume(&name).await?;
    Ok(stream::response("application/x-tar", archive))
}

async fn import<B: Volumes>(
    State(volumes): State<B>,
    Segment(name): Segment,
    body: Body,
) -> Result<Response, Failure> {
    let made = volumes.import_volume(&name, stream::chunks(body)).await?;
    Ok(json::response(StatusCode::CREATED, &made))
}
