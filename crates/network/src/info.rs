//! What `network ls` and `network inspect` show.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use crate::address::Cidr;
use crate::bridge::Bridge;
use crate::config::NetworkConfig;
use crate::identity::Identity;

/// What makes a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// A bridge of its own behind NAT.
    Bridge,
    /// The host's own namespace.
    Host,
    /// Only `lo`.
    Null,
}

impl Driver {
    /// Docker's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
        }
    }
}

/// A network as `inspect` shows it.
#[derive(Debug, Clone)]
pub struct NetworkInfo {
    /// 64 hexadecimal digits.
    pub id: String,
    /// `bridge`, `host` or `none`.
    pub name: String,
    /// What makes it.
    pub driver: Driver,
    /// When it was made.
    pub created: SystemTime,
    /// Its subnet, when it has one.
    pub subnet: Option<Cidr>,
    /// Its gateway, when it has one.
    pub gateway: Option<Ipv4Addr>,
    /// Driver options under Docker's names (`com.docker.network.bridge.name`, ...).
    pub options: Vec<(String, String)>,
}

/// What the kernel gives a bridge whose MTU nobody asked for.
const DEFAULT_MTU: u32 = 1500;

pub(crate) fn default_networks(
    identity: &Identity,
    bridge: &Bridge,
    config: &NetworkConfig,
) -> Vec<NetworkInfo> {
    let without_bridge = |id: &str, name: &str, driver| NetworkInfo {
        id: id.to_owned(),
        name: name.to_owned(),
        driver,
        created: identity.created(),
        subnet: None,
        gateway: None,
        options: Vec::new(),
    };
    let default = NetworkInfo {
        subnet: Some(bridge.gateway.network()),
        gateway: Some(bridge.gateway.address),
        options: bridge_options(bridge, config),
        ..without_bridge(&identity.bridge, "bridge", Driver::Bridge)
    };
    vec![
        default,
        without_bridge(&identity.host, "host", Driver::Host),
        without_bridge(&identity.none, "none", Driver::Null),
    ]
}

fn bridge_options(bridge: &Bridge, config: &NetworkConfig) -> Vec<(String, String)> {
    let mtu = bridge.mtu.unwrap_or(DEFAULT_MTU).to_string();
    let options = [
        (
            "com.docker.network.bridge.default_bridge",
            "true".to_owned(),
        ),
        ("com.docker.network.bridge.enable_icc", "true".to_owned()),
        (
            "com.docker.network.bridge.enable_ip_masquerade",
            "true".to_owned(),
        ),
        (
            "com.docker.network.bridge.host_binding_ipv4",
            config.publish_default_address.to_string(),
        ),
        ("com.docker.network.bridge.name", bridge.name.clone()),
        ("com.docker.network.driver.mtu", mtu),
    ];
    options
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
