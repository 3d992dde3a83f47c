//! What connects a sandbox to a network, and the ports published through it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use crate::address::{Cidr, MacAddress};

/// The transport protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The IP protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Which port of the host is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPort {
    /// Any free one out of the host's ephemeral range.
    Any,
    /// Exactly this one.
    Exact(u16),
    /// Any free one from the first to the last, both included.
    Range(u16, u16),
}

/// One port to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRequest {
    /// The host's address; the configured default when `None`.
    pub host_ip: Option<IpAddr>,
    /// The host's port.
    pub host_port: HostPort,
    /// The port that the container listens on.
    pub container_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// One port that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BoundPort {
    /// The host's address; 0.0.0.0 and :: are every address of their family.
    pub host_ip: IpAddr,
    /// The host's port; 0 for one that is reached at the container's own address only.
    pub host_port: u16,
    /// The port that the container listens on.
    pub container_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

impl BoundPort {
    /// Whether it is reached at the container's own address, and by no port of the host.
    pub fn is_open(&self) -> bool {
        self.host_port == 0
    }
}

/// A published port whose packets the kernel cannot translate: to another family of addresses, or
/// what came to `::1`. Whoever holds its socket passes them on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayedPort {
    /// The port.
    pub port: BoundPort,
    /// Where in the container its packets go.
    pub target: IpAddr,
}

/// What an endpoint shall be.
#[derive(Debug, Clone, Default)]
pub struct EndpointRequest {
    /// The container's id.
    pub container_id: String,
    /// The network's id; the default bridge when empty.
    pub network: String,
    /// A fixed hardware address; made from the IP address when `None`.
    pub mac: Option<MacAddress>,
    /// A fixed IPv4 address; the lowest free one when `None`.
    pub ip: Option<Ipv4Addr>,
    /// A fixed IPv6 address; the lowest free one when `None`.
    pub ipv6: Option<Ipv6Addr>,
    /// More addresses for the interface, with the prefix of link-local ones.
    pub link_local: Vec<IpAddr>,
    /// The ports to publish.
    pub ports: Vec<PortRequest>,
    /// Interfaces that the container has already, whose names are taken.
    pub interfaces: Vec<String>,
    /// Whether the default routes go by this network.
    pub default_route: bool,
    /// Which endpoint gives the default routes: the highest wins.
    pub gateway_priority: i64,
    /// The names that the container has on this network.
    pub names: Vec<String>,
    /// What is written into /proc/sys/net for the new interface, `IFNAME` in the place of its
    /// name: `com.docker.network.endpoint.sysctls`.
    pub sysctls: Vec<(String, String)>,
    /// The interface's name in the container; the next free number when `None`.
    pub interface: Option<String>,
}

/// An address on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address with its network's prefix length.
    pub address: Cidr,
    /// The network's gateway, if it has one.
    pub gateway: Option<IpAddr>,
}

/// What an endpoint is: plain data that survives the daemon (keep it as JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointState {
    /// The endpoint's id: 64 hexadecimal digits.
    pub endpoint_id: String,
    /// The container's id.
    pub container_id: String,
    /// The network's name.
    pub network_name: String,
    /// The network's id.
    pub network_id: String,
    /// Its IPv4 address.
    pub v4: Option<Lease>,
    /// Its IPv6 address.
    pub v6: Option<Lease>,
    /// The container's hardware address, where it has one of its own.
    pub mac: Option<MacAddress>,
    /// The published ports.
    pub ports: Vec<BoundPort>,
    /// The name of the veth pair's end on the host; empty where there is none.
    pub host_interface: String,
    /// The interface's name in the container; empty where there is none.
    pub interface: String,
    /// Which endpoint gives the default routes: the highest wins.
    pub gateway_priority: i64,
    /// Whether the network has a way out.
    pub has_exit: bool,
    /// The names that the container has on this network.
    pub names: Vec<String>,
    /// Whether its published ports are reached at its own addresses too, by interfaces of the host
    /// that the network trusts.
    #[serde(default)]
    pub direct: bool,
}

impl EndpointState {
    /// Its IPv4 address.
    pub fn ipv4(&self) -> Option<IpAddr> {
        self.v4.map(|lease| lease.address.address)
    }

    /// Its IPv6 address.
    pub fn ipv6(&self) -> Option<IpAddr> {
        self.v6.map(|lease| lease.address.address)
    }

    /// Its addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        self.ipv4().into_iter().chain(self.ipv6())
    }

    /// The published ports that are to be relayed.
    pub fn relays(&self) -> impl Iterator<Item = RelayedPort> {
        let mapped = self.ports.iter().filter(|port| !port.is_open());
        mapped.filter_map(|port| self.relay(port))
    }

    fn relay(&self, port: &BoundPort) -> Option<RelayedPort> {
        if port.protocol == Protocol::Sctp {
            return None;
        }
        let same = self.address_like(port.host_ip);
        let reaches_loopback = port.host_ip.is_unspecified() || port.host_ip.is_loopback();
        let target = match same {
            None => self.addresses().next()?,
            // The kernel routes nothing from ::1 to elsewhere.
            Some(own) if own.is_ipv6() && reaches_loopback => own,
            Some(_) => return None,
        };
        Some(RelayedPort {
            port: *port,
            target,
        })
    }

    /// The address of the family of another one.
    pub(crate) fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        if other.is_ipv4() {
            self.ipv4()
        } else {
            self.ipv6()
        }
    }
}

/// A connected endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// Its data.
    pub state: EndpointState,
    /// Sockets bound to the published host ports, so that no other program takes them.
    ///
    /// Whoever outlives the daemon (the container's monitor) keeps them open for as long as
    /// the container runs; nothing is ever read from them.
    pub reserved: Vec<OwnedFd>,
}
