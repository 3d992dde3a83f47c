//! Building.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use gantry_api_types::{
    AuthConfig, BuildCache, BuildPruneReport, CacheMount, HostConfig, JsonMessage,
};
use http::{HeaderMap, Request};
use hyper::upgrade::Upgraded;
use tokio::sync::mpsc::UnboundedSender;

use super::{Answer, not_built};
use crate::failure::Failure;
use crate::stream::{ByteReader, ByteStream};

/// What `POST /build` asks for.
#[derive(Debug, Clone, Default)]
pub struct BuildQuery {
    /// The Dockerfile's name in the archive.
    pub dockerfile: String,
    /// Where the context is, if it is not the body.
    pub remote: Option<String>,
    /// Names for the image.
    pub tags: Vec<String>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The stage to build.
    pub target: Option<String>,
    /// Images whose layers may be taken.
    pub cache_from: Vec<String>,
    /// Make everything anew.
    pub no_cache: bool,
    /// Ask registries for newer base images.
    pub pull: bool,
    /// Say only the image's ID.
    pub quiet: bool,
    /// Whether the containers of steps are to stay, which they do not: their roots are the layers.
    pub keep_steps: bool,
    /// `linux/amd64`.
    pub platform: Option<String>,
    /// Limits and network of the steps.
    pub steps: HostConfig,
    /// Logins by registry.
    pub auth: BTreeMap<String, AuthConfig>,
}

/// What `POST /build/prune` asks for.
#[derive(Debug, Clone, Default)]
pub struct PruneQuery {
    /// Also what images have.
    pub all: bool,
    /// Only what was not used for so long.
    pub older_than: Option<Duration>,
    /// Bytes that stay in any case.
    pub reserved: u64,
    /// Bytes that stay at most.
    pub max_used: u64,
    /// Bytes that are to be free on the disk.
    pub min_free: u64,
    /// Only records whose names begin so.
    pub ids: Vec<String>,
    /// Only records of these types.
    pub kinds: Vec<String>,
}

/// The build group.
#[expect(
    unused_variables,
    reason = "provided methods name what they do not use yet"
)]
pub trait Build: Clone + Send + Sync + 'static {
    /// `POST /build`; the last line tells a failure.
    fn build(
        &self,
        query: BuildQuery,
        context: ByteReader,
        lines: UnboundedSender<JsonMessage>,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("building images")
    }

    /// `POST /build/prune`
    fn prune_builds(
        &self,
        query: PruneQuery,
    ) -> impl Future<Output = Answer<BuildPruneReport>> + Send {
        not_built("build prune")
    }

    /// The part of `GET /system/df` that builds keep; empty for an engine that builds nothing.
    fn build_cache(&self) -> impl Future<Output = Answer<Vec<BuildCache>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Ours: `GET /build/mounts`
    fn cache_mounts(&self) -> impl Future<Output = Answer<Vec<CacheMount>>> + Send {
        not_built("cache mounts")
    }

    /// Ours: `GET /build/mounts/export`
    fn export_cache_mount(&self, id: &str) -> impl Future<Output = Answer<ByteStream>> + Send {
        not_built("cache mounts")
    }

    /// Ours: `POST /build/mounts/import`
    fn import_cache_mount(
        &self,
        id: &str,
        archive: ByteReader,
    ) -> impl Future<Output = Answer<()>> + Send {
        not_built("cache mounts")
    }

    /// Ours: `DELETE /build/mounts`
    fn remove_cache_mount(&self, id: &str) -> impl Future<Output = Answer<()>> + Send {
        not_built("cache mounts")
    }

    /// Whether BuildKit's protocol is there: the methods below are only called if so.
    fn speaks_buildkit(&self) -> bool {
        false
    }

    /// A call of gRPC.
    fn grpc(&self, request: Request<Body>) -> BoxFuture<'static, Response> {
        let failure = Failure::not_built("BuildKit's protocol");
        Box::pin(std::future::ready(failure.into_response()))
    }

    /// Serves gRPC on a connection until it ends.
    fn grpc_connection(&self, io: Upgraded) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Calls the services of a client on its connection until that ends.
    fn session(&self, headers: HeaderMap, io: Upgraded) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// An engine that builds nothing, and says so.
#[derive(Debug, Clone, Copy)]
pub struct NoBuilder;

impl Build for NoBuilder {}
