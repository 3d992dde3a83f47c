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
}

impl BridgeOptions {
    pub(crate) fn parse(options: &BTreeMap<String, String>) -> Result<Self> {
        let mut parsed = Self {
            name: None,
            icc: true,
            masquerade: true,
            host_binding: None,
            mtu: None,
            prefix: "eth".to_owned(),
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
                    let address: IpAddr = value.parse().map_err(|_| invalid())?;
                    if !address.is_ipv4() {
                        return Err(invalid());
                    }
                    parsed.host_binding = Some(address);
                }
                Some("gateway_mode_ipv4" | "gateway_mode_ipv6") if value == "nat" => {}
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
                        "passthru" => 8,
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
