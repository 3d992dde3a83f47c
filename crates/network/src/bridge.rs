//! The default bridge: made, or adopted when it is there.

use std::fs;
use std::io;
use std::net::Ipv4Addr;

use gantry_netlink::{self as netlink, Changes, Connection, Link};

use crate::address::{Cidr, MacAddress};
use crate::config::NetworkConfig;
use crate::error::{Error, Result};
use crate::subnet;

/// A bridge that is up.
#[derive(Debug, Clone)]
pub(crate) struct Bridge {
    pub(crate) name: String,
    pub(crate) index: u32,
    /// Its own address, which is its containers' gateway.
    pub(crate) gateway: Cidr,
    pub(crate) mtu: Option<u32>,
}

impl Bridge {
    /// Makes or adopts the bridge that the configuration names.
    pub(crate) fn open(netlink: &Connection, config: &NetworkConfig) -> Result<Self> {
        check_name(&config.bridge_name)?;
        let link = netlink.link(&config.bridge_name).map_err(system)?;
        let bridge = match link {
            Some(link) => adopt(netlink, config, &link)?,
            None => create(netlink, config)?,
        };
        bridge.set_switches(config)?;
        Ok(bridge)
    }

    /// Deletes the bridge; fine when it is gone.
    pub(crate) fn remove(&self, netlink: &Connection) -> Result<()> {
        let mut changes = Changes::new();
        changes.delete_link(&self.name);
        match netlink.apply(changes) {
            Err(error) if !error.is_not_found() => Err(system(error)),
            _ => Ok(()),
        }
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

/// The hardware address that Docker's bridges gave to an IPv4 address.
///
/// The same address always has the same one, so nobody's neighbour table is ever wrong.
pub(crate) fn mac_of(address: Ipv4Addr) -> MacAddress {
    let [a, b, c, d] = address.octets();
    MacAddress([0x02, 0x42, a, b, c, d])
}

fn create(netlink: &Connection, config: &NetworkConfig) -> Result<Bridge> {
    let gateway = choose_gateway(netlink, config, None)?;
    let mut changes = Changes::new();
    changes.add_bridge(&netlink::Bridge {
        name: &config.bridge_name,
        mac: mac_of(gateway.address).0,
        mtu: config.mtu,
    });
    match netlink.apply(changes) {
        // Another opener was faster: what it made is as good.
        Err(error) if !error.is_exists() => return Err(system(error)),
        _ => {}
    }
    let missing = || {
        Error::system(
            format!("find the bridge {} just made", config.bridge_name),
            io::Error::from(io::ErrorKind::NotFound),
        )
    };
    let link = netlink
        .link(&config.bridge_name)
        .map_err(system)?
        .ok_or_else(missing)?;
    address(netlink, config, link.index, gateway)
}

fn adopt(netlink: &Connection, config: &NetworkConfig, link: &Link) -> Result<Bridge> {
    if link.kind != "bridge" {
        let kind = if link.kind.is_empty() {
            "an interface"
        } else {
            &link.kind
        };
        return Err(Error::NotABridge {
            name: link.name.clone(),
            kind: kind.to_owned(),
        });
    }
    let addresses = netlink.addresses().map_err(system)?;
    let mut own = addresses.iter().filter(|(index, ..)| *index == link.index);
    let current = own.find_map(|(_, address, prefix)| Cidr::new(*address, *prefix));
    let gateway = match (current, config.bip) {
        (Some(current), None) => current,
        (Some(current), Some(bip)) if current == bip => current,
        (Some(current), Some(bip)) => {
            let mut changes = Changes::new();
            changes.delete_address(link.index, current.address, current.prefix());
            netlink.apply(changes).map_err(system)?;
            bip
        }
        (None, _) => choose_gateway(netlink, config, Some(link.index))?,
    };
    address(netlink, config, link.index, gateway)
}

fn address(
    netlink: &Connection,
    config: &NetworkConfig,
    index: u32,
    gateway: Cidr,
) -> Result<Bridge> {
    let mut changes = Changes::new();
    changes.add_address(index, gateway.address, gateway.prefix());
    changes.set_up(index, true);
    if let Some(mtu) = config.mtu {
        changes.set_mtu(index, mtu);
    }
    netlink.apply(changes).map_err(system)?;
    Ok(Bridge {
        name: config.bridge_name.clone(),
        index,
        gateway,
        mtu: config.mtu,
    })
}

fn choose_gateway(
    netlink: &Connection,
    config: &NetworkConfig,
    own_index: Option<u32>,
) -> Result<Cidr> {
    if let Some(bip) = config.bip {
        return Ok(bip);
    }
    let routes = netlink.routes().map_err(system)?;
    let in_use: Vec<Cidr> = routes
        .iter()
        // The default route overlaps everything and means nothing here.
        .filter(|route| route.prefix > 0 && (own_index.is_none() || route.interface != own_index))
        .filter_map(|route| Cidr::new(route.destination, route.prefix))
        .collect();
    subnet::choose(&config.default_address_pools, &in_use).ok_or_else(|| Error::PoolsExhausted {
        bridge: config.bridge_name.clone(),
    })
}

fn check_name(name: &str) -> Result<()> {
    let valid = (1..=15).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace());
    if valid {
        Ok(())
    } else {
        Err(Error::InvalidBridgeName {
            name: name.to_owned(),
        })
    }
}

/// Writes 1 into a switch that is not on yet; /proc/sys may be read-only and on already.
fn set_switch(path: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|value| value.trim() == "1") {
        return Ok(());
    }
    fs::write(path, "1").map_err(|error| Error::system(format!("switch {path} on"), error))
}

pub(crate) fn system(error: netlink::Error) -> Error {
    Error::system("set the network up", error)
}
