//! The daemon's end of a session's connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tonic::body::Body;

/// How much of a file's data may be on its way unread.
const STREAM_WINDOW: u32 = 4 << 20;
/// Each stream bounds itself. Half of this is what h2 lets frames smaller than 256 bytes cost that wait to be read, each
/// what it lacks of those; a context of very many files is a stream of such frames.
const CONNECTION_WINDOW: u32 = 1 << 30;
/// A client on another machine that says nothing for so long is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(60);

/// Sends requests to the client; a clone uses the same connection.
#[derive(Debug, Clone)]
pub struct Connection(http2::SendRequest<Body>);

impl Connection {
    /// Speaks HTTP/2 as its client; the future runs the connection and ends with it.
    pub async fn open<IO>(
        io: IO,
    ) -> hyper::Result<(Self, impl Future<Output = hyper::Result<()>> + Send)>
    where
        IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_PATIENCE)
            .handshake(io)
            .await?;
        Ok((Self(sender), connection))
    }

    /// The name under which requests go out; clients do not look at it.
    pub(super) fn origin() -> http::Uri {
        http::Uri::from_static("http://localhost")
    }
}

impl tower_service::Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
