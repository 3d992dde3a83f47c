//! Raw streams: a connection that stops speaking HTTP.
//!
//! After `101 UPGRADED` the connection's own socket goes to the engine, which hands it on to the
//! container's monitor; from then on nothing of the daemon is between client and container, so an
//! attached client outlives the daemon. Clients that did not ask for the upgrade, and HTTP/2,
//! whose connection is shared, get a socket pair that is pumped to and from the bodies.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode, Version, header};
use hyper::ext::ReasonPhrase;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio_util::io::ReaderStream;

use crate::api::Introduction;
use crate::failure::Failure;
use crate::listener::Socket;
use crate::pending::PendingGuard;
use crate::version::ApiVersion;

/// Frames with Docker's eight-byte heads.
pub(crate) const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";
/// Bytes as they are.
pub(crate) const RAW: &str = "application/vnd.docker.raw-stream";

/// A client's end of a raw stream.
#[derive(Debug)]
pub struct RawStream {
    /// The socket, in blocking mode.
    pub fd: OwnedFd,
    /// What the client had sent already: to be read before the socket.
    pub leftover: Vec<u8>,
}

/// Takes a client's stream.
pub type Connect = Box<dyn FnOnce(RawStream) -> BoxFuture<'static, Result<(), Failure>> + Send>;

/// What is ready to talk to a client.
pub struct Attachment {
    /// Output comes in frames.
    pub multiplexed: bool,
    /// Takes the client's stream; ends when it is handed over, or could not be.
    pub connect: Connect,
}

impl Attachment {
    /// Hands the stream over. What fails now can no longer be told by a status; as with Docker
    /// it becomes the stream's text.
    pub(crate) async fn take(self, stream: RawStream) {
        let last_words = stream.fd.try_clone();
        let Err(failure) = (self.connect)(stream).await else {
            return;
        };
        tracing::debug!("a stream could not be connected: {}", failure.message());
        let text = format!("{}\r\n", failure.message());
        let bytes = if self.multiplexed {
            frame(STDOUT, text.as_bytes())
        } else {
            text.into()
        };
        if let Ok(fd) = last_words {
            let _ = StdUnixStream::from(fd).write_all(&bytes);
        }
    }
}

/// The stream number of standard output in frames.
const STDOUT: u8 = 1;

/// One frame: stream, three zero bytes, length in big endian, bytes.
fn frame(stream: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = vec![stream, 0, 0, 0];
    frame.extend(length);
    frame.extend(bytes);
    frame
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment")
            .field("multiplexed", &self.multiplexed)
            .finish_non_exhaustive()
    }
}

/// The type of a stream's content, as each version says it.
pub(crate) fn content_type(version: ApiVersion, multiplexed: bool) -> &'static str {
    if multiplexed && version.is_at_least(42) {
        MULTIPLEXED
    } else {
        RAW
    }
}

/// The way in which a request can become a raw stream; taken before its body is read.
pub(crate) enum Way {
    /// The connection itself.
    Upgrade(OnUpgrade),
    /// The bodies of request and answer.
    Bodies,
}

impl Way {
    /// Looks at the request's version and headers.
    pub(crate) fn of(request: &mut Request) -> Self {
        if request.version() == Version::HTTP_11 && request.headers().contains_key(header::UPGRADE)
        {
            Self::Upgrade(hyper::upgrade::on(request))
        } else {
            Self::Bodies
        }
    }

    /// Answers and connects. `input` is what is left of the request's body.
    pub(crate) fn open(
        self,
        version: ApiVersion,
        attachment: Attachment,
        input: Body,
        pending: Option<PendingGuard>,
    ) -> io::Result<Response> {
        // Only to who asked for an upgrade does Docker tell the two kinds apart.
        let (mut response, kind) = match self {
            Self::Upgrade(upgrade) => {
                let kind = content_type(version, attachment.multiplexed);
                (upgraded(upgrade, attachment, pending), kind)
            }
            Self::Bodies => (pumped(attachment, input, pending)?, RAW),
        };
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response.extensions_mut().insert(Introduction::None);
        Ok(response)
    }
}

fn upgraded(upgrade: OnUpgrade, attachment: Attachment, pending: Option<PendingGuard>) -> Response {
    tokio::spawn(async move {
        let _pending = pending;
        match upgrade.await.map_err(io::Error::other).and_then(raw_stream) {
            Ok(stream) => {
                head_is_read(&stream.fd).await;
                attachment.take(stream).await;
            }
            Err(e) => tracing::debug!("a client left before its stream began: {e}"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
        .extensions_mut()
        .insert(ReasonPhrase::from_static(b"UPGRADED"));
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("tcp"));
    response
}

/// Waits, for a moment, until a local client has read the answer's head.
///
/// Docker's SDK for Python reads the head through a buffer, then the stream past it: output that
/// comes right behind the head is lost to it. Docker itself is too slow for that to happen.
async fn head_is_read(socket: &OwnedFd) {
    let unread = || gantry_sys::socket::unsent(socket).is_ok_and(|bytes| bytes > 0);
    for _ in 0..HEAD_SPINS {
        if !unread() {
            return;
        }
        tokio::task::yield_now().await;
    }
    for _ in 0..HEAD_SLEEPS {
        if !unread() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How often to look at once, and then once a millisecond: a client that does not read by then
/// has other troubles.
const HEAD_SPINS: usize = 100;
const HEAD_SLEEPS: usize = 20;

/// Takes the socket out of the connection.
fn raw_stream(upgraded: Upgraded) -> io::Result<RawStream> {
    let parts = auto::upgrade::downcast::<TokioIo<Socket>>(upgraded)
        .map_err(|_| io::Error::other("the connection is not one of ours"))?;
    Ok(RawStream {
        fd: parts.io.into_inner().into_fd()?,
        leftover: parts.read_buf.to_vec(),
    })
}

fn pumped(
    attachment: Attachment,
    input: Body,
    pending: Option<PendingGuard>,
) -> io::Result<Response> {
    let (theirs, ours) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (output, mut to_container) = UnixStream::from_std(ours)?.into_split();
    tokio::spawn(async move {
        attachment
            .take(RawStream {
                fd: theirs.into(),
                leftover: Vec::new(),
            })
            .await;
        drop(pending);
        let mut chunks = input.into_data_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            if to_container.write_all(&chunk).await.is_err() {
                return;
            }
        }
        // Tells the container the end of its input; the other direction stays open.
        let _ = to_container.shutdown().await;
    });
    Ok(Response::new(Body::from_stream(ReaderStream::new(output))))
}
