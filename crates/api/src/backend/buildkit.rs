//! BuildKit's protocol behind the routers' trait.

use axum::body::Body;
use axum::response::Response;
use futures_util::future::BoxFuture;
use gantry_api_types::{BuildCache, BuildPruneReport, CacheMount, JsonMessage};
use gantry_buildkit::Server;
use http::{HeaderMap, Request};
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc::UnboundedSender;
use tower::ServiceExt as _;

use super::{Answer, Build, BuildQuery, PruneQuery};
use crate::stream::{ByteReader, ByteStream};

/// How much of a client's messages may be on its way unread.
const WINDOW: u32 = 4 << 20;

impl Build for Server {
    async fn build(
        &self,
        query: BuildQuery,
        archive: ByteReader,
        lines: UnboundedSender<JsonMessage>,
    ) -> Answer<()> {
        Build::build(self.builder(), query, archive, lines).await
    }

    async fn prune_builds(&self, query: PruneQuery) -> Answer<BuildPruneReport> {
        self.builder().prune_builds(query).await
    }

    async fn build_cache(&self) -> Answer<Vec<BuildCache>> {
        self.builder().build_cache().await
    }

    async fn cache_mounts(&self) -> Answer<Vec<CacheMount>> {
        Build::cache_mounts(self.builder()).await
    }

    async fn export_cache_mount(&self, id: &str) -> Answer<ByteStream> {
        Build::export_cache_mount(self.builder(), id).await
    }

    async fn import_cache_mount(&self, id: &str, archive: ByteReader) -> Answer<()> {
        Build::import_cache_mount(self.builder(), id, archive).await
    }

    async fn remove_cache_mount(&self, id: &str) -> Answer<()> {
        Build::remove_cache_mount(self.builder(), id).await
    }

    fn speaks_buildkit(&self) -> bool {
        true
    }

    fn grpc(&self, request: Request<Body>) -> BoxFuture<'static, Response> {
        let router = self.routes().prepare().into_axum_router();
        Box::pin(async move {
            // The router's error type is uninhabited.
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    }

    fn grpc_connection(&self, io: Upgraded) -> BoxFuture<'static, ()> {
        let router = self.routes().prepare().into_axum_router();
        Box::pin(async move {
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .serve_connection(io, TowerToHyperService::new(router));
            if let Err(error) = connection.await {
                tracing::debug!("a connection for builds ended: {error}");
            }
        })
    }

    fn session(&self, headers: HeaderMap, io: Upgraded) -> BoxFuture<'static, ()> {
        let server = self.clone();
        Box::pin(async move {
            if let Err(error) = server.serve_session(&headers, io).await {
                tracing::debug!("a session ended: {error}");
            }
        })
    }
}
