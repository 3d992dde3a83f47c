//! Containers: files in and out.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_api_types::PathStat;
use http::{HeaderValue, StatusCode};

use super::bare;
use crate::backend::{ArchiveWrite, Containers};
use crate::failure::Failure;
use crate::params::{Params, Segment};
use crate::stream;

/// The header that describes a path.
const STAT: &str = "X-Docker-Container-Path-Stat";

pub(super) fn router<B: Containers>(backend: B) -> Router {
    Router::new()
        .route(
            "/containers/{name}/archive",
            get(read::<B>).head(look::<B>).put(write::<B>),
        )
        .route("/containers/{name}/export", get(export::<B>))
        .with_state(backend)
}

fn path(params: &Params) -> Result<&str, Failure> {
    params
        .given("path")
        .ok_or_else(|| Failure::invalid("bad parameter: path cannot be empty"))
}

fn stat_header(stat: &PathStat) -> Result<HeaderValue, Failure> {
    let json = serde_json::to_vec(stat).map_err(|e| Failure::internal(e.to_string()))?;
    HeaderValue::from_str(&STANDARD.encode(json)).map_err(|e| Failure::internal(e.to_string()))
}

async fn look<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<Response, Failure> {
    let stat = containers.stat_path(bare(&name), path(&params)?).await?;
    Ok(([(STAT, stat_header(&stat)?)], ()).into_response())
}

async fn read<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    params: Params,
) -> Result<Response, Failure> {
    let (stat, chunks) = containers.read_archive(bare(&name), path(&params)?).await?;
    let mut response = stream::response("application/x-tar", chunks);
    response.headers_mut().insert(STAT, stat_header(&stat)?);
    Ok(response)
}

async fn write<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
    params: Params,
    body: Body,
) -> Result<StatusCode, Failure> {
    let write = ArchiveWrite {
        path: path(&params)?.to_owned(),
        no_overwrite_dir_non_dir: params.truth("noOverwriteDirNonDir"),
        copy_uid_gid: params.truth("copyUIDGID"),
    };
    containers
        .write_archive(bare(&name), write, stream::chunks(body))
        .await?;
    Ok(StatusCode::OK)
}

async fn export<B: Containers>(
    State(containers): State<B>,
    Segment(name): Segment,
) -> Result<Response, Failure> {
    Ok(stream::response(
        "application/octet-stream",
        containers.export(bare(&name)).await?,
    ))
}
