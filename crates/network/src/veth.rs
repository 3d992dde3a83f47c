//! An endpoint's pair of interfaces: one on the bridge, `eth0` in the container.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use gantry_netlink::{Changes, Connection, VethPair};

use crate::address::MacAddress;
use crate::bridge::{Bridge, mac_of, system};
use crate::error::{Error, Result};

/// What the interface is called in the container.
const CONTAINER_INTERFACE: &str = "eth0";
/// The start of the name of every endpoint's end on the host.
const PREFIX: &str = "gv";

/// The name of an endpoint's end on the host: 14 bytes, of which 48 bits are random.
pub(crate) fn host_interface(endpoint_id: &str) -> String {
    format!("{PREFIX}{}", endpoint_id.get(..12).unwrap_or(endpoint_id))
}

/// Whether an interface on our bridge was made here.
pub(crate) fn is_ours(name: &str) -> bool {
    name.len() == 14 && name.starts_with(PREFIX)
}

/// Makes the pair, gives the container its address and its default route.
pub(crate) fn attach(
    netlink: &Connection,
    bridge: &Bridge,
    host_interface: &str,
    netns: BorrowedFd<'_>,
    address: Ipv4Addr,
    mac: MacAddress,
) -> Result<()> {
    let mut changes = Changes::new();
    changes.add_veth(&VethPair {
        name: host_interface,
        master: Some(bridge.index),
        peer_name: CONTAINER_INTERFACE,
        peer_mac: mac.0,
        peer_netns: netns,
        mtu: bridge.mtu,
    });
    // Where br_netfilter has bridged frames translated, a container's packet to its own
    // published port goes back out of the port it came in by.
    changes.set_hairpin(host_interface);
    if mac != mac_of(address) {
        changes.set_neighbour(bridge.index, address, mac.0);
    }
    netlink.apply(changes).map_err(system)?;
    let configured = configure_inside(bridge, netns, address);
    if configured.is_err() {
        let _ = detach(netlink, host_interface);
    }
    configured
}

fn configure_inside(bridge: &Bridge, netns: BorrowedFd<'_>, address: Ipv4Addr) -> Result<()> {
    let inside = Connection::open_in(netns).map_err(system)?;
    let missing = || {
        let what = format!("find {CONTAINER_INTERFACE} in the container's network namespace");
        Error::system(what, io::Error::from(io::ErrorKind::NotFound))
    };
    let link = inside
        .link(CONTAINER_INTERFACE)
        .map_err(system)?
        .ok_or_else(missing)?;
    let mut changes = Changes::new();
    changes.add_address(link.index, address, bridge.gateway.prefix());
    changes.set_up(link.index, true);
    changes.add_default_route(link.index, bridge.gateway.address);
    inside.apply(changes).map_err(system)
}

/// Deletes the pair; fine when it is gone. This may take 30 ms.
pub(crate) fn detach(netlink: &Connection, host_interface: &str) -> Result<()> {
    let mut changes = Changes::new();
    changes.delete_link(host_interface);
    apply_to_existing(netlink, changes)
}

/// Cuts the pair from the bridge, so that nothing in its sandbox answers any more.
pub(crate) fn silence(netlink: &Connection, host_interface: &str) -> Result<()> {
    let mut changes = Changes::new();
    changes.leave_bridge(host_interface);
    apply_to_existing(netlink, changes)
}

fn apply_to_existing(netlink: &Connection, changes: Changes) -> Result<()> {
    match netlink.apply(changes) {
        Err(error) if !error.is_not_found() => Err(system(error)),
        _ => Ok(()),
    }
}
