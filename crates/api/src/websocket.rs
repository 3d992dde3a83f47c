//! Attaching by websocket: the stream's bytes as messages in both directions, never in frames of
//! their own.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::hijack::{Attachment, RawStream};

/// Bytes of output in a message at most.
const CHUNK: usize = 32 * 1024;

/// Answers the handshake and connects.
pub(crate) fn open(upgrade: WebSocketUpgrade, attachment: Attachment, binary: bool) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        if let Err(e) = serve(socket, attachment, binary).await {
            tracing::debug!("a websocket ended: {e}");
        }
    })
}

/// What Docker says to a request that is no websocket's: a text, without a type.
pub(crate) fn refuse() -> Response {
    let mut response = Response::new(Body::from("not websocket protocol"));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

async fn serve(socket: WebSocket, attachment: Attachment, binary: bool) -> io::Result<()> {
    let (theirs, ours) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (output, input) = UnixStream::from_std(ours)?.into_split();
    let stream = RawStream {
        fd: theirs.into(),
        leftover: Vec::new(),
    };
    let connecting = tokio::spawn(attachment.take(stream));
    let (to_client, from_client) = socket.split();
    let sent = tokio::select! {
        sent = pass_output(output, to_client, binary) => sent,
        // The client is gone: what it sent is on its way, and it reads no more.
        () = pass_input(from_client, input) => Ok(()),
    };
    connecting.abort();
    sent
}

type Sender = futures_util::stream::SplitSink<WebSocket, Message>;
type Receiver = futures_util::stream::SplitStream<WebSocket>;

async fn pass_output(
    mut output: OwnedReadHalf,
    mut client: Sender,
    binary: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = output.read(&mut buffer).await?;
        if count == 0 {
            return client.close().await.map_err(io::Error::other);
        }
        let bytes = buffer[..count].to_vec();
        let message = if binary {
            Message::Binary(bytes.into())
        } else {
            Message::Text(String::from_utf8_lossy(&bytes).into_owned().into())
        };
        client.send(message).await.map_err(io::Error::other)?;
    }
}

async fn pass_input(mut client: Receiver, mut input: OwnedWriteHalf) {
    while let Some(Ok(message)) = client.next().await {
        let passed = match message {
            Message::Binary(bytes) => input.write_all(&bytes).await,
            Message::Text(text) => input.write_all(text.as_bytes()).await,
            Message::Close(_) => break,
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        };
        if passed.is_err() {
            return;
        }
    }
}
