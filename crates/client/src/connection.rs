//! One connection: a socket with HTTP/1.1 on it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use crate::endpoint::port_or_usual;
use crate::{Endpoint, Error};

/// The body of a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// Sends requests on one connection.
pub(crate) type Sender = http1::SendRequest<Body>;

/// A socket to a daemon.
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    async fn open(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
            Endpoint::Tcp { host, port, tls } => {
                let stream = tcp(host, port_or_usual(*port, tls.is_some())).await?;
                match tls {
                    None => Ok(Self::Tcp(stream)),
                    Some(tls) => {
                        let stream = crate::tls::connect(tls, host, stream).await?;
                        Ok(Self::Tls(Box::new(stream)))
                    }
                }
            }
            Endpoint::Ssh(target) => {
                let stream = crate::ssh::open(target)?;
                stream.set_nonblocking(true)?;
                UnixStream::from_std(stream).map(Self::Unix)
            }
        }
    }

    /// A descriptor in blocking mode. With TLS it is one end of a pair, and a task goes on
    /// encrypting between the other end and the daemon.
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
            Self::Tls(mut stream) => {
                let (theirs, ours) = StdUnixStream::pair()?;
                ours.set_nonblocking(true)?;
                let mut ours = UnixStream::from_std(ours)?;
                tokio::spawn(async move {
                    // Its end, good or bad, is the end of the pair: that is how it is noticed.
                    let _ = tokio::io::copy_bidirectional(&mut *stream, &mut ours).await;
                });
                Ok(theirs.into())
            }
        }
    }
}

/// Connects to the first address that answers.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::HostUnreachable, "the host has no address");
    for address in crate::resolve::addresses(host).await? {
        match TcpStream::connect((address, port)).await {
            Ok(stream) => {
                // Requests are small and awaited.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// A connection on which nothing has been said, for `system dial-stdio`.
pub struct RawConnection(Socket);

impl RawConnection {
    /// Connects.
    pub async fn open(endpoint: &Endpoint) -> Result<Self, Error> {
        Socket::open(endpoint)
            .await
            .map(Self)
            .map_err(|source| refused(endpoint, source))
    }

    /// A blocking socket; with TLS it lives as long as the runtime that opened it.
    pub fn into_socket(self) -> io::Result<StdUnixStream> {
        self.0.into_fd().map(StdUnixStream::from)
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
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
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
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
