//! A connection to a collector, and whether it has taken everything.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gantry_registry_client::Resolver;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::{Address, Host};

/// How long a collector may take to be connected to.
const CONNECT: Duration = Duration::from_secs(10);
/// Datagrams that are sent at once: a full buffer of the receiver loses what comes.
const BURST: usize = 32;

/// Messages ready for the wire.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    pub(crate) bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Packets {
    /// What was appended since the last call is a message.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let message = &self.bytes[start..*end];
            start = *end;
            message
        })
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
    UnixDatagram(UnixDatagram),
}

impl Connection {
    pub(crate) async fn open(
        address: &Address,
        tls: Option<Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        timeout(CONNECT, Self::connect(address, tls))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn connect(address: &Address, tls: Option<Arc<ClientConfig>>) -> io::Result<Self> {
        Ok(match address {
            Address::Udp(host) => {
                let to = resolve(host).await?[0];
                let any: SocketAddr = if to.is_ipv4() {
                    ([0, 0, 0, 0], 0).into()
                } else {
                    ([0_u16; 8], 0).into()
                };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(to).await?;
                Self::Udp(socket)
            }
            Address::Tcp(host) => Self::Tcp(tcp(host).await?),
            Address::Tls(host) => {
                let config = tls.ok_or_else(|| io::Error::other("no TLS settings"))?;
                let name = ServerName::try_from(host.name.clone()).map_err(io::Error::other)?;
                let stream = tcp(host).await?;
                let stream = TlsConnector::from(config).connect(name, stream).await?;
                Self::Tls(Box::new(stream))
            }
            Address::Unix(path) => Self::Unix(UnixStream::connect(path).await?),
            Address::UnixDatagram(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                Self::UnixDatagram(socket)
            }
        })
    }

    /// Sends messages and waits until the collector, or its kernel, has them; not longer than
    /// `patience` while it takes nothing.
    pub(crate) async fn deliver(
        &mut self,
        packets: &Packets,
        patience: Duration,
    ) -> io::Result<()> {
        match self {
            Self::Udp(socket) => {
                for (n, packet) in packets.iter().enumerate() {
                    socket.send(packet).await?;
                    if n % BURST == BURST - 1 {
                        sleep(Duration::from_millis(1)).await;
                    }
                }
                // Nobody listens there: the answer comes as an error of the socket.
                socket.take_error()?.map_or(Ok(()), Err)
            }
            Self::UnixDatagram(socket) => {
                for packet in packets.iter() {
                    match stalled(patience, socket.send(packet)).await {
                        // Too long for this socket, today and tomorrow.
                        Err(e)
                            if e.raw_os_error()
                                == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) =>
                        {
                            tracing::warn!(
                                "a log message of {} bytes is too long for the collector's socket",
                                packet.len()
                            );
                        }
                        other => drop(other?),
                    }
                }
                Ok(())
            }
            Self::Tcp(stream) => stalled(patience, stream.write_all(&packets.bytes)).await,
            Self::Unix(stream) => stalled(patience, stream.write_all(&packets.bytes)).await,
            Self::Tls(stream) => {
                stalled(patience, async {
                    stream.write_all(&packets.bytes).await?;
                    stream.flush().await
                })
                .await
            }
        }?;
        self.settle(patience).await
    }

    /// Waits until nothing is under way in a stream.
    async fn settle(&self, patience: Duration) -> io::Result<()> {
        let socket = match self {
            Self::Udp(_) | Self::UnixDatagram(_) => return Ok(()),
            Self::Tcp(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.get_ref().0.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        };
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(1);
        loop {
            let unsent = gantry_sys::socket::unsent(socket)?;
            // Looked at afterwards: what is taken by a closed connection is nowhere.
            if is_closed(socket)? {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if unsent == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Whether the collector has gone away.
    pub(crate) fn is_gone(&self) -> bool {
        let socket = match self {
            Self::Udp(_) | Self::UnixDatagram(_) => return false,
            Self::Tcp(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.get_ref().0.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        };
        is_closed(socket).unwrap_or(true)
    }

    /// Reads what the collector answers.
    pub(crate) async fn answer(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
            Self::Unix(stream) => stream.read(buffer).await,
            Self::Udp(_) | Self::UnixDatagram(_) => Ok(0),
        }
    }
}

async fn stalled<T>(
    patience: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(patience, work)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Whether the other side has closed its end, or the connection is broken.
fn is_closed(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    let mut sockets = [PollFd::from_borrowed_fd(socket, PollFlags::RDHUP)];
    poll(&mut sockets, Some(&Timespec::default()))?;
    Ok(sockets[0].revents().intersects(gone))
}

async fn tcp(host: &Host) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(&resolve(host).await?[..]).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The host's addresses, at least one.
async fn resolve(host: &Host) -> io::Result<Vec<SocketAddr>> {
    static RESOLVER: OnceLock<Resolver> = OnceLock::new();
    if let Ok(address) = host.name.parse() {
        return Ok(vec![SocketAddr::new(address, host.port)]);
    }
    let resolver = RESOLVER.get_or_init(Resolver::default);
    let found = resolver
        .lookup(&host.name)
        .await
        .map_err(io::Error::other)?;
    if found.is_empty() {
        return Err(io::Error::other(format!(
            "lookup {}: no such host",
            host.name
        )));
    }
    Ok(found
        .into_iter()
        .map(|address| SocketAddr::new(address, host.port))
        .collect())
}
