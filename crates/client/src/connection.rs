//! One connection: a socket with HTTP/1.1 on it.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::{Endpoint, Error};

/// The body of a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// Sends requests on one connection.
pub(crate) type Sender = http1::SendRequest<Body>;

/// A socket to a daemon.
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    async fn open(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
            Endpoint::Tcp { address, port } => {
                TcpStream::connect((*address, *port)).await.map(Self::Tcp)
            }
        }
    }

    /// The descriptor, in blocking mode.
    pub(crate) fn into_fd(self) -> io::Result<OwnedFd> {
        match self {
            Self::Unix(stream) => {
                let stream = stream.into_std()?;
                stream.set_nonblocking(false)?;
                Ok(stream.into())
            }
            Self::Tcp(stream) => {
                let stream = stream.into_std()?;
                stream.set_nonblocking(false)?;
                Ok(stream.into())
            }
        }
    }
}

/// Connects and starts HTTP on the socket.
pub(crate) async fn open(endpoint: &Endpoint) -> Result<Sender, Error> {
    let socket = Socket::open(endpoint)
        .await
        .map_err(|source| refused(endpoint, source))?;
    let (sender, connection) = http1::handshake(TokioIo::new(socket))
        .await
        .map_err(|source| Error::Transport {
            what: format!("connect to {endpoint}"),
            source,
        })?;
    tokio::spawn(async move {
        // The request that is under way reports the error.
        let _ = connection.with_upgrades().await;
    });
    Ok(sender)
}

fn refused(endpoint: &Endpoint, source: io::Error) -> Error {
    let endpoint = endpoint.to_string();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Error::NotRunning { endpoint }
        }
        io::ErrorKind::PermissionDenied => Error::Permission { endpoint },
        _ => Error::Connect { endpoint, source },
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
