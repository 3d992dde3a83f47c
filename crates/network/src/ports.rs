//! Which host port belongs to which endpoint, and the sockets that hold it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use crate::endpoint::{BoundPort, HostPort, PortRequest, Protocol};
use crate::error::{Error, Result};
use crate::holder::Holder;

/// Linux's own default of `ip_local_port_range`.
const EPHEMERAL: (u16, u16) = (32_768, 60_999);
/// How long the last holder of a port that we released may take to close its socket.
const LINGER: Duration = Duration::from_millis(500);

/// Who has a port.
#[derive(Debug, Clone)]
struct Claim {
    host_ip: Ipv4Addr,
    endpoint: String,
    container: String,
}

/// The published ports of all endpoints.
#[derive(Debug)]
pub(crate) struct Ports {
    claims: HashMap<(Protocol, u16), Vec<Claim>>,
    /// Ports that were ours a moment ago: a monitor may be about to close the socket.
    released: HashMap<(Protocol, u16), Instant>,
    default_address: Ipv4Addr,
    ephemeral: (u16, u16),
    next: u16,
}

/// Whose ports they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PortOwner<'a> {
    pub(crate) container: &'a str,
    pub(crate) endpoint: &'a str,
}

impl Ports {
    /// No port taken; requests without an address get the default one.
    pub(crate) fn new(default_address: Ipv4Addr) -> Self {
        let ephemeral = ephemeral_range();
        Self {
            claims: HashMap::new(),
            released: HashMap::new(),
            default_address,
            ephemeral,
            next: ephemeral.0,
        }
    }

    /// Takes all the ports or none, each with a socket that holds it.
    ///
    /// Of a port that is no container's, the error does not say who holds it: that takes time,
    /// and [`Ports`] is behind a lock.
    pub(crate) fn take(
        &mut self,
        requests: &[PortRequest],
        owner: PortOwner<'_>,
    ) -> Result<(Vec<BoundPort>, Vec<OwnedFd>)> {
        let mut bound = Vec::with_capacity(requests.len());
        let mut sockets = Vec::with_capacity(requests.len());
        for request in requests {
            match self.take_one(request, owner) {
                Ok((port, socket)) => {
                    bound.push(port);
                    sockets.extend(socket);
                }
                Err(error) => {
                    self.release(&bound, owner.endpoint);
                    return Err(error);
                }
            }
        }
        Ok((bound, sockets))
    }

    /// Notes a port whose socket somebody else keeps open.
    pub(crate) fn mark(&mut self, port: &BoundPort, owner: PortOwner<'_>) {
        let claim = Claim {
            host_ip: port.host_ip,
            endpoint: owner.endpoint.to_owned(),
            container: owner.container.to_owned(),
        };
        self.claims
            .entry((port.protocol, port.host_port))
            .or_default()
            .push(claim);
    }

    /// Frees the endpoint's ports.
    pub(crate) fn release(&mut self, ports: &[BoundPort], endpoint: &str) {
        let now = Instant::now();
        self.released
            .retain(|_, since| now.duration_since(*since) < LINGER);
        for port in ports {
            let key = (port.protocol, port.host_port);
            if let Some(claims) = self.claims.get_mut(&key) {
                claims.retain(|claim| claim.endpoint != endpoint);
                if claims.is_empty() {
                    self.claims.remove(&key);
                }
                self.released.insert(key, now);
            }
        }
    }

    fn take_one(
        &mut self,
        request: &PortRequest,
        owner: PortOwner<'_>,
    ) -> Result<(BoundPort, Option<OwnedFd>)> {
        let host_ip = request.host_ip.unwrap_or(self.default_address);
        let with_port = |host_port| BoundPort {
            host_ip,
            host_port,
            container_port: request.container_port,
            protocol: request.protocol,
        };
        match request.host_port {
            HostPort::Exact(port) => self.take_exact(with_port(port), owner),
            HostPort::Range(first, last) => self.take_first(first..=last, with_port, owner),
            HostPort::Any => {
                let (first, last) = self.ephemeral;
                let start = self.next;
                let taken =
                    self.take_first((start..=last).chain(first..start), with_port, owner)?;
                self.next = if taken.0.host_port == last {
                    first
                } else {
                    taken.0.host_port + 1
                };
                Ok(taken)
            }
        }
    }

