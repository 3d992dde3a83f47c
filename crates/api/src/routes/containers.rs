//! Containers: list, create, inspect and the other questions.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use gantry_api_types::{ContainerConfig, ContainerCreateRequest, ContainerUpdateRequest};
use http::StatusCode;

use super::bare;
use crate::backend::{CommitQuery, Containers, ListQuery};
use crate::failure::Failure;
use crate::json::{self, Json, Required};
use crate::older;
use crate::params::{Params, Segment};
use crate::version::ApiVersion;

pub(super) fn router<B: Containers>(backend: B) -> Router {
    Router::new()
        .route("/containers/json", get(list::<B>))
        .route("/containers/create", post(create::<B>))
        .route("/containers/prune", post(prune::<B>))
        .route("/containers/{name}/json", get(inspect::<B>))
        .route("/containers/{name}/top", get(top::<B>))
        .route("/containers/{name}/changes", get(changes::<B>))
        .route("/containers/{name}/update", post(update::<B>))
        .route(
            "/containers/{name}/checkpoints",
            get(checkpoints).post(checkpoints),
        )
        .route(
            "/containers/{name}/checkpoints/{checkpoint}",
            axum::routing::delete(checkpoints),
        )
        .route("/commit", post(commit::<B>))
        .with_state(backend)
}

async fn list<B: Containers>(
    State(containers): State<B>,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    let mut filters = params.filters()?;
    for name in ["since", "before"] {
        if let Some(value) = params.given(name) {
            filters.add(name, value);
        }
    }
    let query = ListQuery {
        all: params.truth("all"),
        // Docker takes 0 and less for "all".
        limit: params
            .number::<i64>("limit")?
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n > 0),
        size: params.truth("size"),
        filters,
    };
    let list = containers.list(query).await?;
    Ok(json::ok(&older::containers(version, list)))
}

async fn create<B: Containers>(
    State(containers): State<B>,
    version: ApiVersion,
    params: Params,
    Required(mut body): Required<ContainerCreateRequest>,
) -> Result<Response, Failure> {
    if body.config == ContainerConfig::default() {
        return Err(Failure::invalid(
            "config cannot be empty in order to create a container",
        ));
    }
    older::create(version, &mut body);
    let platform = params.given("platform").filter(|_| version.is_at_least(41));
    let made = containers
        .create(params.given("name"), platform, body)
        .await?;
    Ok(json::response(StatusCode::CREATED, &made))
}

async fn inspect<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    let size = params.truth("size");
    let container = containers.inspect(bare(&name), size).await?;
    Ok(json::ok(&older::container(version, container)))
}

async fn top<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<Response, Failure> {
    Ok(json::ok(
        &containers.top(bare(&name), params.text("ps_args")).await?,
    ))
}

async fn changes<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
) -> Result<Response, Failure> {
    Ok(json::ok(&containers.changes(bare(&name)).await?))
}

async fn update<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    version: ApiVersion,
    Json(mut body): Json<ContainerUpdateRequest>,
) -> Result<Response, Failure> {
    if !version.is_at_least(40) {
        // Clients of those days sent whatever was in the field.
        body.resources.pids_limit = None;
    }
    Ok(json::ok(&containers.update(bare(&name), body).await?))
}

async fn prune<B: Containers>(
    State(containers): State<B>,
    params: Params,
) -> Result<Response, Failure> {
    let filters = params.filters()?;
    filters.accept(&["label", "label!", "until"])?;
    Ok(json::ok(&containers.prune_containers(filters).await?))
}

async fn commit<B: Containers>(
    State(containers): State<B>,
    params: Params,
    Json(config): Json<ContainerConfig>,
) -> Result<Response, Failure> {
    if params.text("container").is_empty() {
        return Err(Failure::invalid("invalid name or ID supplied: \"\""));
    }
    let query = CommitQuery {
        repo: params.text("repo").to_owned(),
        tag: params.text("tag").to_owned(),
        comment: params.text("comment").to_owned(),
        author: params.text("author").to_owned(),
        pause: params.truth_or("pause", true),
        changes: params.all("changes").map(str::to_owned).collect(),
    };
    let made = containers
        .commit(bare(params.text("container")), query, config)
        .await?;
    Ok(json::response(StatusCode::CREATED, &made))
}

/// Docker's daemon has checkpoints only with its experimental features on, which we never say.
async fn checkpoints() -> Failure {
    Failure::new(
        StatusCode::NOT_IMPLEMENTED,
        "This experimental feature is disabled by default. Start the Docker daemon in experimental \
         mode in order to enable it.",
    )
}
