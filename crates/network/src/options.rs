//! Driver options under Docker's names; what is not known is refused by name.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::bridge;
use crate::config::NetworkConfig;
use crate::definition::Driver;
use crate::error::{Error, Result};

const BRIDGE: &str = "com.docker.network.bridge.";
const MTU: &str = "com.docker.network.driver.mtu";
const PREFIX: &str = "com.docker.network.container_iface_prefix";
const HOST_IPV4: &str = "com.docker.network.host_ipv4";
const HOST_IPV6: &str = "com.docker.network.host_ipv6";

/// How a family of addresses gets out of a bridge and into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum GatewayMode {
    /// Behind the host's addresses; only published ports are reached, and by those.
    #[default]
    Nat,
    /// Behind the host's addresses; who has a route to the containers reaches all their ports.
    Unprotected,
    /// Under the containers' own addresses; published ports are reached by those.
    Routed,
    /// Not at all: the bridge has no address.
    Isolated,
}

impl GatewayMode {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "nat" => Some(Self::Nat),
            "nat-unprotected" => Some(Self::Unprotected),
            "routed" => Some(Self::Routed),
            "isolated" => Some(Self::Isolated),
            _ => None,
        }
    }
}

/// What a bridge does with one family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FamilyOptions {
    pub(crate) gateway: GatewayMode,
    /// The host's address that packets leave under; the way out decides when `None`.
    pub(crate) source: Option<IpAddr>,
}

/// The options of a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BridgeOptions {
    pub(crate) name: Option<String>,
    pub(crate) icc: bool,
    pub(crate) masquerade: bool,
    pub(crate) host_binding: Option<IpAddr>,
    pub(crate) mtu: Option<u32>,
    /// What interfaces in containers are called, before their number.
    pub(crate) prefix: String,
    /// Host interfaces whose packets may go to published ports at the containers' own addresses.
    pub(crate) trusted: Vec<String>,
    /// Whether the bridge has no IPv4 address.
    pub(crate) inhibit_ipv4: bool,
    pub(crate) ipv4: FamilyOptions,
    pub(crate) ipv6: FamilyOptions,
}

impl BridgeOptions {
    /// What it does with one family.
    pub(crate) fn family(&self, ipv4: bool) -> FamilyOptions {
        if ipv4 { self.ipv4 } else { self.ipv6 }
    }

    /// Whether the bridge itself has an address of this family.
    pub(crate) fn has_address(&self, ipv4: bool) -> bool {
        self.family(ipv4).gateway != GatewayMode::Isolated && !(ipv4 && self.inhibit_ipv4)
    }

    /// Whether a family is cut off, which only an internal network may be.
    pub(crate) fn isolates(&self) -> bool {
        [self.ipv4, self.ipv6]
            .iter()
            .any(|family| family.gateway == GatewayMode::Isolated)
    }

    pub(crate) fn parse(options: &BTreeMap<String, String>) -> Result<Self> {
        let mut parsed = Self {
            name: None,
            icc: true,
            masquerade: true,
            host_binding: None,
            mtu: None,
            prefix: "eth".to_owned(),
            trusted: Vec::new(),
            inhibit_ipv4: false,
            ipv4: FamilyOptions::default(),
            ipv6: FamilyOptions::default(),
        };
        for (key, value) in options {
            let invalid = || invalid(key, value);
            match key.strip_prefix(BRIDGE) {
                Some("name") => {
                    bridge::check_name(value)?;
                    parsed.name = Some(value.clone());
                }
                Some("enable_icc") => parsed.icc = truth(value).ok_or_else(invalid)?,
                Some("enable_ip_masquerade") => {
                    parsed.masquerade = truth(value).ok_or_else(invalid)?;
                }
                Some("host_binding_ipv4") => {
                    parsed.host_binding = Some(address(value, true).ok_or_else(invalid)?);
                }
                Some("gateway_mode_ipv4") => {
                    parsed.ipv4.gateway = GatewayMode::parse(value).ok_or_else(invalid)?;
                }
                Some("gateway_mode_ipv6") => {
                    parsed.ipv6.gateway = GatewayMode::parse(value).ok_or_else(invalid)?;
                }
                Some("trusted_host_interfaces") => parsed.trusted = interfaces(value)?,
                Some("inhibit_ipv4") => parsed.inhibit_ipv4 = truth(value).ok_or_else(invalid)?,
                _ if key == HOST_IPV4 => {
                    parsed.ipv4.source = Some(address(value, true).ok_or_else(invalid)?);
                }
                _ if key == HOST_IPV6 => {
                    parsed.ipv6.source = Some(address(value, false).ok_or_else(invalid)?);
                }
                _ if key == MTU => parsed.mtu = Some(mtu(value).ok_or_else(invalid)?),
                _ if key == PREFIX => parsed.prefix = prefix(value).ok_or_else(invalid)?,
                _ => return Err(unknown(Driver::Bridge, key, value)),
            }
        }
        Ok(parsed)
    }
}

/// The options of macvlan and ipvlan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChildOptions {
    pub(crate) parent: Option<String>,
    /// `MACVLAN_MODE_*` or `IPVLAN_MODE_*`.
    pub(crate) mode: u32,
    /// `IPVLAN_F_*`
    pub(crate) flags: u16,
    pub(crate) mtu: Option<u32>,
    pub(crate) prefix: String,
}

