//! Building: Docker's classic way, and the connections on which BuildKit's clients build.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use base64::Engine as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use gantry_api_types::{AuthConfig, BuildPruneReport, HostConfig, JsonMessage, Resources, Ulimit};
use gantry_units::GoDuration;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::upgrade::Upgraded;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::LENIENT;
use crate::api::Introduction;
use crate::backend::{Build, BuildQuery, PruneQuery};
use crate::failure::Failure;
use crate::json;
use crate::params::Params;
use crate::stream::{AbortOnDrop, lines, reader, response as stream_response};

pub(super) fn router<B: Build>(builder: B) -> Router {
    Router::new()
        .route("/build", post(build::<B>))
        .route("/build/prune", post(prune::<B>))
        .route("/build/cancel", post(cancel))
        .route("/build/mounts", get(mounts::<B>).delete(remove_mount::<B>))
        .route("/build/mounts/export", get(export_mount::<B>))
        .route("/build/mounts/import", post(import_mount::<B>))
        .route("/session", any(session::<B>))
        .route("/grpc", any(grpc::<B>))
        .with_state(builder)
}

/// A connection that goes on as HTTP/2, with us as its server.
async fn grpc<B: Build>(State(builder): State<B>, request: Request) -> Result<Response, Failure> {
    switched(&builder, request, |builder, _, io| {
        builder.grpc_connection(io)
    })
}

/// A connection that goes on as HTTP/2, with us as its client.
async fn session<B: Build>(
    State(builder): State<B>,
    request: Request,
) -> Result<Response, Failure> {
    switched(&builder, request, |builder, headers, io| {
        builder.session(headers, io)
    })
}

