//! What a network is: what was asked for at its creation, with all that was chosen since.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::address::Cidr;

/// What makes a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A bridge of its own behind NAT.
    Bridge,
    /// The host's own namespace.
    Host,
    /// Only `lo`.
    Null,
    /// Hardware addresses of their own on a host interface's wire.
    Macvlan,
    /// A host interface's hardware address, shared.
    Ipvlan,
}

impl Driver {
    /// Docker's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
        }
    }
}

/// Docker's names for the auxiliary address of the router that containers use in place of the
/// bridge.
pub(crate) fn router_name(ipv4: bool) -> &'static str {
    if ipv4 {
        "DefaultGatewayIPv4"
    } else {
        "DefaultGatewayIPv6"
    }
}

/// One subnet of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The subnet.
    pub subnet: Cidr,
    /// The part of it that addresses are given out of.
    pub range: Option<Cidr>,
    /// The gateway: the bridge's own address, or a router on the parent's wire.
    pub gateway: Option<IpAddr>,
    /// Addresses that others use, by the user's names.
    pub auxiliary: BTreeMap<String, IpAddr>,
    /// Whether the user chose it; only then may endpoints ask for addresses.
    pub chosen: bool,
}

impl Subnet {
    /// The whole subnet of a gateway, chosen by us.
    pub fn with_gateway(gateway: Cidr) -> Self {
        Self {
            subnet: gateway.network(),
            range: None,
            gateway: Some(gateway.address),
            auxiliary: BTreeMap::new(),
            chosen: false,
        }
    }

    /// Where containers send what is for elsewhere.
    pub(crate) fn router(&self) -> Option<IpAddr> {
        let name = router_name(self.subnet.is_ipv4());
        self.auxiliary.get(name).copied().or(self.gateway)
    }

    /// The gateway with the subnet's prefix length.
    pub fn gateway_cidr(&self) -> Option<Cidr> {
        Cidr::new(self.gateway?, self.subnet.prefix())
    }
}

/// A network; what `inspect` shows and what is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInfo {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name, which no other network has.
    pub name: String,
    /// What makes it.
    pub driver: Driver,
    /// Nanoseconds since 1970.
    pub created: u64,
    /// Its subnets, those of IPv4 first; a bridge has at most one of each family.
    pub subnets: Vec<Subnet>,
    /// Whether IPv4 is on.
    pub ipv4: bool,
    /// Whether IPv6 is on.
    pub ipv6: bool,
    /// Whether somebody asked for IPv6; else names mean IPv4 addresses only.
    pub ipv6_asked: bool,
    /// No way out and none in.
    pub internal: bool,
    /// What the user said about swarms.
    pub attachable: bool,
    /// A template for other networks, and nothing else.
    pub config_only: bool,
    /// The template's name.
    pub config_from: String,
    /// Driver options as they were given.
    pub options: BTreeMap<String, String>,
    /// Options of the address management as they were given.
    pub ipam_options: Option<BTreeMap<String, String>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The bridge, or the parent of macvlan and ipvlan; empty where there is none.
    pub interface: String,
    /// Whether that parent was made for networks, and goes with the last of them.
    #[serde(default)]
    pub made_parent: bool,
}

impl NetworkInfo {
    /// When it was made.
    pub fn created_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.created)
    }

    /// Whether it is one of `bridge`, `host` and `none`, which are always there.
    pub fn is_predefined(&self) -> bool {
        matches!(self.name.as_str(), "bridge" | "host" | "none")
    }

    /// Whether names of containers are resolved on it.
    pub fn has_names(&self) -> bool {
        !self.is_predefined()
    }

    /// Its first subnet of one family.
    pub fn subnet(&self, ipv4: bool) -> Option<&Subnet> {
        self.subnets.iter().find(|s| s.subnet.is_ipv4() == ipv4)
    }
}
