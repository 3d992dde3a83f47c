//! Secrets: in Docker a swarm's, here the machine's.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use gantry_api_types::SecretSpec;
use http::StatusCode;

use crate::backend::Secrets;
use crate::failure::Failure;
use crate::json::{self, Required};
use crate::params::{Params, Segment};

pub(super) fn router<B: Secrets>(backend: B) -> Router {
    Router::new()
        .route("/secrets", get(list::<B>))
        .route("/secrets/create", post(create::<B>))
        .route("/secrets/{id}", get(inspect::<B>).delete(remove::<B>))
        .route("/secrets/{id}/update", post(update::<B>))
        .with_state(backend)
}

async fn list<B: Secrets>(State(secrets): State<B>, params: Params) -> Result<Response, Failure> {
    let filters = params.filters()?;
    filters.accept(&["id", "label", "name", "names"])?;
    Ok(json::ok(&secrets.secrets(filters).await?))
}

async fn create<B: Secrets>(
    State(secrets): State<B>,
    Required(spec): Required<SecretSpec>,
) -> Result<Response, Failure> {
    let made = secrets.create_secret(spec).await?;
    Ok(json::response(StatusCode::CREATED, &made))
}

async fn inspect<B: Secrets>(
    State(secrets): State<B>,
    Segment(name): Segment,
) -> Result<Response, Failure> {
    Ok(json::ok(&secrets.secret(&name).await?))
}

async fn update<B: Secrets>(
    State(secrets): State<B>,
    Segment(name): Segment,
    params: Params,
    Required(spec): Required<SecretSpec>,
) -> Result<StatusCode, Failure> {
    let version = params.text("version");
    let version = version.parse().map_err(|_| {
        Failure::invalid(format!(
            "invalid secret version '{version}': it is not a number"
        ))
    })?;
    secrets.update_secret(&name, version, spec).await?;
    Ok(StatusCode::OK)
}

async fn remove<B: Secrets>(
    State(secrets): State<B>,
    Segment(name): Segment,
) -> Result<StatusCode, Failure> {
    secrets.remove_secret(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
