//! Containers: what changes their state, and waiting for it; and attaching, which `start` waits for.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use gantry_api_types::WaitResponse;
use http::StatusCode;

use super::bare;
use crate::backend::{AttachQuery, Containers, RemoveQuery, WaitCondition};
use crate::failure::Failure;
use crate::hijack::Way;
use crate::json;
use crate::params::{Params, Segment};
use crate::pending::Pending;
use crate::stream;
use crate::version::ApiVersion;

/// The group's state: the engine's containers, and the attaches under way.
#[derive(Clone)]
struct Group<B> {
    containers: B,
    pending: Pending,
}

pub(super) fn router<B: Containers>(containers: B) -> Router {
    Router::new()
        .route("/containers/{name}/start", post(start::<B>))
        .route("/containers/{name}/stop", post(stop::<B>))
        .route("/containers/{name}/restart", post(restart::<B>))
        .route("/containers/{name}/kill", post(kill::<B>))
        .route("/containers/{name}/pause", post(pause::<B>))
        .route("/containers/{name}/unpause", post(unpause::<B>))
        .route("/containers/{name}/rename", post(rename::<B>))
        .route("/containers/{name}/wait", post(wait::<B>))
        .route("/containers/{name}/attach", post(attach::<B>))
        .route("/containers/{name}", delete(remove::<B>))
        .route("/containers/{name}/{alias}", delete(remove_link::<B>))
        .with_state(Group {
            containers,
            pending: Pending::default(),
        })
}

async fn start<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    params: Params,
    body: Body,
) -> Result<StatusCode, Failure> {
    // Until API 1.23 the host's configuration could come with the start.
    let body = json::read(body).await?;
    if body.len() > 2 {
        return Err(Failure::invalid(
            "starting container with non-empty request body was deprecated since API v1.22 and \
             removed in v1.24",
        ));
    }
    if params.given("checkpoint").is_some() {
        return Err(Failure::not_built("starting from a checkpoint"));
    }
    let name = bare(&name);
    group.pending.settled(name).await;
    group.containers.start(name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn stop<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<StatusCode, Failure> {
    let signal = params.given("signal").filter(|_| version.is_at_least(42));
    group
        .containers
        .stop(bare(&name), params.number("t")?, signal)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restart<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<StatusCode, Failure> {
    let signal = params.given("signal").filter(|_| version.is_at_least(42));
    group
        .containers
        .restart(bare(&name), params.number("t")?, signal)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn kill<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    group
        .containers
        .kill(bare(&name), params.given("signal"))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
) -> Result<StatusCode, Failure> {
    group.containers.pause(bare(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unpause<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
) -> Result<StatusCode, Failure> {
    group.containers.unpause(bare(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn rename<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    let Some(new) = params.given("name") else {
        return Err(Failure::invalid("Neither old nor new names may be empty"));
    };
    group.containers.rename(bare(&name), bare(new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    let query = RemoveQuery {
        volumes: params.truth("v"),
        force: params.truth("force"),
        link: params.truth("link"),
    };
    group.containers.remove(bare(&name), query).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `parent/alias` names a link.
async fn remove_link<B: Containers>(
    State(group): State<Group<B>>,
    Path((parent, alias)): Path<(String, String)>,
    params: Params,
) -> Result<StatusCode, Failure> {
    let query = RemoveQuery {
        volumes: params.truth("v"),
        force: params.truth("force"),
        link: params.truth("link"),
    };
    let name = format!("{parent}/{alias}");
    group.containers.remove(&name, query).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The head goes out at once, so that a client knows from when on it waits; the body at the end.
async fn wait<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    // Conditions came with API 1.30.
    let wanted = Some(params.text("condition")).filter(|_| version.is_at_least(30));
    let condition = match wanted.unwrap_or_default() {
        "" | "not-running" => WaitCondition::NotRunning,
        "next-exit" => WaitCondition::NextExit,
        "removed" => WaitCondition::Removed,
        other => return Err(Failure::invalid(format!("invalid condition: \"{other}\""))),
    };
    let end: BoxFuture<'static, WaitResponse> =
        group.containers.wait(bare(&name), condition).await?;
    let body = end
        .into_stream()
        .map(|end| json::line(&end).map_err(std::io::Error::other));
    Ok(stream::response("application/json", body.boxed()))
}

async fn attach<B: Containers>(
    State(group): State<Group<B>>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
    mut request: Request,
) -> Result<Response, Failure> {
    let query = AttachQuery {
        stdin: params.truth("stdin"),
        stdout: params.truth("stdout"),
        stderr: params.truth("stderr"),
        logs: params.truth("logs"),
        stream: params.truth("stream"),
        detach_keys: params.text("detachKeys").to_owned(),
        raw: false,
    };
    let name = bare(&name);
    let attachment = group.containers.attach(name, query).await?;
    let promise = group.pending.promise(name);
    let way = Way::of(&mut request);
    way.open(version, attachment, request.into_body(), Some(promise))
        .map_err(|e| Failure::internal(format!("cannot open a stream: {e}")))
        .map(IntoResponse::into_response)
}
