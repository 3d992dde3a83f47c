//! An endpoint's pair of interfaces: one on the bridge, `eth0` in the container.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use gantry_netlink::{Changes, Connection, Link, VethPair};

use crate::address::MacAddress;
use crate::bridge::{Bridge, mac_of, system};
use crate::endpoint::Lease;
use crate::error::Result;
use crate::inside::{self, Inside};

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

/// What an endpoint on a bridge gets.
pub(crate) struct Plug<'a> {
    /// The name of the pair's end on the host.
    pub(crate) host_interface: &'a str,
    /// The container's hardware address.
    pub(crate) mac: MacAddress,
    /// The rest is done in the container.
    pub(crate) inside: Inside<'a>,
}

/// Makes the pair, gives the container its addresses and its routes.
pub(crate) fn attach(
    netlink: &Connection,
    bridge: &Bridge,
    netns: BorrowedFd<'_>,
    plug: &Plug<'_>,
) -> Result<()> {
    let mut changes = Changes::new();
    changes.add_veth(&VethPair {
        name: plug.host_interface,
        mac: Some(host_mac(plug.host_interface)),
        master: Some(bridge.index),
        peer_name: plug.inside.interface,
        peer_mac: plug.mac.0,
        peer_netns: netns,
        mtu: bridge.mtu,
    });
    // Where br_netfilter has bridged frames translated, a container's packet to its own
    // published port goes back out of the port it came in by.
    changes.set_hairpin(plug.host_interface);
    if !bridge.icc && !bridged_frames_meet_rules() {
        changes.set_isolated(plug.host_interface);
    }
    for address in plug
        .inside
        .leases
        .iter()
        .map(|lease: &Lease| lease.address.address)
    {
        if is_new_here(address, plug.mac) {
            changes.set_neighbour(bridge.index, address, plug.mac.0);
        }
    }
    netlink.apply(changes).map_err(system)?;
    let configured = inside::configure(netns, &plug.inside);
    if configured.is_err() {
        let _ = detach(netlink, plug.host_interface);
    }
    configured
}

/// Whether bridged packets of both families pass the firewall's forward chain (br_netfilter), which
/// then keeps containers apart. Isolated ports would do too much there: what is translated to a
/// neighbour's published port never leaves the bridge.
pub(crate) fn bridged_frames_meet_rules() -> bool {
    let on = |name: &str| {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{name}");
        std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
    };
    on("iptables") && on("ip6tables")
}

/// Whether the neighbour tables may know another hardware address for it.
fn is_new_here(address: IpAddr, mac: MacAddress) -> bool {
    mac_of(address) != Some(mac)
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
