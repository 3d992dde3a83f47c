//! What is done in a container's namespace: addresses, routes, switches of its interfaces.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use gantry_netlink::{Changes, Connection, Link};
use gantry_sys::netns;

use crate::bridge::system;
use crate::endpoint::{EndpointState, Lease};
use crate::error::{Error, Result};
use crate::retired;

/// What an interface in a container gets.
pub(crate) struct Inside<'a> {
    /// Its name.
    pub(crate) interface: &'a str,
    /// Its addresses, at most one of each family.
    pub(crate) leases: &'a [Lease],
    /// More addresses.
    pub(crate) link_local: &'a [IpAddr],
    /// Whether the default routes go by it.
    pub(crate) default_route: bool,
    /// What is written below /proc/sys/net for it.
    pub(crate) sysctls: &'a [(String, String)],
}

/// Gives an interface that was just made its addresses, sets it up and routes by it.
pub(crate) fn configure(netns: BorrowedFd<'_>, wanted: &Inside<'_>) -> Result<()> {
    let inside = enter(netns, wanted)?;
    let link = find(&inside, wanted.interface)?;
    let mut changes = Changes::new();
    for Lease { address, .. } in wanted.leases {
        changes.add_address(link.index, address.address, address.prefix());
    }
    for address in wanted.link_local {
        // RFC 3927 and RFC 4291: the prefixes of link-local addresses.
        let prefix = if address.is_ipv4() { 16 } else { 64 };
        changes.add_address(link.index, *address, prefix);
    }
    changes.set_up(link.index, true);
    if wanted.default_route {
        for gateway in wanted.leases.iter().filter_map(|lease| lease.gateway) {
            changes.add_default_route(link.index, gateway);
        }
    }
    inside.apply(changes).map_err(system)
}

fn find(inside: &Connection, interface: &str) -> Result<Link> {
    inside.link(interface).map_err(system)?.ok_or_else(|| {
        let what = format!("find {interface} in the container's network namespace");
        Error::system(what, io::Error::from(io::ErrorKind::NotFound))
    })
}

fn enter(netns: BorrowedFd<'_>, wanted: &Inside<'_>) -> Result<Connection> {
    let ipv6 = wanted.leases.iter().any(|lease| !lease.address.is_ipv4())
        || wanted.link_local.iter().any(IpAddr::is_ipv6);
    if !ipv6 && wanted.sysctls.is_empty() {
        return Connection::open_in(netns).map_err(system);
    }
    let interface = wanted.interface;
    let failed = |path: &str| format!("write to {path} in the container's network namespace");
    netns::run_in(netns, || {
        if ipv6 {
            let conf = format!("/proc/sys/net/ipv6/conf/{interface}");
            fs::write(format!("{conf}/disable_ipv6"), "0")?;
            // Nobody on a network of ours advertises routes.
            let _ = fs::write(format!("{conf}/accept_ra"), "0");
        }
        for (key, value) in wanted.sysctls {
            let path = format!("/proc/sys/{}", key.replace("IFNAME", interface));
            fs::write(&path, value)
                .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        }
        Ok(Connection::open()?)
    })
    .map_err(|error| Error::system(failed("/proc/sys/net"), error))
}

/// Leads the default route of each family by the first of the endpoints that has a gateway for
/// it, the best first; takes away the default route of a family that none has a gateway for.
pub(crate) fn route(netns: BorrowedFd<'_>, best_first: &[&EndpointState]) -> Result<()> {
    let inside = Connection::open_in(netns).map_err(system)?;
    for ipv4 in [true, false] {
        let by = best_first.iter().find_map(|endpoint| {
            let lease = if ipv4 { endpoint.v4 } else { endpoint.v6 };
            Some((endpoint, lease?))
                .filter(|(endpoint, lease)| endpoint.has_exit && lease.gateway.is_some())
        });
        let mut changes = Changes::new();
        match by {
            Some((endpoint, lease)) => {
                let link = find(&inside, &endpoint.interface)?;
                if let Some(gateway) = lease.gateway {
                    changes.set_default_route(link.index, gateway);
                }
                inside.apply(changes).map_err(system)?;
            }
            None => {
                changes.delete_default_route(!ipv4);
                // There may be none, or no IPv6 at all.
                let _ = inside.apply(changes);
            }
        }
    }
    Ok(())
}

/// Deletes an interface in a container; fine when it is gone.
pub(crate) fn delete(netns: BorrowedFd<'_>, interface: &str) -> Result<()> {
    let inside = Connection::open_in(netns).map_err(system)?;
    crate::bridge::delete_link(&inside, interface)
}

/// Takes an endpoint's interface out of use in its container; fine when it is gone.
pub(crate) fn retire(netns: BorrowedFd<'_>, endpoint: &EndpointState) -> Result<()> {
    let inside = Connection::open_in(netns).map_err(system)?;
    let leases = endpoint.v4.iter().chain(&endpoint.v6);
    let addresses: Vec<_> = leases.map(|lease| lease.address).collect();
    retired::retire(&inside, &endpoint.interface, None, &addresses)
}

/// Sets the default route of an interface that needs no gateway (ipvlan's l3 modes).
pub(crate) fn route_by_interface(
    netns: BorrowedFd<'_>,
    interface: &str,
    leases: &[Lease],
) -> Result<()> {
    let inside = Connection::open_in(netns).map_err(system)?;
    let link = find(&inside, interface)?;
    let mut changes = Changes::new();
    for lease in leases {
        changes.set_default_interface(link.index, !lease.address.is_ipv4());
    }
    inside.apply(changes).map_err(system)
}
