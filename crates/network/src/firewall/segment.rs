//! A network as the firewall sees it.

use std::net::IpAddr;

use gantry_nft::Family;

use crate::address::Cidr;
use crate::options::{BridgeOptions, GatewayMode};

/// One network as the firewall sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) bridge: String,
    /// At most one of each family.
    pub(crate) sides: Vec<Side>,
    /// Its packets do not leave.
    pub(crate) internal: bool,
    /// Its containers reach each other.
    pub(crate) icc: bool,
    /// Host interfaces whose packets may go to published ports at the containers' own addresses.
    pub(crate) trusted: Vec<String>,
}

/// What holds for one family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) subnet: Cidr,
    pub(crate) gateway: GatewayMode,
    pub(crate) leaves: Leaves,
}

/// Under which address packets leave the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// The container's own.
    AsTheyAre,
    /// The host's, of the interface that they leave by.
    Masqueraded,
    /// This one of the host's.
    As(IpAddr),
}

impl Side {
    /// A subnet with what a bridge's options say of its family.
    pub(crate) fn new(subnet: Cidr, options: &BridgeOptions, internal: bool) -> Self {
        let family = options.family(subnet.is_ipv4());
        let hidden = options.masquerade && !internal && family.gateway != GatewayMode::Routed;
        Self {
            subnet,
            gateway: family.gateway,
            leaves: match family.source {
                _ if !hidden => Leaves::AsTheyAre,
                Some(source) => Leaves::As(source),
                None => Leaves::Masqueraded,
            },
        }
    }
}

impl Segment {
    pub(crate) fn has_ipv6(&self) -> bool {
        self.side(Family::Ip6).is_some()
    }

    pub(crate) fn side(&self, family: Family) -> Option<&Side> {
        let ipv4 = family == Family::Ip;
        self.sides.iter().find(|side| side.subnet.is_ipv4() == ipv4)
    }
}