fn switched<B: Build>(
    builder: &B,
    mut request: Request,
    serve: impl FnOnce(B, HeaderMap, Upgraded) -> BoxFuture<'static, ()> + Send + 'static,
) -> Result<Response, Failure> {
    if !builder.speaks_buildkit() {
        return Err(Failure::not_built("BuildKit's protocol"));
    }
    if request
        .headers()
        .get(UPGRADE)
        .is_none_or(|name| name != "h2c")
    {
        return Err(Failure::invalid("no upgrade proto in request"));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let (builder, headers) = (builder.clone(), request.headers().clone());
    tokio::spawn(async move {
        match upgrade.await {
            Ok(io) => serve(builder, headers, io).await,
            Err(error) => tracing::debug!("a client left before its build began: {error}"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("h2c"));
    response.extensions_mut().insert(Introduction::None);
    Ok(response)
}

/// Only BuildKit's builds have an ID; a classic one ends with its connection.
async fn cancel(params: Params) -> Result<(StatusCode, [(HeaderName, &'static str); 1]), Failure> {
    match params.given("id") {
        None => Err(Failure::invalid("build ID not provided")),
        Some(_) => Ok((StatusCode::OK, [(CONTENT_TYPE, "application/json")])),
    }
}

/// Streams what is told; when the client goes away, the build ends.
async fn build<B: Build>(
    State(builder): State<B>,
    headers: HeaderMap,
    params: Params,
    body: Body,
) -> Result<Response, Failure> {
    let query = asked(&params, &headers)?;
    let (sender, mut to_come) = mpsc::unbounded_channel::<JsonMessage>();
    let context = reader(body);
    let work = async move { builder.build(query, context, sender).await };
    let task = AbortOnDrop::spawn(work);
    let Some(first) = to_come.recv().await else {
        task.await?;
        return Ok(lines(stream::empty::<JsonMessage>()));
    };
    let rest = stream::unfold(
        (to_come, Some(task)),
        |(mut to_come, mut task)| async move {
            if let Some(line) = to_come.recv().await {
                return Some((line, (to_come, task)));
            }
            let failure = task.take()?.await.err()?;
            Some((JsonMessage::failure(failure.message()), (to_come, None)))
        },
    );
    Ok(lines(futures_util::StreamExt::chain(
        stream::iter([first]),
        rest,
    )))
}

async fn prune<B: Build>(State(builder): State<B>, params: Params) -> Result<Response, Failure> {
    let filters = params.filters()?;
    filters.accept(&["until", "unused-for", "id", "type", "label", "label!"])?;
    // `system prune` sends the same conditions everywhere; nothing in the cache has a label.
    if filters.has("label") {
        return Ok(json::ok(&BuildPruneReport::default()));
    }
    let age = |name: &str| -> Result<Option<Duration>, Failure> {
        let Some(text) = filters.values(name).next() else {
            return Ok(None);
        };
        let parsed: GoDuration = text.parse().map_err(|_| {
            Failure::invalid(format!(
                "{name} filter: \"{text}\" is no duration such as 24h"
            ))
        })?;
        Ok(parsed.positive())
    };
    let older = age("until")?.or(age("unused-for")?);
    let given = |name: &str| -> Vec<String> { filters.values(name).map(str::to_owned).collect() };
    let bytes = |name: &str| -> Result<u64, Failure> {
        let number = params.number::<i64>(name)?.unwrap_or_default();
        u64::try_from(number).map_err(|_| Failure::invalid(format!("{name} is negative: {number}")))
    };
    // `keep-storage` is what `reserved-space` was called before API 1.48.
    let reserved = bytes("reserved-space")?.max(bytes("keep-storage")?);
    let query = PruneQuery {
        all: params.truth("all"),
        older_than: older,
        reserved,
        max_used: bytes("max-used-space")?,
        min_free: bytes("min-free-space")?,
        ids: given("id"),
        kinds: given("type"),
    };
    Ok(json::ok(&builder.prune_builds(query).await?))
}

async fn mounts<B: Build>(State(builder): State<B>) -> Result<Response, Failure> {
    Ok(json::ok(&builder.cache_mounts().await?))
}

async fn export_mount<B: Build>(
    State(builder): State<B>,
    params: Params,
) -> Result<Response, Failure> {
    let archive = builder.export_cache_mount(params.text("id")).await?;
    Ok(stream_response("application/x-tar", archive))
}

async fn import_mount<B: Build>(
    State(builder): State<B>,
    params: Params,
    body: Body,
) -> Result<StatusCode, Failure> {
    let archive = reader(body);
    builder
        .import_cache_mount(params.text("id"), archive)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_mount<B: Build>(
    State(builder): State<B>,
    params: Params,
) -> Result<StatusCode, Failure> {
    builder.remove_cache_mount(params.text("id")).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn asked(params: &Params, headers: &HeaderMap) -> Result<BuildQuery, Failure> {
    for (name, what) in [
        ("outputs", "outputs of classic builds"),
        ("session", "sessions of classic builds"),
    ] {
        if params.given(name).is_some() {
            return Err(Failure::not_built(what));
        }
    }
    // Docker on Linux knows this one only.
    let isolation = params.given("isolation").unwrap_or("default");
    if !matches!(isolation, "" | "default") {
        return Err(Failure::invalid(format!(
            "Unsupported isolation: \"{isolation}\""
        )));
    }
    if params.truth("squash") {
        return Err(Failure::not_built("--squash"));
    }
    if params
        .given("version")
        .is_some_and(|version| version == "2")
    {
        return Err(Failure::not_built("BuildKit's protocol"));
    }
    let args: BTreeMap<String, Option<String>> = read(params, "buildargs")?.unwrap_or_default();
    Ok(BuildQuery {
        dockerfile: params
            .given("dockerfile")
            .unwrap_or("Dockerfile")
            .to_owned(),
        // The body by another name, as clients of BuildKit say.
        remote: params
            .given("remote")
            .filter(|remote| *remote != "client-session")
            .map(str::to_owned),
        tags: params.all("t").map(str::to_owned).collect(),
        // An argument without a value is one that the client has not set.
        build_args: args
            .into_iter()
            .filter_map(|(n, v)| Some((n, v?)))
            .collect(),
        labels: read(params, "labels")?.unwrap_or_default(),
        target: params.given("target").map(str::to_owned),
        cache_from: read(params, "cachefrom")?.unwrap_or_default(),
        no_cache: params.truth("nocache"),
        pull: params.truth("pull"),
        quiet: params.truth("q"),
        keep_steps: params.given("rm").is_some() && !params.truth("rm") && !params.truth("forcerm"),
        platform: params.given("platform").map(str::to_owned),
        steps: steps(params)?,
        auth: logins(headers),
    })
}

/// What the containers of RUN are limited to.
fn steps(params: &Params) -> Result<HostConfig, Failure> {
    let ulimits: Vec<Ulimit> = read(params, "ulimits")?.unwrap_or_default();
    let hosts = params.all("extrahosts").flat_map(|hosts| hosts.split(','));
    let hosts: Vec<String> = hosts.filter(|h| !h.is_empty()).map(str::to_owned).collect();
    let text = |name: &str| params.text(name).to_owned();
    let security: Vec<String> = read(params, "securityopt")?.unwrap_or_default();
    Ok(HostConfig {
        network_mode: text("networkmode"),
        extra_hosts: Some(hosts).filter(|hosts| !hosts.is_empty()),
        shm_size: params.number("shmsize")?.unwrap_or_default(),
        security_opt: Some(security).filter(|options| !options.is_empty()),
        resources: Resources {
            memory: params.number("memory")?.unwrap_or_default(),
            memory_swap: params.number("memswap")?.unwrap_or_default(),
            cpu_shares: params.number("cpushares")?.unwrap_or_default(),
            cpu_period: params.number("cpuperiod")?.unwrap_or_default(),
            cpu_quota: params.number("cpuquota")?.unwrap_or_default(),
            cpuset_cpus: text("cpusetcpus"),
            cpuset_mems: text("cpusetmems"),
            cgroup_parent: text("cgroupparent"),
            ulimits: Some(ulimits).filter(|limits| !limits.is_empty()),
            ..Resources::default()
        },
        ..HostConfig::default()
    })
}

/// A parameter that is JSON.
fn read<T: DeserializeOwned>(params: &Params, name: &str) -> Result<Option<T>, Failure> {
    let Some(text) = params.given(name).filter(|text| *text != "null") else {
        return Ok(None);
    };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| Failure::invalid(format!("error reading {name}: {error}")))
}

/// Logins that a client sends along, by registry; what cannot be read is none.
fn logins(headers: &HeaderMap) -> BTreeMap<String, AuthConfig> {
    let read = || {
        let text = headers.get("x-registry-config")?.to_str().ok()?;
        let text = text.replace('+', "-").replace('/', "_");
        serde_json::from_slice(&LENIENT.decode(text).ok()?).ok()
    };
    read().unwrap_or_default()
}