    fn take_first(
        &mut self,
        candidates: impl Iterator<Item = u16> + Clone,
        with_port: impl Fn(u16) -> BoundPort,
        owner: PortOwner<'_>,
    ) -> Result<(BoundPort, Option<OwnedFd>)> {
        let (mut first, mut last) = (u16::MAX, 0);
        for candidate in candidates {
            (first, last) = (first.min(candidate), last.max(candidate));
            let port = with_port(candidate);
            if self.holder(&port).is_some() {
                continue;
            }
            match reserve(&port) {
                Ok(socket) => {
                    self.mark(&port, owner);
                    return Ok((port, socket));
                }
                Err(Errno::ADDRINUSE | Errno::ACCESS) => {}
                Err(error) => return Err(bind_error(&port, error)),
            }
        }
        if first > last {
            return Err(Error::InvalidPortRange);
        }
        let BoundPort {
            host_ip, protocol, ..
        } = with_port(first);
        Err(Error::PortsExhausted {
            host_ip,
            first,
            last,
            protocol,
        })
    }

    fn take_exact(
        &mut self,
        port: BoundPort,
        owner: PortOwner<'_>,
    ) -> Result<(BoundPort, Option<OwnedFd>)> {
        let taken = |holder| Error::PortTaken {
            host_ip: port.host_ip,
            port: port.host_port,
            protocol: port.protocol,
            holder,
        };
        if let Some(container) = self.holder(&port) {
            return Err(taken(Holder::Container(container.to_owned())));
        }
        match reserve(&port) {
            Ok(socket) => {
                self.mark(&port, owner);
                Ok((port, socket))
            }
            Err(Errno::ADDRINUSE) => Err(taken(Holder::Unknown)),
            Err(error) => Err(bind_error(&port, error)),
        }
    }

    /// Whether the port was ours until a moment ago: the socket that holds it may be about to
    /// be closed, so that trying again soon makes sense.
    pub(crate) fn lingers(&self, protocol: Protocol, port: u16) -> bool {
        self.released
            .get(&(protocol, port))
            .is_some_and(|since| since.elapsed() < LINGER)
    }

    /// The container that has the port on this address; any address collides with each.
    fn holder(&self, port: &BoundPort) -> Option<&str> {
        let claims = self.claims.get(&(port.protocol, port.host_port))?;
        let collides = |claim: &&Claim| {
            claim.host_ip == port.host_ip
                || claim.host_ip.is_unspecified()
                || port.host_ip.is_unspecified()
        };
        claims
            .iter()
            .find(collides)
            .map(|claim| claim.container.as_str())
    }
}

/// Opens a socket that holds the port; `None` where the kernel has no such sockets (SCTP).
fn reserve(port: &BoundPort) -> Result<Option<OwnedFd>, Errno> {
    let (kind, protocol) = match port.protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
        Protocol::Sctp => (SocketType::STREAM, ipproto::SCTP),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = match rustix::net::socket_with(AddressFamily::INET, kind, flags, Some(protocol)) {
        Err(Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) if port.protocol == Protocol::Sctp => {
            return Ok(None);
        }
        result => result?,
    };
    let address = SocketAddrV4::new(port.host_ip, port.host_port);
    if port.protocol == Protocol::Tcp {
        // Past connections in TIME_WAIT do not matter; a listener does, and ours is one from
        // `listen` on, so that nobody binds the port after us either, SO_REUSEADDR or not.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, 0)?;
    } else {
        rustix::net::bind(&socket, &address)?;
        // Nobody reads what may reach it before the translation is in place.
        let _ = sockopt::set_socket_recv_buffer_size(&socket, 0);
    }
    Ok(Some(socket))
}

fn bind_error(port: &BoundPort, error: Errno) -> Error {
    let BoundPort {
        host_ip,
        host_port,
        protocol,
        ..
    } = *port;
    Error::Bind {
        host_ip,
        port: host_port,
        protocol,
        source: io::Error::from(error),
    }
}

fn ephemeral_range() -> (u16, u16) {
    let read = || {
        let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
        let (first, last) = (numbers.next()??, numbers.next()??);
        (first <= last).then_some((first, last))
    };
    read().unwrap_or(EPHEMERAL)
}
