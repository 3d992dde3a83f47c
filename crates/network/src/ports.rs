//! Which host port belongs to which endpoint, and the sockets that hold it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use crate::endpoint::{BoundPort, HostPort, PortRequest, Protocol};
use crate::error::{Error, Result};
use crate::holder::Holder;
use crate::ipv6;

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
    /// Whether ports of a family that a container lacks are relayed to the other one.
    relays: bool,
    /// How many sockets one endpoint's ports may be held by.
    most_held: usize,
    ephemeral: (u16, u16),
    next: u16,
}

/// How a container is reached by one family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It has no such address.
    None,
    /// By ports of the host.
    Mapped,
    /// By its own address (`gateway_mode` routed).
    Open,
}

/// Whose ports they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PortOwner<'a> {
    pub(crate) container: &'a str,
    pub(crate) endpoint: &'a str,
    /// Where its network publishes what names no address.
    pub(crate) default_address: Option<IpAddr>,
    pub(crate) ipv4: Way,
    pub(crate) ipv6: Way,
    /// Its network's name.
    pub(crate) network: &'a str,
}

impl PortOwner<'_> {
    fn way(&self, ipv4: bool) -> Way {
        if ipv4 { self.ipv4 } else { self.ipv6 }
    }
}

/// Where a port is published.
#[derive(Debug, Clone, Copy)]
struct Place {
    host_ip: IpAddr,
    /// Whether it is a port of the host; else it is opened at the container's own address.
    mapped: bool,
}

/// One port in one or several places, under the same number.
#[derive(Debug, Clone)]
struct Wish {
    places: Vec<Place>,
    container_port: u16,
    protocol: Protocol,
}

impl Wish {
    fn at(&self, host_port: u16) -> impl Iterator<Item = BoundPort> {
        self.places.iter().map(move |place| BoundPort {
            host_ip: place.host_ip,
            host_port: if place.mapped { host_port } else { 0 },
            container_port: self.container_port,
            protocol: self.protocol,
        })
    }

    /// Whether it takes no port of the host.
    fn is_open(&self) -> bool {
        self.places.iter().all(|place| !place.mapped)
    }
}

/// Ports taken, with the sockets that hold them.
type Held = (Vec<BoundPort>, Vec<OwnedFd>);

impl Ports {
    /// No port taken; requests without an address get the default one.
    pub(crate) fn new(default_address: IpAddr, relays: bool) -> Self {
        let ephemeral = ephemeral_range();
        Self {
            claims: HashMap::new(),
            released: HashMap::new(),
            default_address,
            relays,
            most_held: most_held(),
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
                    // The others were free a moment ago, and are translated before any program
                    // that binds them later hears of a packet.
                    let room = self.most_held.saturating_sub(sockets.len());
                    sockets.extend(held.into_iter().take(room));
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
        if port.is_open() {
            return;
        }
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
            places: self.places(request, owner)?,
            container_port: request.container_port,
            protocol: request.protocol,
        };
        if wish.is_open() {
            return match request.host_port {
                HostPort::Any => Ok((wish.at(0).collect(), Vec::new())),
                _ => Err(without_nat(
                    &wish,
                    owner,
                    "a port of the host cannot be named",
                )),
            };
        }
        match request.host_port {
            HostPort::Exact(port) => self.take_exact(&wish, port, owner),
            HostPort::Range(first, last) => self.take_first(first..=last, &wish, owner),
            HostPort::Any => {
                let (first, last) = self.ephemeral;
                let start = self.next;
                let candidates = (start..=last).chain(first..start);
                let taken = self.take_first(candidates, &wish, owner)?;
                let mut mapped = taken.0.iter().filter(|port| !port.is_open());
                let port = mapped.next().map_or(last, |port| port.host_port);
                self.next = if port >= last { first } else { port + 1 };
                Ok(taken)
            }
        }
    }

