//! Bridges: made, or adopted when they are there.

use std::fs;
use std::io;
use std::net::IpAddr;

use gantry_netlink::{self as netlink, Changes, Connection, Link};

use crate::address::{Cidr, MacAddress};
use crate::config::NetworkConfig;
use crate::error::{Error, Result};
use crate::retired::Retired;
use crate::{ipv6, subnet};

/// A bridge that is up.
#[derive(Debug, Clone)]
pub(crate) struct Bridge {
    pub(crate) name: String,
    pub(crate) index: u32,
    /// Its own addresses, which are its containers' gateways: IPv4 first.
    pub(crate) gateways: Vec<Cidr>,
    pub(crate) mtu: Option<u32>,
    /// Whether its containers reach each other.
    pub(crate) icc: bool,
}

impl Bridge {
    /// Makes or adopts the default bridge, which the configuration names.
    pub(crate) fn open_default(netlink: &Connection, config: &NetworkConfig) -> Result<Self> {
        check_name(&config.bridge_name)?;
        let link = netlink.link(&config.bridge_name).map_err(system)?;
        let gateway = match &link {
            Some(link) => adopted_gateway(netlink, config, link)?,
            None => choose_gateway(netlink, config, None)?,
        };
        let mut gateways = vec![gateway];
        if config.ipv6 {
            gateways.push(ipv6_gateway(netlink, config, link.as_ref())?);
        }
        let wanted = Self {
            name: config.bridge_name.clone(),
            index: 0,
            gateways,
            mtu: config.mtu,
            icc: config.icc,
        };
        wanted.open_with(netlink, link, config)
    }

    /// Makes or adopts the bridge of a network; the index that was given does not matter.
    pub(crate) fn open(self, netlink: &Connection, config: &NetworkConfig) -> Result<Self> {
        let link = netlink.link(&self.name).map_err(system)?;
        self.open_with(netlink, link, config)
    }

    fn open_with(
        mut self,
        netlink: &Connection,
        link: Option<Link>,
        config: &NetworkConfig,
    ) -> Result<Self> {
        let link = match link {
            Some(link) => link,
            None => self.make(netlink)?,
        };
        check_kind(&link)?;
        self.index = link.index;
        if self.gateways.iter().any(|gateway| !gateway.is_ipv4()) {
            ipv6::enable_on_bridge(&self.name)?;
        }
        let mut changes = Changes::new();
        for gateway in &self.gateways {
            changes.add_address(self.index, gateway.address, gateway.prefix());
        }
        changes.set_up(self.index, true);
        if let Some(mtu) = self.mtu {
            changes.set_mtu(self.index, mtu);
        }
        netlink.apply(changes).map_err(system)?;
        self.set_switches(config)?;
        Ok(self)
    }

    fn make(&self, netlink: &Connection) -> Result<Link> {
        let first = self.gateways.first().map(|gateway| gateway.address);
        let mac = first.and_then(mac_of).map_or_else(random_mac, Ok)?;
        let mut changes = Changes::new();
        changes.add_bridge(&netlink::Bridge {
            name: &self.name,
            mac: mac.0,
            mtu: self.mtu,
        });
        match netlink.apply(changes) {
            // Another opener was faster: what it made is as good.
            Err(error) if !error.is_exists() => return Err(system(error)),
            _ => {}
        }
        let missing = || {
            Error::system(
                format!("find the bridge {} just made", self.name),
                io::Error::from(io::ErrorKind::NotFound),
            )
        };
        netlink
            .link(&self.name)
            .map_err(system)?
            .ok_or_else(missing)
    }

    /// Takes the bridge out of use: its name and its addresses are free; fine when it is gone.
    pub(crate) fn retire(&self, netlink: &Connection, retired: Retired) -> Result<()> {
        retired.add(netlink, &self.name, &self.gateways)
    }

    fn set_switches(&self, config: &NetworkConfig) -> Result<()> {
        // For 127.0.0.1:PORT of a published port; the firewall drops what would abuse it.
        let local = format!("/proc/sys/net/ipv4/conf/{}/route_localnet", self.name);
        set_switch(&local)?;
        if config.ip_forward {
            set_switch("/proc/sys/net/ipv4/ip_forward")?;
        }
        Ok(())
    }
}

/// Deletes an interface; fine when it is gone.
pub(crate) fn delete_link(netlink: &Connection, name: &str) -> Result<()> {
    let mut changes = Changes::new();
    changes.delete_link(name);
    match netlink.apply(changes) {
        Err(error) if !error.is_not_found() => Err(system(error)),
        _ => Ok(()),
    }
}

/// The hardware address that Docker's bridges gave to an IPv4 address; an IPv6 one has none.
///
/// The same address always has the same one, so nobody's neighbour table is ever wrong.
pub(crate) fn mac_of(address: IpAddr) -> Option<MacAddress> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    let [a, b, c, d] = address.octets();
    Some(MacAddress([0x02, 0x42, a, b, c, d]))
}

