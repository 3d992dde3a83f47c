//! Connections.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;

use crate::api::Api;
use crate::listener::{Arrival, Listener};

/// How long requests under way may take after the end is asked for.
const LAST_ORDERS: Duration = Duration::from_secs(2);

/// How long a head may take to arrive, Docker's own figure. It counts for a connection that waits
/// for its next request as well, and clients keep those.
const HEAD_PATIENCE: Duration = Duration::from_secs(300);

/// How long to wait when the machine has no descriptors left for another connection.
const BREATHER: Duration = Duration::from_millis(100);

/// Serves the API on a listener until `stop` is ready; then requests under way get a moment more.
pub async fn serve(listener: Listener, api: Api, stop: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(arrival) => connect(arrival, &api, &connections),
                Err(e) => pause(&e).await,
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(LAST_ORDERS, connections.shutdown())
        .await
        .is_err()
    {
        tracing::debug!("some requests were still under way at the end");
    }
}

fn connect(arrival: Arrival, api: &Api, connections: &GracefulShutdown) {
    let api = api.clone();
    let service = service_fn(move |request| {
        let api = api.clone();
        async move { Ok::<_, Infallible>(api.answer(request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE);
    builder.http2().timer(TokioTimer::new());
    // The watcher asks the connection to end; the builder is borrowed by it, hence the move.
    let watcher = connections.watcher();
    tokio::spawn(async move {
        let socket = match arrival.ready().await {
            Ok(socket) => socket,
            Err(e) => return tracing::info!("TLS handshake error: {e}"),
        };
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
        if let Err(e) = watcher.watch(connection).await {
            tracing::debug!("a connection ended: {e}");
        }
    });
}

async fn pause(error: &io::Error) {
    tracing::warn!("cannot accept a connection: {error}");
    tokio::time::sleep(BREATHER).await;
}
