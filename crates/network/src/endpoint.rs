//! What connects a sandbox to a network, and the ports published through it.

use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use crate::address::MacAddress;

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
    pub host_ip: Option<Ipv4Addr>,
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
    /// The host's address; 0.0.0.0 is every address.
    pub host_ip: Ipv4Addr,
    /// The host's port.
    pub host_port: u16,
    /// The port that the container listens on.
    pub container_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// What an endpoint shall be.
#[derive(Debug, Clone, Default)]
pub struct EndpointRequest {
    /// The container's id.
    pub container_id: String,
    /// A fixed hardware address; made from the IP address when `None`.
    pub mac: Option<MacAddress>,
    /// A fixed address; the lowest free one when `None`.
    pub ip: Option<Ipv4Addr>,
    /// The ports to publish.
    pub ports: Vec<PortRequest>,
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
    /// The container's address.
    pub ip: Ipv4Addr,
    /// The prefix length of the network's subnet.
    pub prefix: u8,
    /// The default gateway: the bridge's address.
    pub gateway: Ipv4Addr,
    /// The container's hardware address.
    pub mac: MacAddress,
    /// The published ports.
    pub ports: Vec<BoundPort>,
    /// The name of the veth pair's end on the host.
    pub host_interface: String,
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
