//! The keys about networks.

use std::path::Path;

use gantry_network::{AddressPool, Cidr, NetworkConfig, files::DnsOptions};

use super::setting;
use crate::Error;
use crate::config::Config;

pub(super) fn network(
    config: &Config,
    run_root: &Path,
    instance: Option<&str>,
) -> Result<NetworkConfig, Error> {
    let mut network = NetworkConfig::new(run_root, instance);
    if let Some(bridge) = &config.bridge {
        network.bridge_name.clone_from(bridge);
    }
    if let Some(bip) = &config.bip {
        let cidr: Cidr = bip
            .parse()
            .map_err(|e: gantry_network::Error| setting("bip", bip, &e.to_string()))?;
        network.bip = Some(cidr);
    }
    default_bridge(config, &mut network)?;
    publishing(config, &mut network)?;
    if let Some(ip) = &config.ip {
        network.publish_default_address = ip
            .parse()
            .map_err(|_| setting("ip", ip, "expected an IPv4 address"))?;
    }
    let gateways = config
        .host_gateway_ip
        .iter()
        .chain(&config.host_gateway_ips);
    for gateway in gateways {
        network.host_gateway = Some(
            gateway
                .parse()
                .map_err(|_| setting("host-gateway-ip", gateway, "expected an IPv4 address"))?,
        );
    }
    network.default_address_pools = config
        .default_address_pools
        .iter()
        .map(|pool| {
            let base: Cidr = pool.base.parse().map_err(|e: gantry_network::Error| {
                setting("default-address-pools", &pool.base, &e.to_string())
            })?;
            Ok(AddressPool {
                base,
                size: pool.size,
            })
        })
        .collect::<Result<_, Error>>()?;
    // Docker's 0 is the default.
    network.mtu = config.mtu.filter(|mtu| *mtu != 0);
    network.ip_forward = config.ip_forward.unwrap_or(true);
    network.dns = DnsOptions {
        servers: config
            .dns
            .iter()
            .map(|s| {
                s.parse()
                    .map_err(|_| setting("dns", s, "expected an IP address"))
            })
            .collect::<Result<_, _>>()?,
        search: config.dns_search.clone(),
        options: config.dns_opts.clone(),
    };
    Ok(network)
}

/// What the configuration says of the default bridge alone.
fn default_bridge(config: &Config, network: &mut NetworkConfig) -> Result<(), Error> {
    if let Some(range) = &config.fixed_cidr {
        let cidr = range
            .parse()
            .map_err(|e: gantry_network::Error| setting("fixed-cidr", range, &e.to_string()))?;
        network.fixed_cidr = Some(cidr);
    }
    if let Some(router) = &config.default_gateway {
        let address = router
            .parse()
            .map_err(|_| setting("default-gateway", router, "expected an IPv4 address"))?;
        network.default_gateway = Some(address);
    }
    default_bridge_ipv6(config, network)?;
    network.icc = config.icc.unwrap_or(true);
    network.masquerade = config.ip_masq.unwrap_or(true);
    network
        .default_options
        .clone_from(&config.default_network_opts);
    Ok(())
}

/// The same of IPv6. An address or a subnet without `ipv6` would change nothing.
fn default_bridge_ipv6(config: &Config, network: &mut NetworkConfig) -> Result<(), Error> {
    network.ipv6 = config.ipv6;
    let cidr = |name: &'static str, text: &String| -> Result<Cidr, Error> {
        let parsed: Result<Cidr, _> = text.parse();
        let parsed = parsed.map_err(|e| setting(name, text, &e.to_string()))?;
        if parsed.is_ipv4() {
            return Err(setting(
                name,
                text,
                "expected an IPv6 address with a prefix",
            ));
        }
        if !config.ipv6 {
            return Err(setting(name, text, "it needs \"ipv6\": true"));
        }
        Ok(parsed)
    };
    let bip6 = config.bip6.as_ref().map(|text| cidr("bip6", text));
    network.bip6 = bip6.transpose()?;
    let subnet = config.fixed_cidr_v6.as_ref();
    network.fixed_cidr_v6 = subnet.map(|text| cidr("fixed-cidr-v6", text)).transpose()?;
    if let Some(router) = &config.default_gateway_v6 {
        let address = router
            .parse()
            .map_err(|_| setting("default-gateway-v6", router, "expected an IPv6 address"))?;
        network.default_gateway_v6 = Some(address);
    }
    Ok(())
}

/// Who reaches published ports, and how.
fn publishing(config: &Config, network: &mut NetworkConfig) -> Result<(), Error> {
    network.relay_ports = config.userland_proxy.unwrap_or(true);
    network.allow_direct_routing = config.allow_direct_routing;
    network.honor_input = match config.firewall.as_deref() {
        None | Some("") => false,
        Some("honor-input") => true,
        Some(other) => return Err(setting("firewall", other, "expected honor-input")),
    };
    Ok(())
}
