//! An endpoint's pair of interfaces: one on the bridge, `eth0` in the container.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use gantry_netlink::{Changes, Connection, Link, VethPair};

use crate::address::MacAddress;
use crate::bridge::{Bridge, mac_of, system};
use crate::error::{Error, Result};

/// What the interface is called in the container.
const CONTAINER_INTERFACE: &str = "eth0";
/// How long an endpoint's port may take to pass frames on.
const FORWARDING_PATIENCE: Duration = Duration::from_secs(1);
/// How often it is asked for.
const FORWARDING_POLL: Duration = Duration::from_micros(100);
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
        mac: Some(host_mac(host_interface)),
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

/// A hardware address for the host's end, as random as its name.
///
/// Locally administered, and higher than the bridge's and the containers' 02:42.
fn host_mac(host_interface: &str) -> [u8; 6] {
    let mut mac = [0xfe, 0, 0, 0, 0, 0];
    let digits = host_interface.get(PREFIX.len()..).unwrap_or_default();
    for (index, byte) in mac.iter_mut().enumerate().skip(1) {
        let pair = digits.get(2 * index - 2..2 * index).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    mac
}

/// Waits until the bridge passes the pair's frames on, and its own.
///
/// That they have a carrier is told to them by a kernel thread (link watch). What is sent before
/// is lost, and a TCP connection's first packet is sent again after a whole second. Asking a
/// recent kernel for the interfaces does that thread's work; others are asked again.
pub(crate) fn wait_until_forwarding(
    netlink: &Connection,
    bridge: &Bridge,
    host_interface: &str,
) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < FORWARDING_PATIENCE {
        let links = netlink
            .links_named(&[host_interface, &bridge.name])
            .map_err(system)?;
        let ready = |link: &Link| link.operational && (link.forwarding || link.name == bridge.name);
        if links.iter().all(ready) {
            return Ok(());
        }
        thread::sleep(FORWARDING_POLL);
    }
    // Not our failure: somebody may have blocked the port or set the bridge down.
    tracing::warn!(
        interface = host_interface,
        "the bridge does not pass frames on yet"
    );
    Ok(())
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