/// A hardware address that nobody has: locally administered and random.
pub(crate) fn random_mac() -> Result<MacAddress> {
    let mut tail = [0; 4];
    getrandom::fill(&mut tail).map_err(|error| {
        Error::system("draw random numbers", io::Error::other(error.to_string()))
    })?;
    let [a, b, c, d] = tail;
    Ok(MacAddress([0x02, 0x42, a, b, c, d]))
}

fn check_kind(link: &Link) -> Result<()> {
    if link.kind == "bridge" {
        return Ok(());
    }
    let kind = if link.kind.is_empty() {
        "an interface"
    } else {
        &link.kind
    };
    Err(Error::NotABridge {
        name: link.name.clone(),
        kind: kind.to_owned(),
    })
}

fn adopted_gateway(netlink: &Connection, config: &NetworkConfig, link: &Link) -> Result<Cidr> {
    check_kind(link)?;
    let addresses = netlink.addresses().map_err(system)?;
    let current = addresses
        .iter()
        .filter(|(index, address, _)| *index == link.index && address.is_ipv4())
        .find_map(|(_, address, prefix)| Cidr::new(*address, *prefix));
    match (current, config.bip) {
        (Some(current), None) => Ok(current),
        (Some(current), Some(bip)) if current == bip => Ok(current),
        (Some(current), Some(bip)) => {
            let mut changes = Changes::new();
            changes.delete_address(link.index, current.address, current.prefix());
            netlink.apply(changes).map_err(system)?;
            Ok(bip)
        }
        (None, _) => choose_gateway(netlink, config, Some(link.index)),
    }
}

fn choose_gateway(
    netlink: &Connection,
    config: &NetworkConfig,
    own_index: Option<u32>,
) -> Result<Cidr> {
    if let Some(bip) = config.bip {
        return Ok(bip);
    }
    let in_use = routes(netlink, own_index)?;
    subnet::choose(&config.default_address_pools, &in_use).ok_or_else(|| Error::PoolsExhausted {
        family: "IPv4",
        network: format!("bridge {}", config.bridge_name),
        hint: "; set bip or default-address-pools".to_owned(),
    })
}

/// The default bridge's IPv6 address: as configured, else the one it has, else chosen.
fn ipv6_gateway(netlink: &Connection, config: &NetworkConfig, link: Option<&Link>) -> Result<Cidr> {
    if !ipv6::is_available() {
        return Err(Error::InvalidRequest(
            "IPv6 was asked for on the default bridge, and this host's kernel has none or it is switched off".into(),
        ));
    }
    let first_of = |subnet: Cidr| Cidr::new(subnet.at(subnet.first() + 1), subnet.prefix());
    if let Some(asked) = config.bip6.or(config.fixed_cidr_v6.and_then(first_of)) {
        return Ok(asked);
    }
    let own = link.map(|link| link.index);
    let addresses = netlink.addresses().map_err(system)?;
    let current = addresses
        .iter()
        .filter(|(index, _, _)| Some(*index) == own)
        .filter(|(_, address, _)| {
            matches!(address, IpAddr::V6(address) if !address.is_unicast_link_local())
        })
        .find_map(|(_, address, prefix)| Cidr::new(*address, *prefix));
    if let Some(current) = current {
        return Ok(current);
    }
    let in_use = routes(netlink, own)?;
    ipv6::own_prefix(&config.networks_dir)
        .and_then(|prefix| subnet::choose_ipv6(&config.default_address_pools, prefix, &in_use))
        .ok_or_else(|| Error::PoolsExhausted {
            family: "IPv6",
            network: format!("bridge {}", config.bridge_name),
            hint: "; set bip6 or default-address-pools".to_owned(),
        })
}

/// What the host has routes to, but for the default route, which overlaps everything and means
/// nothing here, and for the routes of one interface.
pub(crate) fn routes(netlink: &Connection, but: Option<u32>) -> Result<Vec<Cidr>> {
    let routes = netlink.routes().map_err(system)?;
    Ok(routes
        .iter()
        .filter(|route| route.prefix > 0 && (but.is_none() || route.interface != but))
        .filter_map(|route| Cidr::new(route.destination, route.prefix))
        .collect())
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    let valid = (1..=15).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    if valid {
        Ok(())
    } else {
        Err(Error::InvalidBridgeName {
            name: name.chars().take(50).collect(),
        })
    }
}

/// Writes 1 into a switch that is not on yet; /proc/sys may be read-only and on already.
pub(crate) fn set_switch(path: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|value| value.trim() == "1") {
        return Ok(());
    }
    fs::write(path, "1").map_err(|error| Error::system(format!("switch {path} on"), error))
}

pub(crate) fn system(error: netlink::Error) -> Error {
    Error::system("set the network up", error)
}
