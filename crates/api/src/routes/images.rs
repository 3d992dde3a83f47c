//! Images. Their names have slashes, so the routes below `/images/` are told apart by their ends.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gantry_api_types::Platform;
use http::{HeaderMap, StatusCode};

use super::registry_auth;
use crate::backend::{ImageListQuery, Images, ImportRequest, PullRequest, PushRequest};
use crate::failure::Failure;
use crate::params::{Params, Segment};
use crate::version::ApiVersion;
use crate::{json, older, stream};

pub(super) fn router<B: Images>(backend: B) -> Router {
    Router::new()
        .route("/images/json", get(list::<B>))
        .route("/images/create", post(create::<B>))
        .route("/images/load", post(load::<B>))
        .route("/images/get", get(save_many::<B>))
        .route("/images/prune", post(prune::<B>))
        .route("/images/search", get(search::<B>))
        .route(
            "/images/{*rest}",
            get(ask::<B>).post(act::<B>).delete(remove::<B>),
        )
        .route("/distribution/{*rest}", get(distribution::<B>))
        .with_state(backend)
}

async fn list<B: Images>(
    State(images): State<B>,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    let mut filters = params.filters()?;
    // Before API 1.41 a parameter of its own.
    if let Some(name) = params.given("filter").filter(|_| !version.is_at_least(41)) {
        filters.add("reference", name);
    }
    let query = ImageListQuery {
        all: params.truth("all"),
        shared_size: version.is_at_least(42) && params.truth("shared-size"),
        containers: version.is_at_least(51),
        filters,
    };
    Ok(json::ok(&older::images(
        version,
        &images.images(query).await?,
    )))
}

/// Pulls; importing an archive is another way to create an image.
async fn create<B: Images>(
    State(images): State<B>,
    version: ApiVersion,
    headers: HeaderMap,
    params: Params,
    body: Body,
) -> Result<Response, Failure> {
    // Platforms came with API 1.32.
    let platform = params.given("platform").filter(|_| version.is_at_least(32));
    let platform = platform.map(str::to_owned);
    if let Some(source) = params.given("fromSrc") {
        return import(images, source, platform, &params, body).await;
    }
    let Some(image) = params.given("fromImage") else {
        return Err(Failure::invalid("invalid reference format"));
    };
    let request = PullRequest {
        image: image.to_owned(),
        tag: params.text("tag").to_owned(),
        platform,
        auth: registry_auth(&headers),
    };
    stream::progress(|progress| async move { images.pull(request, progress).await }).await
}

async fn import<B: Images>(
    images: B,
    source: &str,
    platform: Option<String>,
    params: &Params,
    body: Body,
) -> Result<Response, Failure> {
    let request = ImportRequest {
        source: source.to_owned(),
        repository: params.text("repo").to_owned(),
        tag: params.text("tag").to_owned(),
        message: params.text("message").to_owned(),
        changes: params.all("changes").map(str::to_owned).collect(),
        platform,
    };
    let archive = stream::reader(body);
    stream::progress(move |progress| async move { images.import(request, archive, progress).await })
        .await
}

async fn load<B: Images>(
    State(images): State<B>,
    params: Params,
    body: Body,
) -> Result<Response, Failure> {
    let (archive, quiet) = (stream::reader(body), params.truth("quiet"));
    let platform = params.given("platform").map(str::to_owned);
    stream::progress(move |progress| async move {
        images.load(archive, quiet, platform, progress).await
    })
    .await
}

async fn save_many<B: Images>(
    State(images): State<B>,
    params: Params,
) -> Result<Response, Failure> {
    let names = params.all("names").map(str::to_owned).collect();
    save(&images, names, &params).await
}

async fn save<B: Images>(
    images: &B,
    names: Vec<String>,
    params: &Params,
) -> Result<Response, Failure> {
    let platform = params.given("platform").map(str::to_owned);
    Ok(stream::response(
        "application/x-tar",
        images.save(names, platform).await?,
    ))
}

async fn prune<B: Images>(State(images): State<B>, params: Params) -> Result<Response, Failure> {
    let filters = params.filters()?;
    filters.accept(&["dangling", "label", "label!", "until"])?;
    Ok(json::ok(&images.prune_images(filters).await?))
}

async fn search<B: Images>(
    State(images): State<B>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Failure> {
    let (limit, filters) = (params.number("limit")?, params.filters()?);
    let found = images
        .search(params.text("term"), limit, filters, registry_auth(&headers))
        .await?;
    Ok(json::ok(&found))
}

/// `GET /images/{name}/json`, `/history`, `/get`.
async fn ask<B: Images>(
    State(images): State<B>,
    Segment(rest): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    match split(&rest)? {
        (name, "json") => {
            let platform = platform(&params, "platform", version.is_at_least(49))?;
            if platform.is_some() && params.truth("manifests") {
                return Err(Failure::invalid(
                    "conflicting options: manifests and platform options cannot both be set",
                ));
            }
            let image = images.image(name, platform).await?;
            Ok(json::ok(&older::image(version, &image)))
        }
        (name, "history") => {
            let platform = platform(&params, "platform", version.is_at_least(48))?;
            if platform.is_some() {
                images.image(name, platform).await?;
            }
            Ok(json::ok(&images.history(name).await?))
        }
        (name, "get") => save(&images, vec![name.to_owned()], &params).await,
        _ => Err(Failure::not_found("page not found")),
    }
}

/// `POST /images/{name}/tag`, `/push`.
async fn act<B: Images>(
    State(images): State<B>,
    Segment(rest): Segment,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Failure> {
    match split(&rest)? {
        (name, "tag") => {
            images
                .tag(name, params.text("repo"), params.text("tag"))
                .await?;
            Ok(StatusCode::CREATED.into_response())
        }
        (name, "push") => {
            let request = PushRequest {
                name: name.to_owned(),
                tag: params.text("tag").to_owned(),
                platform: params.given("platform").map(str::to_owned),
                auth: registry_auth(&headers),
            };
            stream::progress(|progress| async move { images.push(request, progress).await }).await
        }
        _ => Err(Failure::not_found("page not found")),
    }
}

async fn remove<B: Images>(
    State(images): State<B>,
    Segment(name): Segment,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    // Of an image for one platform, that is all of it.
    let platform = platform(&params, "platforms", version.is_at_least(50))?;
    if platform.is_some() {
        images.image(&name, platform).await?;
    }
    let gone = images
        .remove_image(&name, params.truth("force"), params.truth("noprune"))
        .await?;
    Ok(json::ok(&gone))
}

async fn distribution<B: Images>(
    State(images): State<B>,
    Segment(rest): Segment,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    match split(&rest)? {
        (name, "json") => Ok(json::ok(
            &images.distribution(name, registry_auth(&headers)).await?,
        )),
        _ => Err(Failure::not_found("page not found")),
    }
}

/// A platform as these routes take it: JSON, from some version on.
fn platform<'a>(params: &'a Params, name: &str, known: bool) -> Result<Option<&'a str>, Failure> {
    let Some(text) = params.given(name).filter(|_| known) else {
        return Ok(None);
    };
    gantry_api_types::json::from_slice::<Platform>(text.as_bytes())
        .map_err(|error| Failure::invalid(format!("failed to parse platform: {error}")))?;
    Ok(Some(text))
}

/// Splits `name/with/slashes/verb`.
fn split(rest: &str) -> Result<(&str, &str), Failure> {
    rest.rsplit_once('/')
        .ok_or_else(|| Failure::not_found("page not found"))
}
