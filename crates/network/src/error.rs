//! What can go wrong with networks.

use std::net::Ipv4Addr;

use crate::endpoint::Protocol;
use crate::holder::Holder;

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of a failure, for whoever must map it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is malformed or cannot be met as asked.
    Invalid,
    /// What was asked for is taken.
    Conflict,
    /// The right to do it is missing.
    Forbidden,
    /// The kernel or this machine lacks what is needed.
    Unavailable,
    /// Anything else.
    Internal,
}

/// What can go wrong with networks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not `address/prefix`.
    #[error("invalid subnet {text:?}: expected an IPv4 address and a prefix, as in 172.17.0.1/16")]
    InvalidSubnet {
        /// What was given.
        text: String,
    },
    /// Not six hexadecimal pairs.
    #[error("invalid MAC address {text:?}: expected six pairs of hexadecimal digits with colons")]
    InvalidMac {
        /// What was given.
        text: String,
    },
    /// The name cannot be an interface's.
    #[error("invalid bridge name {name:?}: expected 1 to 15 bytes without '/' or spaces")]
    InvalidBridgeName {
        /// What was given.
        name: String,
    },
    /// The bridge's name belongs to something else.
    #[error("interface {name} exists and is {kind}, not a bridge: choose another bridge name")]
    NotABridge {
        /// The name.
        name: String,
        /// What it is.
        kind: String,
    },
    /// Not `name:address`.
    #[error("bad format for add-host: {text:?}: expected name:address or name:host-gateway")]
    InvalidExtraHost {
        /// What was given.
        text: String,
    },
    /// A range whose end lies before its start.
    #[error("invalid host port range: the end lies before the start")]
    InvalidPortRange,
    /// The address is not in the network's subnet.
    #[error("invalid address {ip}: it does not belong to the subnet {subnet} of network {network}")]
    AddressOutside {
        /// The address.
        ip: Ipv4Addr,
        /// The subnet.
        subnet: String,
        /// The network's name.
        network: String,
    },
    /// The address is another endpoint's.
    #[error("address {ip} is already in use by {owner} on network {network}")]
    AddressTaken {
        /// The address.
        ip: Ipv4Addr,
        /// Who has it.
        owner: String,
        /// The network's name.
        network: String,
    },
    /// Every address of the subnet is taken.
    #[error(
        "no available IPv4 addresses on network {network}: all of {subnet} are taken; remove containers or choose a larger bip"
    )]
    AddressesExhausted {
        /// The network's name.
        network: String,
        /// The subnet.
        subnet: String,
    },
    /// Every subnet of every pool overlaps a route of the host.
    #[error(
        "could not find an available, non-overlapping IPv4 address pool for bridge {bridge}: every default pool overlaps a route of this host; set bip or default-address-pools"
    )]
    PoolsExhausted {
        /// The bridge's name.
        bridge: String,
    },
    /// The host port is taken.
    #[error(
        "Bind for {host_ip}:{port} failed: port is already allocated ({protocol} port {port} is held by {holder})"
    )]
    PortTaken {
        /// The host's address.
        host_ip: Ipv4Addr,
        /// The host's port.
        port: u16,
        /// The protocol.
        protocol: Protocol,
        /// Who holds it.
        holder: Holder,
    },
    /// No port of the range is free.
    #[error(
        "Bind for {host_ip}:{first}-{last} failed: all ports are allocated (no {protocol} port of the range is free)"
    )]
    PortsExhausted {
        /// The host's address.
        host_ip: Ipv4Addr,
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
        /// The protocol.
        protocol: Protocol,
    },
    /// The host has no such address, or the port may not be bound.
    #[error("cannot bind {host_ip}:{port}/{protocol}: {source}")]
    Bind {
        /// The host's address.
        host_ip: Ipv4Addr,
        /// The host's port.
        port: u16,
        /// The protocol.
        protocol: Protocol,
        /// The kernel's reason.
        source: std::io::Error,
    },
    /// A kernel call failed.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried, as in `enable route_localnet on gantry0`.
        what: String,
        /// The kernel's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// The kind of this failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::InvalidSubnet { .. }
            | Self::InvalidMac { .. }
            | Self::InvalidBridgeName { .. }
            | Self::NotABridge { .. }
            | Self::InvalidExtraHost { .. }
            | Self::InvalidPortRange
            | Self::AddressOutside { .. }
            | Self::Bind { .. } => Kind::Invalid,
            Self::AddressTaken { .. }
            | Self::AddressesExhausted { .. }
            | Self::PoolsExhausted { .. }
            | Self::PortTaken { .. }
            | Self::PortsExhausted { .. } => Kind::Conflict,
            Self::System { source, .. } => kind_of(source),
        }
    }

    pub(crate) fn system(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::System {
            what: what.into(),
            source: source.into(),
        }
    }
}

fn kind_of(source: &std::io::Error) -> Kind {
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => Kind::Forbidden,
        std::io::ErrorKind::Unsupported => Kind::Unavailable,
        _ => Kind::Internal,
    }
}