/// `MACVLAN_MODE_PASSTHRU`; no mode of ipvlan has this number.
pub(crate) const MACVLAN_PASSTHRU: u32 = 8;
/// `IPVLAN_MODE_L2`; the other two route and have no gateway.
pub(crate) const IPVLAN_L2: u32 = 0;

impl ChildOptions {
    pub(crate) fn parse(driver: Driver, options: &BTreeMap<String, String>) -> Result<Self> {
        let mut parsed = Self {
            parent: None,
            // MACVLAN_MODE_BRIDGE is 4.
            mode: if driver == Driver::Macvlan {
                4
            } else {
                IPVLAN_L2
            },
            flags: 0,
            mtu: None,
            prefix: "eth".to_owned(),
        };
        for (key, value) in options {
            let invalid = || invalid(key, value);
            match (driver, key.as_str()) {
                (_, "parent") => {
                    bridge::check_name(value)?;
                    parsed.parent = Some(value.clone());
                }
                (Driver::Macvlan, "macvlan_mode") => {
                    parsed.mode = match value.as_str() {
                        "private" => 1,
                        "vepa" => 2,
                        "bridge" => 4,
                        "passthru" => MACVLAN_PASSTHRU,
                        _ => return Err(invalid()),
                    };
                }
                (Driver::Ipvlan, "ipvlan_mode") => {
                    parsed.mode = match value.as_str() {
                        "l2" => IPVLAN_L2,
                        "l3" => 1,
                        "l3s" => 2,
                        _ => return Err(invalid()),
                    };
                }
                (Driver::Ipvlan, "ipvlan_flag") => {
                    parsed.flags = match value.as_str() {
                        "bridge" => 0,
                        "private" => 1,
                        "vepa" => 2,
                        _ => return Err(invalid()),
                    };
                }
                (_, MTU) => parsed.mtu = Some(mtu(value).ok_or_else(invalid)?),
                (_, PREFIX) => parsed.prefix = prefix(value).ok_or_else(invalid)?,
                _ => return Err(unknown(driver, key, value)),
            }
        }
        Ok(parsed)
    }
}

/// What the kernel gives a bridge whose MTU nobody asked for.
const DEFAULT_MTU: u32 = 1500;

/// The default bridge's options as `inspect` shows them.
pub(crate) fn of_default_bridge(
    bridge: &bridge::Bridge,
    config: &NetworkConfig,
) -> BTreeMap<String, String> {
    let bridge_options = [
        ("default_bridge", "true".to_owned()),
        ("enable_icc", config.icc.to_string()),
        ("enable_ip_masquerade", config.masquerade.to_string()),
        (
            "host_binding_ipv4",
            config.publish_default_address.to_string(),
        ),
        ("name", bridge.name.clone()),
    ];
    let mtu = bridge.mtu.unwrap_or(DEFAULT_MTU).to_string();
    bridge_options
        .into_iter()
        .map(|(key, value)| (format!("{BRIDGE}{key}"), value))
        .chain([(MTU.to_owned(), mtu)])
        .collect()
}

/// Go's `strconv.ParseBool`.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn address(text: &str, ipv4: bool) -> Option<IpAddr> {
    text.parse()
        .ok()
        .filter(|address: &IpAddr| address.is_ipv4() == ipv4)
}

/// Names with colons between them, as Docker has them.
fn interfaces(text: &str) -> Result<Vec<String>> {
    let names = text.split(':').filter(|name| !name.is_empty());
    names
        .map(|name| bridge::check_name(name).map(|()| name.to_owned()))
        .collect()
}

/// IPv4's own minimum (RFC 791) to the largest length an IP packet can tell.
fn mtu(text: &str) -> Option<u32> {
    text.parse().ok().filter(|mtu| (68..=65_535).contains(mtu))
}

fn prefix(text: &str) -> Option<String> {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (plain && (1..=12).contains(&text.len()) && text != "lo").then(|| text.to_owned())
}

fn invalid(key: &str, value: &str) -> Error {
    Error::InvalidOption {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn unknown(driver: Driver, key: &str, value: &str) -> Error {
    Error::UnknownOption {
        driver: driver.name(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn options_are_understood_or_named() {
        let given = options(&[
            ("com.docker.network.bridge.enable_icc", "false"),
            ("com.docker.network.bridge.name", "mine"),
            ("com.docker.network.driver.mtu", "1400"),
        ]);
        let parsed = BridgeOptions::parse(&given).unwrap();
        assert!(!parsed.icc && parsed.masquerade);
        assert_eq!(
            (parsed.name.as_deref(), parsed.mtu),
            (Some("mine"), Some(1400))
        );
        for (key, value) in [
            ("com.docker.network.bridge.enable_icc", "maybe"),
            ("com.docker.network.driver.mtu", "1"),
            ("com.docker.network.bridge.name", "a/b"),
            ("com.docker.network.bridge.gateway_mode_ipv4", "bridged"),
            ("com.docker.network.bridge.trusted_host_interfaces", "c/d"),
            ("com.docker.network.host_ipv4", "2001:db8::1"),
            ("parent", "eth0"),
        ] {
            let error = BridgeOptions::parse(&options(&[(key, value)])).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(key) || text.contains(value), "{text}");
        }
        let parsed = ChildOptions::parse(Driver::Ipvlan, &options(&[("ipvlan_mode", "l3")]));
        assert_eq!(parsed.unwrap().mode, 1);
        assert!(ChildOptions::parse(Driver::Macvlan, &options(&[("ipvlan_mode", "l3")])).is_err());
    }
}
