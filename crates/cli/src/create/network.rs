//! Ports and networks.

use std::collections::BTreeMap;

use gantry_api_types::json::{NameSet, Nothing};
use gantry_api_types::{
    ContainerConfig, EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig,
    PortBinding, PortMap,
};
use gantry_units::parse_publish;

use super::flags::ContainerFlags;
use super::grammar::{NetworkSpec, mac_address};
use super::host::list;

/// What `--publish` says.
#[derive(Debug, Default)]
pub(crate) struct PublishedPorts {
    /// A published port is exposed too.
    pub(crate) exposed: NameSet,
    pub(crate) bindings: PortMap,
}

pub(crate) fn published(texts: &[String]) -> Result<PublishedPorts, String> {
    let mut ports = PublishedPorts::default();
    for text in texts {
        for published in parse_publish(text).map_err(|error| error.to_string())? {
            let port = published.container.to_string();
            ports.exposed.insert(port.clone(), Nothing);
            let binding = PortBinding {
                host_ip: published
                    .host_ip
                    .map(|ip| ip.to_string())
                    .unwrap_or_default(),
                host_port: published
                    .host
                    .map(|range| range.to_string())
                    .unwrap_or_default(),
            };
            ports
                .bindings
                .entry(port)
                .or_default()
                .get_or_insert_default()
                .push(binding);
        }
    }
    Ok(ports)
}

/// The networks to join. The first one is the network mode; options such as `--ip` are about it.
pub(crate) fn networking(
    flags: &ContainerFlags,
    config: &mut ContainerConfig,
    host_config: &mut HostConfig,
) -> Result<NetworkingConfig, String> {
    if flags.network.iter().any(|network| network.name.is_empty()) {
        return Err("no name set for network".to_owned());
    }
    let mut networks: Vec<NetworkSpec> = flags.network.to_vec();
    if networks.is_empty() {
        networks.push(NetworkSpec {
            name: "default".to_owned(),
            ..NetworkSpec::default()
        });
    }
    apply(flags, &mut networks[0])?;
    networks[0].name.clone_into(&mut host_config.network_mode);
    if !flags.mac_address.is_empty() {
        config.mac_address = mac_address(&flags.mac_address)?;
    }
    check_kinds(&networks)?;
    let mut endpoints = BTreeMap::new();
    for network in &networks {
        if endpoints.contains_key(&network.name) {
            return Err(format!(
                "network \"{}\" is specified multiple times",
                network.name
            ));
        }
        let endpoint = endpoint(network, flags);
        // A lone network without wishes is the network mode and nothing else.
        if networks.len() > 1 || endpoint != EndpointSettings::default() {
            endpoints.insert(network.name.clone(), Some(Box::new(endpoint)));
        }
    }
    Ok(NetworkingConfig {
        endpoints_config: Some(endpoints),
    })
}

fn is_user_defined(name: &str) -> bool {
    !matches!(name, "default" | "bridge" | "host" | "none") && !name.starts_with("container:")
}

/// Networks that users made can be several; the others stand alone.
fn check_kinds(networks: &[NetworkSpec]) -> Result<(), String> {
    let users = networks
        .iter()
        .filter(|network| is_user_defined(&network.name))
        .count();
    if users > 0 && users < networks.len() {
        return Err("conflicting options: cannot attach both user-defined and non-user-defined network-modes".to_owned());
    }
    if networks
        .iter()
        .any(|n| !n.aliases.is_empty() && !is_user_defined(&n.name))
    {
        return Err(
            "network-scoped aliases are only supported for user-defined networks".to_owned(),
        );
    }
    Ok(())
}

/// Puts the container-wide options into the first network, unless that says the same in its long
/// form.
fn apply(flags: &ContainerFlags, network: &mut NetworkSpec) -> Result<(), String> {
    let conflict = |what: &str| {
        Err(format!(
            "conflicting options: cannot specify both {what} in the long form of --network and outside it"
        ))
    };
    if !flags.network_alias.is_empty() {
        if !network.aliases.is_empty() {
            return conflict("--network-alias");
        }
        network.aliases = flags.network_alias.to_vec();
    }
    if !flags.ip.is_empty() {
        if !network.ipv4.is_empty() {
            return conflict("--ip");
        }
        network.ipv4.clone_from(&flags.ip);
    }
    if !flags.ip6.is_empty() {
        if !network.ipv6.is_empty() {
            return conflict("--ip6");
        }
        network.ipv6.clone_from(&flags.ip6);
    }
    if !flags.link_local_ip.is_empty() {
        if !network.link_local.is_empty() {
            return conflict("--link-local-ip");
        }
        network.link_local = flags.link_local_ip.to_vec();
    }
    if !flags.mac_address.is_empty() {
        if !network.mac.is_empty() {
            return conflict("--mac-address");
        }
        network.mac = mac_address(&flags.mac_address)?;
    }
    Ok(())
}

fn endpoint(network: &NetworkSpec, flags: &ContainerFlags) -> EndpointSettings {
    let addresses = EndpointIpamConfig {
        ipv4_address: network.ipv4.clone(),
        ipv6_address: network.ipv6.clone(),
        link_local_ips: network.link_local.clone(),
    };
    EndpointSettings {
        ipam_config: (addresses != EndpointIpamConfig::default()).then_some(addresses),
        links: list(&flags.link).filter(|_| is_user_defined(&network.name)),
        aliases: list(&network.aliases),
        mac_address: network.mac.clone(),
        driver_opts: (!network.driver_options.is_empty())
            .then(|| network.driver_options.iter().cloned().collect()),
        gw_priority: network.gateway_priority,
        ..EndpointSettings::default()
    }
}