    /// Every address of the host, of both families, unless one is named.
    fn places(&self, request: &PortRequest, owner: PortOwner<'_>) -> Result<Vec<Place>> {
        if let Some(address) = request.host_ip {
            return self.named_place(address, request, owner).map(|p| vec![p]);
        }
        let default = owner.default_address.unwrap_or(self.default_address);
        let mut places = Vec::new();
        places.extend(self.place(default, request, owner));
        if default == IpAddr::from(Ipv4Addr::UNSPECIFIED) {
            // Relayed ports need a listening socket; a host without IPv6 has no such address.
            let own = owner.ipv6 != Way::None || ipv6::is_available();
            let all = IpAddr::from(Ipv6Addr::UNSPECIFIED);
            places.extend(self.place(all, request, owner).filter(|_| own));
        }
        if places.is_empty() {
            return Err(self.no_family(default, request.protocol, owner));
        }
        Ok(places)
    }

    /// What publishing on an address that nobody named means; nothing where that cannot be.
    fn place(&self, host_ip: IpAddr, request: &PortRequest, owner: PortOwner<'_>) -> Option<Place> {
        let mapped = Some(Place {
            host_ip,
            mapped: true,
        });
        match owner.way(host_ip.is_ipv4()) {
            Way::Mapped => mapped,
            Way::Open => Some(Place {
                host_ip: unspecified(host_ip.is_ipv4()),
                mapped: false,
            }),
            Way::None => mapped.filter(|_| self.can_relay(request, host_ip, owner)),
        }
    }

    fn named_place(
        &self,
        host_ip: IpAddr,
        request: &PortRequest,
        owner: PortOwner<'_>,
    ) -> Result<Place> {
        let place = self.place(host_ip, request, owner);
        let place = place.ok_or_else(|| self.no_family(host_ip, request.protocol, owner))?;
        if !place.mapped && !host_ip.is_unspecified() {
            let wish = Wish {
                places: vec![place],
                container_port: request.container_port,
                protocol: request.protocol,
            };
            return Err(without_nat(
                &wish,
                owner,
                "an address of the host cannot be named",
            ));
        }
        Ok(place)
    }

    /// Whether packets for this family of addresses can be passed on to the other one.
    fn can_relay(&self, request: &PortRequest, host_ip: IpAddr, owner: PortOwner<'_>) -> bool {
        self.relays
            && request.protocol != Protocol::Sctp
            && owner.way(!host_ip.is_ipv4()) != Way::None
    }

    fn no_family(&self, address: IpAddr, protocol: Protocol, owner: PortOwner<'_>) -> Error {
        let off = match protocol {
            Protocol::Sctp => ", for SCTP is not passed on between families",
            _ if self.relays => "",
            _ => " while userland-proxy is off",
        };
        let shown = if address.is_ipv4() {
            address.to_string()
        } else {
            format!("[{address}]")
        };
        Error::NoFamily {
            network: owner.network.to_owned(),
            family: if address.is_ipv4() { "IPv4" } else { "IPv6" },
            what: format!("a port cannot be published on {shown}{off}"),
        }
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
            host_ip: wish
                .places
                .first()
                .map_or(self.default_address, |p| p.host_ip),
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
        if port.is_open() {
            return None;
        }
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

fn unspecified(ipv4: bool) -> IpAddr {
    if ipv4 {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    }
}

fn without_nat(wish: &Wish, owner: PortOwner<'_>, what: &str) -> Error {
    let port = wish.container_port;
    Error::InvalidRequest(format!(
        "{what} for port {port}/{}: NAT is disabled on network {} (gateway mode routed); publish {port} alone",
        wish.protocol, owner.network
    ))
}

/// Opens sockets that hold a port on all its addresses, or tells which one cannot be had.
fn reserve_all(wish: &Wish, number: u16) -> Result<Vec<OwnedFd>, (BoundPort, Errno)> {
    let mut sockets = Vec::with_capacity(wish.places.len());
    for port in wish.at(number).filter(|port| !port.is_open()) {
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

/// Half of the files that this process may have open, for a container may publish tens of thousands
/// of ports, and its monitor has the same limit.
fn most_held() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let limit = limit.current.unwrap_or(u64::MAX);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
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
