//! `gantry network create`

use std::collections::BTreeMap;
use std::net::IpAddr;

use gantry_api_types::{
    ConfigReference, Ipam, IpamConfig, NetworkCreateRequest, NetworkCreateResponse,
};

use crate::command::{Arity, Command};
use crate::create::{Labels, pairs};
use crate::failure::Failure;
use crate::flags::{Map, Strings, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry network create`
    pub(crate) struct Create {
        /// Enable manual container attachment
        "attachable" => attachable: bool,
        /// Auxiliary IPv4 or IPv6 addresses used by Network driver
        "aux-address" => aux_address: Map; "map[]",
        /// The network from which to copy the configuration
        "config-from" => config_from: String,
        /// Create a configuration only network
        "config-only" => config_only: bool,
        /// Driver to manage the Network
        "driver" 'd' => driver: String = "bridge".to_owned(); "\"bridge\"",
        /// IPv4 or IPv6 Gateway for the master subnet
        "gateway" => gateway: Strings,
        /// Create swarm routing-mesh network
        "ingress" => ingress: bool,
        /// Restrict external access to the network
        "internal" => internal: bool,
        /// Allocate container ip from a sub-range
        "ip-range" => ip_range: Strings,
        /// IP Address Management Driver
        "ipam-driver" => ipam_driver: String = "default".to_owned(); "\"default\"",
        /// Set IPAM driver specific options
        "ipam-opt" => ipam_opt: Map; "map[]",
        /// Enable or disable IPv4 address assignment
        "ipv4" => ipv4: Option<bool>; "true",
        /// Enable or disable IPv6 address assignment
        "ipv6" => ipv6: Option<bool>,
        /// Set metadata on a network
        "label" => label: Labels,
        /// Set driver specific options
        "opt" 'o' => opt: Map; "map[]",
        /// Control the network's scope
        "scope" => scope: String,
        /// Subnet in CIDR format that represents a network segment
        "subnet" => subnet: Strings,
    }
}

impl Command for Create {
    const USAGE: &'static str = "[OPTIONS] NETWORK";
    const ABOUT: &'static str = "Create a network";
    const WORDS: Arity = Arity::Exactly(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        let labels: Vec<String> = self.label.iter().map(ToString::to_string).collect();
        let body = NetworkCreateRequest {
            name: words.into_iter().next().unwrap_or_default(),
            ipam: Some(Ipam {
                driver: self.ipam_driver.clone(),
                options: Some(pairs(&self.ipam_opt)),
                config: Some(self.pools()?),
            }),
            driver: self.driver,
            scope: self.scope,
            enable_ipv4: self.ipv4,
            enable_ipv6: self.ipv6,
            internal: self.internal,
            attachable: self.attachable,
            ingress: self.ingress,
            config_only: self.config_only,
            config_from: (!self.config_from.is_empty()).then_some(ConfigReference {
                network: self.config_from,
            }),
            options: Some(pairs(&self.opt)),
            labels: Some(pairs(&labels)),
            ..NetworkCreateRequest::default()
        };
        let client = session.client().await?;
        let request = client.post("/networks/create").json(&body);
        let made: NetworkCreateResponse = request.send().await?.json().await?;
        output::line(made.id);
        Ok(())
    }
}

impl Create {
    /// Each gateway, range and auxiliary address goes to the subnet that it is in.
    fn pools(&self) -> Result<Vec<IpamConfig>, Failure> {
        let mut pools: Vec<IpamConfig> = Vec::new();
        for subnet in self.subnet.iter() {
            if let Some(other) = pools.iter().find(|pool| overlap(&pool.subnet, subnet)) {
                return Err(Failure::new(format!(
                    "multiple overlapping subnet configuration is not supported ({} and {subnet})",
                    other.subnet
                )));
            }
            pools.push(IpamConfig {
                subnet: subnet.clone(),
                ..IpamConfig::default()
            });
        }
        if pools.is_empty() {
            let lonely = !self.ip_range.is_empty() || !self.gateway.is_empty();
            if lonely || !self.aux_address.is_empty() {
                return Err(Failure::new(
                    "every ip-range or gateway must have a corresponding subnet".to_owned(),
                ));
            }
        }
        for range in self.ip_range.iter() {
            place(&mut pools, range, "ip-range")?
                .ip_range
                .clone_from(range);
        }
        for gateway in self.gateway.iter() {
            place(&mut pools, gateway, "gateway")?
                .gateway
                .clone_from(gateway);
        }
        let auxiliary: BTreeMap<String, String> = pairs(&self.aux_address);
        for (name, address) in auxiliary {
            let pool = place(&mut pools, &address, "aux-address")?;
            pool.auxiliary_addresses.insert(name, address);
        }
        Ok(pools)
    }
}

/// The subnet that an address or a range is in.
fn place<'a>(
    pools: &'a mut [IpamConfig],
    text: &str,
    what: &str,
) -> Result<&'a mut IpamConfig, Failure> {
    let address = text.split('/').next().unwrap_or(text);
    let address = address
        .parse()
        .map_err(|_| Failure::new(format!("invalid {what} {text:?}")))?;
    pools
        .iter_mut()
        .find(|pool| contains(&pool.subnet, address))
        .ok_or_else(|| Failure::new(format!("no matching subnet for {what} {text}")))
}

fn contains(subnet: &str, address: IpAddr) -> bool {
    bounds(subnet).is_some_and(|(ipv4, first, last)| {
        ipv4 == address.is_ipv4() && (first..=last).contains(&number(address))
    })
}

fn overlap(one: &str, other: &str) -> bool {
    match (bounds(one), bounds(other)) {
        (Some((a4, a1, a2)), Some((b4, b1, b2))) => a4 == b4 && a1 <= b2 && b1 <= a2,
        // The engine says what is wrong with it.
        _ => false,
    }
}

/// The family and the first and the last address of a subnet.
fn bounds(subnet: &str) -> Option<(bool, u128, u128)> {
    let (address, prefix) = subnet.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32_u32 } else { 128 };
    let hosts = bits.checked_sub(prefix.parse().ok()?)?;
    let mask = 1_u128.checked_shl(hosts).map_or(u128::MAX, |bit| bit - 1);
    let first = number(address) & !mask;
    Some((address.is_ipv4(), first, first | mask))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
