//! Networks.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use gantry_api_types::{NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest};
use http::StatusCode;

use crate::backend::Networks;
use crate::failure::Failure;
use crate::json::{self, Json, Required};
use crate::params::{Params, Segment};

pub(super) fn router<B: Networks>(backend: B) -> Router {
    Router::new()
        .route("/networks", get(list::<B>))
        .route("/networks/", get(list::<B>))
        .route("/networks/create", post(create::<B>))
        .route("/networks/prune", post(prune::<B>))
        .route("/networks/{name}", get(inspect::<B>).delete(remove::<B>))
        .route("/networks/{name}/connect", post(connect::<B>))
        .route("/networks/{name}/disconnect", post(disconnect::<B>))
        .with_state(backend)
}

async fn list<B: Networks>(State(networks): State<B>, params: Params) -> Result<Response, Failure> {
    let filters = params.filters()?;
    filters.accept(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
    Ok(json::ok(&networks.networks(filters).await?))
}

async fn inspect<B: Networks>(
    State(networks): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<Response, Failure> {
    // There is nothing more to tell of a network that is this daemon's alone.
    params.go_bool("verbose")?;
    let network = networks.network(&name).await?;
    if params.given("scope").is_some_and(|s| s != network.scope) {
        return Err(Failure::not_found(format!("network {name} not found")));
    }
    Ok(json::ok(&network))
}

async fn create<B: Networks>(
    State(networks): State<B>,
    Json(body): Json<NetworkCreateRequest>,
) -> Result<Response, Failure> {
    Ok(json::response(
        StatusCode::CREATED,
        &networks.create_network(body).await?,
    ))
}

async fn remove<B: Networks>(
    State(networks): State<B>,
    Segment(name): Segment,
) -> Result<StatusCode, Failure> {
    networks.remove_network(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn connect<B: Networks>(
    State(networks): State<B>,
    Segment(name): Segment,
    Json(body): Json<NetworkConnectRequest>,
) -> Result<StatusCode, Failure> {
    networks.connect(&name, body).await?;
    Ok(StatusCode::OK)
}

async fn disconnect<B: Networks>(
    State(networks): State<B>,
    Segment(name): Segment,
    Required(body): Required<NetworkDisconnectRequest>,
) -> Result<StatusCode, Failure> {
    networks.disconnect(&name, body).await?;
    Ok(StatusCode::OK)
}

async fn prune<B: Networks>(
    State(networks): State<B>,
    params: Params,
) -> Result<Response, Failure> {
    let filters = params.filters()?;
    filters.accept(&["label", "label!", "until"])?;
    Ok(json::ok(&networks.prune_networks(filters).await?))
}
