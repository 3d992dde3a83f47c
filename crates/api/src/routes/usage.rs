//! `GET /system/df`: what the engine keeps, and what the builder does.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use crate::backend::{Build, System};
use crate::failure::Failure;
use crate::params::Params;
use crate::version::ApiVersion;
use crate::{json, older};

const KINDS: [&str; 4] = ["container", "image", "volume", "build-cache"];

pub(super) fn router<B: System, C: Build>(backend: B, builder: C) -> Router {
    Router::new()
        .route("/system/df", get(disk_usage::<B, C>))
        .with_state((backend, builder))
}

async fn disk_usage<B: System, C: Build>(
    State((system, builder)): State<(B, C)>,
    version: ApiVersion,
    params: Params,
) -> Result<Response, Failure> {
    // Types came with API 1.42.
    let kinds: Vec<String> = params
        .all("type")
        .filter(|_| version.is_at_least(42))
        .map(str::to_owned)
        .collect();
    if let Some(unknown) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(Failure::invalid(format!("unknown object type: {unknown}")));
    }
    let kinds = Some(kinds).filter(|kinds| !kinds.is_empty());
    let with_cache = (kinds.as_ref()).is_none_or(|kinds| kinds.iter().any(|k| k == "build-cache"));
    let mut usage = system.disk_usage(kinds).await?;
    if with_cache {
        usage.build_cache = Some(builder.build_cache().await?);
    }
    Ok(json::ok(&older::disk_usage(version, usage)))
}
