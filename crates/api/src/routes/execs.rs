//! Processes run in running containers.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gantry_api_types::{ExecCreateRequest, ExecStartRequest};
use http::StatusCode;

use super::{bare, streams};
use crate::api::Introduction;
use crate::backend::Execs;
use crate::failure::Failure;
use crate::hijack::Way;
use crate::json::{self, Json};
use crate::params::{Params, Segment};
use crate::version::ApiVersion;

pub(super) fn router<B: Execs>(backend: B) -> Router {
    Router::new()
        .route("/containers/{name}/exec", post(create::<B>))
        .route("/exec/{id}/start", post(start::<B>))
        .route("/exec/{id}/resize", post(resize::<B>))
        .route("/exec/{id}/json", get(inspect::<B>))
        .with_state(backend)
}

async fn create<B: Execs>(
    State(execs): State<B>,
    Segment(name): Segment,
    Json(body): Json<ExecCreateRequest>,
) -> Result<Response, Failure> {
    if body.cmd.as_ref().is_none_or(|cmd| cmd.is_empty()) {
        return Err(Failure::invalid("No exec command specified"));
    }
    let made = execs.exec_create(bare(&name), body).await?;
    Ok(json::response(StatusCode::CREATED, &made))
}

async fn start<B: Execs>(
    State(execs): State<B>,
    Segment(id): Segment,
    version: ApiVersion,
    mut request: Request,
) -> Result<Response, Failure> {
    let way = Way::of(&mut request);
    // A client without an upgrade has no way to send input after this body.
    let body = json::read(request.into_body()).await?;
    match execs
        .exec_start(&id, json::parse::<ExecStartRequest>(&body)?)
        .await?
    {
        None => Ok(StatusCode::OK.into_response()),
        Some(attachment) => {
            let mut response = way
                .open(version, attachment, Body::empty(), None)
                .map_err(|e| Failure::internal(format!("cannot open a stream: {e}")))?;
            // Unlike those of attaching, as in Docker.
            response.extensions_mut().insert(Introduction::Full);
            Ok(response)
        }
    }
}

async fn resize<B: Execs>(
    State(execs): State<B>,
    Segment(id): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    let (height, width) = streams::size(&params)?;
    execs.exec_resize(&id, height, width).await?;
    Ok(StatusCode::OK)
}

async fn inspect<B: Execs>(
    State(execs): State<B>,
    Segment(id): Segment,
) -> Result<Response, Failure> {
    Ok(json::ok(&execs.exec_inspect(&id).await?))
}
