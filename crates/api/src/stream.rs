//! Bodies that come bit by bit.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use gantry_api_types::JsonMessage;
use http::{HeaderValue, header};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::io::StreamReader;

use crate::failure::Failure;
use crate::json;

/// Bytes on their way to a client.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// Bytes that a client sends.
pub type ByteReader = Pin<Box<dyn AsyncRead + Send>>;

/// Progress lines that may wait for a slow client; beyond this, figures are left out.
const BACKLOG: usize = 1024;

/// A body's chunks as they come.
pub(crate) fn chunks(body: Body) -> ByteStream {
    let chunks = body.into_data_stream();
    chunks.map(|chunk| chunk.map_err(io::Error::other)).boxed()
}

/// A body as something to read.
pub(crate) fn reader(body: Body) -> ByteReader {
    Box::pin(StreamReader::new(chunks(body)))
}

/// An answer whose body is a stream.
pub(crate) fn response(content_type: &'static str, chunks: ByteStream) -> Response {
    let mut response = Response::new(Body::from_stream(chunks));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer that is a line of JSON per item.
pub(crate) fn lines<T, S>(items: S) -> Response
where
    T: serde::Serialize,
    S: Stream<Item = T> + Send + 'static,
{
    let chunks = items.map(|item| json::line(&item).map_err(io::Error::other));
    response("application/json", chunks.boxed())
}

/// Takes the progress of a long piece of work; a clone reports to the same client.
#[derive(Debug, Clone)]
pub struct ProgressSender(mpsc::Sender<JsonMessage>);

impl ProgressSender {
    /// Reports. It never blocks: a client that does not read loses lines, not the work its pace.
    pub fn send(&self, message: JsonMessage) {
        let _ = self.0.try_send(message);
    }
}

/// Runs a piece of work and streams its progress.
///
/// An error before the first line becomes a status, one after it the last line. When the client
/// goes away, the work is dropped.
pub(crate) async fn progress<W, F>(work: W) -> Result<Response, Failure>
where
    W: FnOnce(ProgressSender) -> F,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (sender, mut lines_to_come) = mpsc::channel(BACKLOG);
    let task = AbortOnDrop(tokio::spawn(work(ProgressSender(sender))));
    // The channel closes when the work has ended and nothing is left to tell.
    let Some(first) = lines_to_come.recv().await else {
        task.await?;
        return Ok(lines(stream::empty::<JsonMessage>()));
    };
    let rest = stream::unfold(
        (lines_to_come, Some(task)),
        |(mut to_come, task)| async move {
            if let Some(line) = to_come.recv().await {
                return Some((line, (to_come, task)));
            }
            let failure = task?.await.err()?;
            Some((JsonMessage::failure(failure.message()), (to_come, None)))
        },
    );
    Ok(lines(stream::iter([first]).chain(rest)))
}

/// A task that does not outlive the interest in it.
pub(crate) struct AbortOnDrop(JoinHandle<Result<(), Failure>>);

impl AbortOnDrop {
    /// Begins it.
    pub(crate) fn spawn(work: impl Future<Output = Result<(), Failure>> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Future for AbortOnDrop {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|done| {
            done.unwrap_or_else(|e| Err(Failure::internal(format!("the work failed: {e}"))))
        })
    }
}
