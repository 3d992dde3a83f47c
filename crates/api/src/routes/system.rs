//! `/_ping`, `/version`, `/info`, `/events`, `/auth`, `/system/df`.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use gantry_api_types::AuthConfig;
use gantry_events::{Instant, Query};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::api::Identity;
use crate::backend::System;
use crate::failure::Failure;
use crate::json::{self, Json};
use crate::params::Params;
use crate::version::ApiVersion;
use crate::{older, stream as streaming};

pub(super) fn router<B: System>(backend: B, identity: &Identity) -> Router {
    let headers = ping_headers(identity);
    // `get` answers HEAD as well.
    Router::new()
        .route(
            "/_ping",
            get(move |method: Method| std::future::ready(ping(&method, &headers))),
        )
        .route("/version", get(version::<B>))
        .route("/info", get(info::<B>))
        .route("/events", get(events::<B>))
        .route("/auth", post(login::<B>))
        .with_state(backend)
}

fn ping(method: &Method, headers: &HeaderMap) -> Response {
    let body = if method == Method::HEAD { "" } else { "OK" };
    (headers.clone(), body).into_response()
}

fn ping_headers(identity: &Identity) -> HeaderMap {
    let fixed = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        (HeaderName::from_static("builder-version"), "1"),
        (HeaderName::from_static("swarm"), "inactive"),
    ];
    let mut headers: HeaderMap = fixed
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect();
    if let Some(build) = identity
        .build
        .as_deref()
        .and_then(|b| HeaderValue::from_str(b).ok())
    {
        headers.insert("gantry-build", build);
    }
    if identity.autostarted {
        headers.insert("gantry-autostarted", HeaderValue::from_static("1"));
    }
    headers
}

async fn version<B: System>(State(system): State<B>) -> Result<Response, Failure> {
    Ok(json::ok(&system.version().await?))
}

async fn info<B: System>(
    State(system): State<B>,
    version: ApiVersion,
) -> Result<Response, Failure> {
    Ok(json::ok(&older::info(version, system.info().await?)))
}

async fn events<B: System>(State(system): State<B>, params: Params) -> Result<Response, Failure> {
    let query = Query {
        since: params.moment("since")?.map(Instant),
        until: params.moment("until")?.map(Instant),
        filters: params.filters()?,
    };
    if let (Some(since), Some(until)) = (query.since, query.until)
        && since > until
    {
        return Err(Failure::invalid(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            params.text("since"),
            params.text("until")
        )));
    }
    let events = stream::unfold(system.events(query), |mut events| async move {
        let event = events.next().await?;
        Some((event, events))
    });
    Ok(streaming::lines(futures_util::StreamExt::map(
        events,
        |event| (*event).clone(),
    )))
}

async fn login<B: System>(
    State(system): State<B>,
    Json(auth): Json<AuthConfig>,
) -> Result<Response, Failure> {
    Ok(json::ok(&system.login(auth).await?))
}
