//! What the daemon's configuration says about networks.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use crate::address::{AddressPool, Cidr};
use crate::files::DnsOptions;

/// Everything that [`crate::Networks::open`] needs to know.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// The daemon's run root; `network/` below it is ours.
    pub run_root: PathBuf,
    /// Where users' networks are kept.
    pub networks_dir: PathBuf,
    /// A short name that keeps this daemon's table and bridge apart from another daemon's;
    /// `None` for the default run root.
    pub instance: Option<String>,
    /// The default bridge's interface name, at most 15 bytes.
    pub bridge_name: String,
    /// The default bridge's address and subnet; chosen by itself when `None`.
    pub bip: Option<Cidr>,
    /// The part of the default bridge's subnet that containers' addresses come from.
    pub fixed_cidr: Option<Cidr>,
    /// The router of containers on the default bridge; the bridge itself when `None`.
    pub default_gateway: Option<Ipv4Addr>,
    /// Whether containers on the default bridge reach each other.
    pub icc: bool,
    /// Whether what leaves the default bridge has the host's address.
    pub masquerade: bool,
    /// Options of new networks that do not have them, by driver.
    pub default_options: BTreeMap<String, BTreeMap<String, String>>,
    /// Where subnets come from when `bip` is not given; empty means Docker's own pools.
    pub default_address_pools: Vec<AddressPool>,
    /// The MTU of the bridge and of every endpoint on it; the kernel's 1500 when `None`.
    pub mtu: Option<u32>,
    /// The host address of a published port that names none; 0.0.0.0 is every address.
    pub publish_default_address: Ipv4Addr,
    /// The daemon's own `dns`, `dns-search` and `dns-opts`, for containers that name none.
    pub dns: DnsOptions,
    /// The address that `host-gateway` stands for; the bridge's when `None`.
    pub host_gateway: Option<Ipv4Addr>,
    /// Switch the host's IPv4 forwarding on when it is off.
    pub ip_forward: bool,
    /// Whether what comes to a port by a family of addresses that its container lacks is passed on
    /// to the other one.
    pub relay_ports: bool,
    /// Whether published ports are reached at containers' own addresses too.
    pub allow_direct_routing: bool,
    /// Whether published ports are reached only by whom the host's INPUT chains let in.
    pub honor_input: bool,
    /// Whether the default bridge has IPv6.
    pub ipv6: bool,
    /// The default bridge's IPv6 address and subnet; chosen by itself when `None`.
    pub bip6: Option<Cidr>,
    /// The IPv6 subnet of the default bridge, or the part of it that addresses come from.
    pub fixed_cidr_v6: Option<Cidr>,
    /// The IPv6 router of containers on the default bridge; the bridge itself when `None`.
    pub default_gateway_v6: Option<Ipv6Addr>,
    /// How many network namespaces are kept ready; 0 makes each when it is asked for.
    pub sandbox_pool: usize,
}

impl NetworkConfig {
    /// The defaults for a run root: bridge `gantry0`, or `gantry-<instance>` for an instance.
    pub fn new(run_root: &Path, instance: Option<&str>) -> Self {
        Self {
            run_root: run_root.to_owned(),
            networks_dir: run_root.join("networks"),
            instance: instance.map(str::to_owned),
            bridge_name: default_bridge_name(instance),
            bip: None,
            fixed_cidr: None,
            default_gateway: None,
            icc: true,
            masquerade: true,
            default_options: BTreeMap::new(),
            default_address_pools: Vec::new(),
            mtu: None,
            publish_default_address: Ipv4Addr::UNSPECIFIED,
            dns: DnsOptions::default(),
            host_gateway: None,
            ip_forward: true,
            relay_ports: true,
            allow_direct_routing: false,
            honor_input: false,
            ipv6: false,
            bip6: None,
            fixed_cidr_v6: None,
            default_gateway_v6: None,
            sandbox_pool: 4,
        }
    }

    /// The name of our nf_tables table.
    pub fn table_name(&self) -> String {
        match &self.instance {
            Some(instance) => format!("gantry-{instance}"),
            None => "gantry".to_owned(),
        }
    }
}

/// Interface names end at 15 bytes (`IFNAMSIZ` counts the terminating zero).
fn default_bridge_name(instance: Option<&str>) -> String {
    match instance {
        Some(instance) => format!("gantry-{instance}").chars().take(15).collect(),
        None => "gantry0".to_owned(),
    }
}
