//! Endpoints that share a host interface's hardware: macvlan and ipvlan.

use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use gantry_netlink::{Changes, ChildKind, ChildLink, Connection};

use crate::address::MacAddress;
use crate::bridge::{delete_link, system};
use crate::definition::{Driver, NetworkInfo};
use crate::error::{Error, Result};
use crate::inside::{self, Inside};
use crate::options::{ChildOptions, IPVLAN_L2, MACVLAN_PASSTHRU};

/// How long the children of containers that ended may take to go.
const PATIENCE: Duration = Duration::from_secs(2);

/// The parent of a network that names none: an interface without a wire, named after its id.
pub(crate) fn own_parent(id: &str) -> String {
    format!("dm-{}", id.get(..12).unwrap_or(id))
}

/// Finds the parent, or makes the one that is missing: a dummy, or a virtual LAN on an interface
/// (`eth0.50`). Tells whether it was made.
pub(crate) fn ensure_parent(netlink: &Connection, parent: &str, dummy: bool) -> Result<bool> {
    if netlink.link(parent).map_err(system)?.is_some() {
        return Ok(false);
    }
    let missing = |reason: &str| Error::NoParent {
        parent: parent.to_owned(),
        reason: reason.to_owned(),
    };
    let mut changes = Changes::new();
    if dummy {
        changes.add_dummy(parent);
    } else {
        let (base, vlan) = parent
            .rsplit_once('.')
            .ok_or_else(|| missing("this host has no such interface"))?;
        let vlan: u16 = vlan
            .parse()
            .ok()
            .filter(|vlan| (1..=4094).contains(vlan))
            .ok_or_else(|| missing("a virtual LAN's number is from 1 to 4094, as in eth0.10"))?;
        let base = netlink
            .link(base)
            .map_err(system)?
            .ok_or_else(|| missing("this host has no such interface"))?;
        changes.add_child(&ChildLink {
            name: parent,
            kind: ChildKind::Vlan(vlan),
            parent: base.index,
            netns: None,
            mac: None,
            mtu: None,
        });
    }
    match netlink.apply(changes) {
        Err(error) if !error.is_exists() => return Err(system(error)),
        _ => {}
    }
    if let Some(link) = netlink.link(parent).map_err(system)? {
        let mut changes = Changes::new();
        changes.set_up(link.index, true);
        netlink.apply(changes).map_err(system)?;
    }
    Ok(true)
}

/// Whether the host has no such interface.
pub(crate) fn is_missing(netlink: &Connection, parent: &str) -> Result<bool> {
    Ok(netlink.link(parent).map_err(system)?.is_none())
}

/// An interface that is passed through has one child, and so one network.
pub(crate) fn check_shared(
    parent: &str,
    options: &ChildOptions,
    networks: &[NetworkInfo],
) -> Result<()> {
    for other in networks.iter().filter(|other| other.interface == parent) {
        let theirs = ChildOptions::parse(other.driver, &other.options)?;
        if options.mode == MACVLAN_PASSTHRU || theirs.mode == MACVLAN_PASSTHRU {
            return Err(Error::NotPermitted(format!(
                "network {} uses the parent interface {parent}, and one that is passed through (macvlan_mode passthru) has one network only",
                other.name
            )));
        }
    }
    Ok(())
}

/// Deletes a parent that was made for a network.
pub(crate) fn remove_parent(netlink: &Connection, parent: &str) -> Result<()> {
    delete_link(netlink, parent)
}

/// Makes the interface in the container.
pub(crate) fn attach(
    netlink: &Connection,
    network: &NetworkInfo,
    options: &ChildOptions,
    netns: BorrowedFd<'_>,
    mac: Option<MacAddress>,
    wanted: &Inside<'_>,
) -> Result<()> {
    ensure_parent(netlink, &network.interface, options.parent.is_none())?;
    let parent = netlink
        .link(&network.interface)
        .map_err(system)?
        .ok_or_else(|| Error::NoParent {
            parent: network.interface.clone(),
            reason: "this host has no such interface".to_owned(),
        })?;
    let kind = match network.driver {
        Driver::Ipvlan => ChildKind::Ipvlan(options.mode as u16, options.flags),
        _ => ChildKind::Macvlan(options.mode),
    };
    let link = ChildLink {
        name: wanted.interface,
        kind,
        parent: parent.index,
        netns: Some(netns),
        mac: mac.map(|mac| mac.0),
        mtu: options.mtu,
    };
    add_when_free(netlink, &link)?;
    let routed = routes_itself(network.driver, options);
    let without_gateway = Inside {
        default_route: wanted.default_route && !routed,
        ..*wanted
    };
    let configured = inside::configure(netns, &without_gateway).and_then(|()| {
        if routed && wanted.default_route {
            inside::route_by_interface(netns, wanted.interface, wanted.leases)
        } else {
            Ok(())
        }
    });
    if configured.is_err() {
        let _ = inside::delete(netns, wanted.interface);
    }
    configured
}

/// Makes it, waiting a moment for those of containers that have just ended: they go with their
/// namespaces, which the kernel takes down later, and a parent that is passed through has one child
/// (`EINVAL`), one of macvlan none of ipvlan (`EBUSY`).
fn add_when_free(netlink: &Connection, link: &ChildLink<'_>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mut changes = Changes::new();
        changes.add_child(link);
        let error = match netlink.apply(changes) {
            Ok(()) => return Ok(()),
            Err(error) => std::io::Error::from(error),
        };
        let taken = matches!(
            error.kind(),
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::ResourceBusy
        );
        if !taken || begun.elapsed() > PATIENCE {
            return Err(Error::system("set the network up", error));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether packets leave by the interface itself, without a gateway.
pub(crate) fn routes_itself(driver: Driver, options: &ChildOptions) -> bool {
    driver == Driver::Ipvlan && options.mode != IPVLAN_L2
}
