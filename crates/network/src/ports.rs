//! Which host port belongs to which endpoint, and the sockets that hold it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use crate::endpoint::{BoundPort, HostPort, PortRequest, Protocol};
use crate::error::{Error, Result};
use crate::holder::Holder;

/// Linux's own default of `ip_local_port_range`.
const EPHEMERAL: (u16, u16) = (32_768, 60_999);
/// How long the last holder of a port that we released may take to close its socket: it may have to
/// wait for a processor.
const LINGER: Duration = Duration::from_secs(5);

/// Who has a port.
#[derive(Debug, Clone)]
struct Claim {
    host_ip: IpAddr,
    endpoint: String,
    container: String,
}

/// The published ports of all endpoints.
#[derive(Debug)]
pub(crate) struct Ports {
    claims: HashMap<(Protocol, u16), Vec<Claim>>,
    /// Ports that were ours a moment ago: a monitor may be about to close the socket.
    released: HashMap<(Protocol, u16), Instant>,
    default_address: IpAddr,
    ephemeral: (u16, u16),
    next: u16,
}

/// Whose ports they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PortOwner<'a> {
    pub(crate) container: &'a str,
    pub(crate) endpoint: &'a str,
    /// Where its network publishes what names no address.
    pub(crate) default_address: Option<IpAddr>,
    /// Whether it has an IPv6 address.
    pub(crate) ipv6: bool,
    /// Its network's name.
    pub(crate) network: &'a str,
}

/// One port on one or several of the host's addresses, under the same number.
#[derive(Debug, Clone)]
struct Wish {
    host_ips: Vec<IpAddr>,
    container_port: u16,
    protocol: Protocol,
}

impl Wish {
    fn at(&self, host_port: u16) -> impl Iterator<Item = BoundPort> {
        self.host_ips.iter().map(move |&host_ip| BoundPort {
            host_ip,
            host_port,
            container_port: self.container_port,
            protocol: self.protocol,
        })
    }
}

/// Ports taken, with the sockets that hold them.
type Held = (Vec<BoundPort>, Vec<OwnedFd>);

