//! What can go wrong with networks.

use std::net::IpAddr;

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
    /// The right to do it is missing, or the rules of networks forbid it.
    Forbidden,
    /// There is no such network.
    NotFound,
    /// There is one already.
    Exists,
    /// The kernel or this machine lacks what is needed.
    Unavailable,
    /// A part of Docker that is not built.
    NotBuilt,
    /// Anything else.
    Internal,
}

/// What can go wrong with networks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not `address/prefix`.
    #[error(
        "invalid subnet {text:?}: expected an address and a prefix, as in 172.17.0.1/16 or fd00::1/64"
    )]
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
        ip: IpAddr,
        /// The subnet.
        subnet: String,
        /// The network's name.
        network: String,
    },
    /// The address is another endpoint's.
    #[error("address {ip} is already in use by {owner} on network {network}")]
    AddressTaken {
        /// The address.
        ip: IpAddr,
        /// Who has it.
        owner: String,
        /// The network's name.
        network: String,
    },
    /// Every address of the subnet is taken.
    #[error(
        "no available {family} addresses on network {network}: all of {subnet} are taken; {hint}",
        family = if subnet.contains(':') { "IPv6" } else { "IPv4" }
    )]
    AddressesExhausted {
        /// The network's name.
        network: String,
        /// The subnet, or the part of it that addresses are given out of.
        subnet: String,
        /// What its user can do.
        hint: &'static str,
    },
    /// Every subnet of every pool overlaps something.
    #[error(
        "could not find an available, non-overlapping {family} address pool for {network}: every default pool overlaps a route or a name server of this host or another network{hint}"
    )]
    PoolsExhausted {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// Which network wants one.
        network: String,
        /// What to do.
        hint: String,
    },
    /// The subnet is another network's.
    #[error(
        "invalid pool request: Pool overlaps with other one on this address space: {subnet} overlaps {other} of network {network}"
    )]
    PoolOverlaps {
        /// What was asked for.
        subnet: String,
        /// What is there.
        other: String,
        /// Whose it is.
        network: String,
    },
    /// No network has this name or ID.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// No template has this name.
    #[error("configuration network {0:?} does not exist")]
    NoSuchTemplate(String),
    /// Several networks' IDs start so.
    #[error("network {0} is ambiguous ({1} matches found on ID prefix)")]
    AmbiguousNetwork(String, usize),
    /// The name is taken.
    #[error("network with name {0} already exists")]
    NetworkExists(String),
    /// The bridge is another network's.
    #[error("cannot create network {network}: bridge {bridge} belongs to network {other}")]
    BridgeTaken {
        /// The new network.
        network: String,
        /// The bridge's name.
        bridge: String,
        /// Whose it is.
        other: String,
    },
    /// Containers are on it.
    #[error("error while removing network: network {network} has active endpoints ({holders})")]
    NetworkInUse {
        /// The network's name.
        network: String,
        /// `name:"web" id:"4f2a..."`, separated by commas.
        holders: String,
    },
    /// The rules of networks forbid it.
    #[error("{0}")]
    NotPermitted(String),
    /// The request makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
    /// Nobody knows this driver.
    #[error("plugin {0:?} not found")]
    UnknownDriver(String),
    /// A part of Docker's networks that is not built.
    #[error("{0}")]
    NotBuilt(String),
    /// Nobody knows this option.
    #[error("unknown option {key}={value} for the {driver} driver")]
    UnknownOption {
        /// The driver.
        driver: &'static str,
        /// The option.
        key: String,
        /// Its value.
        value: String,
    },
    /// The option cannot have this value.
    #[error("invalid value {value:?} for option {key}")]
    InvalidOption {
        /// The option.
        key: String,
        /// Its value.
        value: String,
    },
    /// A fixed address needs a fixed subnet.
    #[error(
        "invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets"
    )]
    AddressNeedsSubnet,
    /// The network has no addresses of this family.
    #[error("network {network} has no {family}: {what}")]
    NoFamily {
        /// The network's name.
        network: String,
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// What was wanted.
        what: String,
    },
    /// The parent interface is missing.
    #[error("invalid subinterface parent name {parent}: {reason}")]
    NoParent {
        /// Its name.
        parent: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// The kernel puts nothing on the parent interface.
    #[error("cannot use the parent interface {parent}: {reason}")]
    UnfitParent {
        /// Its name.
        parent: String,
        /// Why.
        reason: String,
    },
    /// The host port is taken.
    #[error(
        "Bind for {host_ip}:{port} failed: port is already allocated ({protocol} port {port} is held by {holder})"
    )]
    PortTaken {
        /// The host's address.
        host_ip: IpAddr,
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
        host_ip: IpAddr,
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
        /// The protocol.
        protocol: Protocol,
    },
    /// The host has no such address, or the port may not be bound.
    #[error("cannot bind {}/{protocol}: {source}", std::net::SocketAddr::new(*host_ip, *port))]
    Bind {
        /// The host's address.
        host_ip: IpAddr,
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
            | Self::InvalidRequest(_)
            | Self::AmbiguousNetwork(..)
            | Self::UnknownOption { .. }
            | Self::InvalidOption { .. }
            | Self::AddressNeedsSubnet
            | Self::NoFamily { .. }
            | Self::NoParent { .. }
            | Self::Bind { .. } => Kind::Invalid,
            Self::NoSuchNetwork(_) | Self::NoSuchTemplate(_) | Self::UnknownDriver(_) => {
                Kind::NotFound
            }
            Self::NetworkExists(_) => Kind::Exists,
            Self::PoolOverlaps { .. }
            | Self::BridgeTaken { .. }
            | Self::NetworkInUse { .. }
            | Self::UnfitParent { .. }
            | Self::NotPermitted(_) => Kind::Forbidden,
            Self::NotBuilt(_) => Kind::NotBuilt,
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
