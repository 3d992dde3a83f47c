//! Containers: logs, statistics and terminal sizes.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::StreamExt;
use http::StatusCode;

use super::bare;
use crate::api::Introduction;
use crate::backend::{AttachQuery, Containers, LogQuery};
use crate::failure::Failure;
use crate::params::{Params, Segment};
use crate::version::ApiVersion;
use crate::{hijack, json, stream, websocket};

pub(super) fn router<B: Containers>(backend: B) -> Router {
    Router::new()
        .route("/containers/{name}/logs", get(logs::<B>))
        .route("/containers/{name}/stats", get(stats::<B>))
        .route("/containers/{name}/resize", post(resize::<B>))
        .route("/containers/{name}/attach/ws", get(attach_websocket::<B>))
        .with_state(backend)
}

async fn logs<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    let query = LogQuery {
        stdout: params.truth("stdout"),
        stderr: params.truth("stderr"),
        follow: params.truth("follow"),
        timestamps: params.truth("timestamps"),
        details: params.truth("details"),
        since: params.moment("since")?.filter(|since| *since != 0),
        until: params.moment("until")?.filter(|until| *until != 0),
        // Anything that is no number is "all", as for Docker.
        tail: params.text("tail").parse().ok(),
    };
    if !query.stdout && !query.stderr {
        return Err(Failure::invalid(
            "Bad parameters: you must choose at least one stream",
        ));
    }
    let logs = containers.logs(bare(&name), query).await?;
    Ok(stream::response(
        hijack::content_type(version, logs.multiplexed),
        logs.chunks,
    ))
}

async fn stats<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    let streaming = params.truth_or("stream", true);
    let one_shot = version.is_at_least(41) && params.truth("one-shot");
    if streaming && one_shot {
        return Err(Failure::invalid(
            "cannot have stream=true and one-shot=true",
        ));
    }
    let mut samples = containers.stats(bare(&name), streaming, one_shot).await?;
    if streaming {
        return Ok(stream::lines(samples));
    }
    Ok(json::ok(&samples.next().await.unwrap_or_default()))
}

async fn resize<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<StatusCode, Failure> {
    let (height, width) = size(&params)?;
    containers.resize(bare(&name), height, width).await?;
    Ok(StatusCode::OK)
}

/// Height and width in characters.
pub(super) fn size(params: &Params) -> Result<(u16, u16), Failure> {
    let number = |name: &str, what: &str| {
        params.text(name).parse::<u16>().map_err(|_| {
            Failure::invalid(format!(
                "invalid resize {what} \"{}\": invalid syntax",
                params.text(name)
            ))
        })
    };
    Ok((number("h", "height")?, number("w", "width")?))
}

async fn attach_websocket<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let query = AttachQuery {
        stdin: params.truth("stdin"),
        stdout: params.truth("stdout"),
        stderr: params.truth("stderr"),
        logs: params.truth("logs"),
        stream: params.truth("stream"),
        detach_keys: params.text("detachKeys").to_owned(),
        raw: true,
    };
    let attachment = containers.attach(bare(&name), query).await?;
    // Older clients get text.
    let binary = version.is_at_least(28);
    let mut response = match upgrade {
        Ok(upgrade) => websocket::open(upgrade, attachment, binary),
        Err(_) => websocket::refuse(),
    };
    response.extensions_mut().insert(Introduction::None);
    Ok(response)
}
