//! IPv6 on the host: whether it is there, forwarding, and a prefix of this machine's own.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

use gantry_netlink::Connection;
use gantry_sys::hash;

use crate::address::Cidr;
use crate::bridge::{set_switch, system};
use crate::error::{Error, Result};

const CONF: &str = "/proc/sys/net/ipv6/conf";

/// Whether the kernel has IPv6 and it is not switched off.
pub(crate) fn is_available() -> bool {
    fs::read_to_string(format!("{CONF}/all/disable_ipv6")).is_ok_and(|text| text.trim() == "0")
}

/// Whether the host reaches the world by IPv6.
pub(crate) fn reaches_the_world(netlink: &Connection) -> Result<bool> {
    let routes = netlink.routes().map_err(system)?;
    let default = |route: &gantry_netlink::Route| route.prefix == 0 && route.destination.is_ipv6();
    Ok(is_available() && routes.iter().any(default))
}

/// Switches IPv6 and its forwarding on for a bridge.
pub(crate) fn enable_on_bridge(bridge: &str) -> Result<()> {
    let path = format!("{CONF}/{bridge}/disable_ipv6");
    let off = |error| Error::system(format!("switch IPv6 on for {bridge} (by {path})"), error);
    if fs::read_to_string(&path).map_err(off)?.trim() != "0" {
        fs::write(&path, "0").map_err(off)?;
    }
    // Nobody on the bridge tells the host where to route to.
    let _ = fs::write(format!("{CONF}/{bridge}/accept_ra"), "0");
    forward()
}

/// Switches forwarding on. A host that forwards takes no more routes from router advertisements
/// unless an interface's `accept_ra` is 2: those that took them go on doing so.
fn forward() -> Result<()> {
    let all = format!("{CONF}/all/forwarding");
    if fs::read_to_string(&all).is_ok_and(|text| text.trim() == "1") {
        return Ok(());
    }
    for entry in fs::read_dir(CONF).into_iter().flatten().flatten() {
        let accept = entry.path().join("accept_ra");
        if fs::read_to_string(&accept).is_ok_and(|text| text.trim() == "1") {
            let _ = fs::write(accept, "2");
        }
    }
    set_switch(&all)
}

/// A /48 of unique local addresses, always the same on this machine (RFC 4193).
pub(crate) fn own_prefix(state: &Path) -> Option<Cidr> {
    let machine = fs::read("/etc/machine-id").unwrap_or_default();
    let number = hash::stable(&(machine, state));
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    octets[1..6].copy_from_slice(&number.to_be_bytes()[..5]);
    Cidr::new(Ipv6Addr::from(octets), 48)
}