impl Ports {
    /// No port taken; requests without an address get the default one.
    pub(crate) fn new(default_address: IpAddr) -> Self {
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
                Ok((ports, held)) => {
                    bound.extend(ports);
                    sockets.extend(held);
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

    /// Gives an endpoint's ports to another one.
    pub(crate) fn hand_over(&mut self, ports: &[BoundPort], from: &str, to: &str) {
        for port in ports {
            let claims = self.claims.get_mut(&(port.protocol, port.host_port));
            for claim in claims.into_iter().flatten().filter(|c| c.endpoint == from) {
                to.clone_into(&mut claim.endpoint);
            }
        }
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

    fn take_one(&mut self, request: &PortRequest, owner: PortOwner<'_>) -> Result<Held> {
        let wish = Wish {
            host_ips: self.host_addresses(request.host_ip, owner)?,
            container_port: request.container_port,
            protocol: request.protocol,
        };
        match request.host_port {
            HostPort::Exact(port) => self.take_exact(&wish, port, owner),
            HostPort::Range(first, last) => self.take_first(first..=last, &wish, owner),
            HostPort::Any => {
                let (first, last) = self.ephemeral;
                let start = self.next;
                let candidates = (start..=last).chain(first..start);
                let taken = self.take_first(candidates, &wish, owner)?;
                let port = taken.0.first().map_or(last, |port| port.host_port);
                self.next = if port >= last { first } else { port + 1 };
                Ok(taken)
            }
        }
    }

    /// Every address of the host, also of IPv6 where the endpoint has it, unless one is named.
    fn host_addresses(&self, asked: Option<IpAddr>, owner: PortOwner<'_>) -> Result<Vec<IpAddr>> {
        if let Some(address) = asked {
            if address.is_ipv6() && !owner.ipv6 {
                return Err(Error::NoFamily {
                    network: owner.network.to_owned(),
                    family: "IPv6",
                    what: format!("a port cannot be published on [{address}]"),
                });
            }
            return Ok(vec![address]);
        }
        let default = owner.default_address.unwrap_or(self.default_address);
        let all = default.is_unspecified() && default.is_ipv4() && owner.ipv6;
        let ipv6 = all.then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        Ok(std::iter::once(default).chain(ipv6).collect())
    }

    fn take_first(
        &mut self,
        candidates: impl Iterator<Item = u16> + Clone,
        wish: &Wish,
        owner: PortOwner<'_>,
    ) -> Result<Held> {
        let (mut first, mut last) = (u16::MAX, 0);
        for candidate in candidates {
            (first, last) = (first.min(candidate), last.max(candidate));
            if wish.at(candidate).any(|port| self.holder(&port).is_some()) {
                continue;
            }
            match reserve_all(wish, candidate) {
                Ok(sockets) => return Ok(self.take_all(wish, candidate, sockets, owner)),
                Err((_, Errno::ADDRINUSE | Errno::ACCESS)) => {}
                Err((port, error)) => return Err(bind_error(&port, error)),
            }
        }
        if first > last {
            return Err(Error::InvalidPortRange);
        }
        Err(Error::PortsExhausted {
            host_ip: wish.host_ips[0],
            first,
            last,
            protocol: wish.protocol,
        })
    }

    fn take_exact(&mut self, wish: &Wish, number: u16, owner: PortOwner<'_>) -> Result<Held> {
        let taken = |port: BoundPort, holder| Error::PortTaken {
            host_ip: port.host_ip,
            port: port.host_port,
            protocol: port.protocol,
            holder,
        };
        for port in wish.at(number) {
            if let Some(container) = self.holder(&port) {
                return Err(taken(port, Holder::Container(container.to_owned())));
            }
        }
        match reserve_all(wish, number) {
            Ok(sockets) => Ok(self.take_all(wish, number, sockets, owner)),
            Err((port, Errno::ADDRINUSE)) => Err(taken(port, Holder::Unknown)),
            Err((port, error)) => Err(bind_error(&port, error)),
        }
    }

    fn take_all(
        &mut self,
        wish: &Wish,
        number: u16,
        sockets: Vec<OwnedFd>,
        owner: PortOwner<'_>,
    ) -> Held {
        let ports: Vec<BoundPort> = wish.at(number).collect();
        for port in &ports {
            self.mark(port, owner);
        }
        (ports, sockets)
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
            claim.host_ip.is_ipv4() == port.host_ip.is_ipv4()
                && (claim.host_ip == port.host_ip
                    || claim.host_ip.is_unspecified()
                    || port.host_ip.is_unspecified())
        };
        claims
            .iter()
            .find(collides)
            .map(|claim| claim.container.as_str())
    }
}

/// Opens sockets that hold a port on all its addresses, or tells which one cannot be had.
fn reserve_all(wish: &Wish, number: u16) -> Result<Vec<OwnedFd>, (BoundPort, Errno)> {
    let mut sockets = Vec::with_capacity(wish.host_ips.len());
    for port in wish.at(number) {
        sockets.extend(reserve(&port).map_err(|error| (port, error))?);
    }
    Ok(sockets)
}

/// Opens a socket that holds the port; `None` where the kernel has no such sockets (SCTP).
fn reserve(port: &BoundPort) -> Result<Option<OwnedFd>, Errno> {
    let (kind, protocol) = match port.protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
        Protocol::Sctp => (SocketType::STREAM, ipproto::SCTP),
    };
    let family = if port.host_ip.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = match rustix::net::socket_with(family, kind, flags, Some(protocol)) {
        Err(Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) if port.protocol == Protocol::Sctp => {
            return Ok(None);
        }
        result => result?,
    };
    if port.host_ip.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    let address = SocketAddr::new(port.host_ip, port.host_port);
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
