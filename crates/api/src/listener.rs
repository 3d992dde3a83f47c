//! Listening sockets and the connections that come in through them.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// How long a client may take to agree on keys.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// After this long without a byte the kernel asks whether the other machine is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A listening socket.
pub enum Listener {
    /// On this machine.
    Unix(UnixListener),
    /// From other machines, not encrypted.
    Tcp(TcpListener),
    /// From other machines, encrypted.
    Tls(TcpListener, TlsAcceptor),
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(listener) => listener.fmt(f),
            Self::Tcp(listener) | Self::Tls(listener, _) => listener.fmt(f),
        }
    }
}

impl Listener {
    /// A socket on this machine.
    pub fn unix(listener: StdUnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Self::Unix)
    }

    /// A socket that other machines reach, encrypted if there is a configuration for that.
    pub fn tcp(listener: StdTcpListener, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        Ok(match tls {
            None => Self::Tcp(listener),
            Some(config) => Self::Tls(listener, TlsAcceptor::from(config)),
        })
    }

    /// Waits for a client.
    pub(crate) async fn accept(&self) -> io::Result<Arrival> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Arrival::Ready(Socket::Unix(stream)))
            }
            Self::Tcp(listener) => Ok(Arrival::Ready(Socket::Tcp(tcp(listener).await?))),
            Self::Tls(listener, acceptor) => {
                Ok(Arrival::Encrypted(tcp(listener).await?, acceptor.clone()))
            }
        }
    }
}

async fn tcp(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    // Answers are small and awaited; neither call can fail on a socket that is just connected.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
    let _ = rustix::net::sockopt::set_tcp_keepidle(&stream, KEEPALIVE);
    Ok(stream)
}

/// A client that came in; with TLS there are still keys to agree on.
pub(crate) enum Arrival {
    Ready(Socket),
    Encrypted(TcpStream, TlsAcceptor),
}

impl Arrival {
    /// The connection, ready for HTTP.
    pub(crate) async fn ready(self) -> io::Result<Socket> {
        match self {
            Self::Ready(socket) => Ok(socket),
            Self::Encrypted(stream, acceptor) => {
                match tokio::time::timeout(HANDSHAKE_PATIENCE, acceptor.accept(stream)).await {
                    Ok(stream) => stream.map(|stream| Socket::Tls(Box::new(stream))),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                }
            }
        }
    }
}

/// A connection.
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// A descriptor in blocking mode for who shall talk to the client from now on.
    ///
    /// With TLS it is one end of a pair: this process goes on encrypting between the other end and
    /// the client, so that such a stream ends with the daemon.
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
                    if let Err(e) = tokio::io::copy_bidirectional(&mut *stream, &mut ours).await {
                        tracing::debug!("an encrypted stream ended: {e}");
                    }
                });
                Ok(theirs.into())
            }
        }
    }
}

/// The same call on whatever the connection is.
macro_rules! on_stream {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket.get_mut() {
            Socket::Unix($stream) => $call,
            Socket::Tcp($stream) => $call,
            Socket::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
