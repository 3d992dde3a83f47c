//! Endpoints that share a host interface's hardware: macvlan and ipvlan.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use gantry_netlink::{Changes, ChildKind, ChildLink, Connection, Link};

use crate::address::MacAddress;
use crate::bridge::{delete_link, system};
use crate::definition::{Driver, NetworkInfo};
use crate::error::{Error, Result};
use crate::inside::{self, Inside};
use crate::networks::lock;
use crate::options::{ChildOptions, IPVLAN_L2, MACVLAN_PASSTHRU};

/// How long the children of containers that ended may take to go.
const PATIENCE: Duration = Duration::from_secs(2);

/// When containers last ended that had interfaces on a parent. Those go with their namespaces, which
/// the kernel takes down later, and may be in the way of new ones until then.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// Some may have ended shortly before, while no daemon looked.
    opened: Instant,
    left: Mutex<HashMap<String, Instant>>,
}

impl Leaving {
    pub(crate) fn new() -> Self {
        Self {
            opened: Instant::now(),
            left: Mutex::default(),
        }
    }

    /// A container ended that had one on this parent.
    pub(crate) fn note(&self, parent: &str) {
        let mut left = lock(&self.left);
        left.retain(|_, ended| ended.elapsed() < PATIENCE);
        left.insert(parent.to_owned(), Instant::now());
    }

    /// Until when one that is in the way on this parent may be about to go.
    pub(crate) fn until(&self, parent: &str) -> Instant {
        let last = lock(&self.left).get(parent).copied();
        last.unwrap_or(self.opened).max(self.opened) + PATIENCE
    }
}

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

/// Refuses a parent on which the kernel puts nothing, if it is there.
pub(crate) fn check_fit(netlink: &Connection, driver: Driver, parent: &str) -> Result<()> {
    let link = netlink.link(parent).map_err(system)?;
    match link.filter(|link| !link.ethernet) {
        None => Ok(()),
        Some(link) => Err(Error::NoParent {
            parent: link.name.clone(),
            reason: not_ethernet(&link, driver.name()),
        }),
    }
}

/// Docker's words for the one that people try.
fn not_ethernet(link: &Link, kind: &str) -> String {
    if link.name == "lo" {
        format!("loopback interface is not a valid {kind} parent link")
    } else {
        format!("it is not an Ethernet interface, and {kind} needs one")
    }
}

/// An interface that is passed through has one child, and so one network; all of ipvlan on one
/// interface have one mode, which the kernel would change for those that run.
pub(crate) fn check_shared(
    parent: &str,
    driver: Driver,
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
        let both = driver == Driver::Ipvlan && other.driver == Driver::Ipvlan;
        if both && (options.mode, options.flags) != (theirs.mode, theirs.flags) {
            return Err(Error::NotPermitted(format!(
                "network {} uses the parent interface {parent} with another ipvlan_mode or ipvlan_flag, and one interface has one for all its networks",
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

/// Makes the interface in the container; until then, others on the same parent may be about to go.
pub(crate) fn attach(
    netlink: &Connection,
    network: &NetworkInfo,
    options: &ChildOptions,
    netns: BorrowedFd<'_>,
    mac: Option<MacAddress>,
    wanted: &Inside<'_>,
    until: Instant,
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
    add_when_free(netlink, &link, &parent, until)?;
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

/// Makes it. Where it may be that one in its way is about to go, it is waited for: a parent that is
/// passed through has one child (`EINVAL`), one of macvlan none of ipvlan (`EBUSY`). What else the
/// kernel refuses it will refuse again, and that is told at once.
fn add_when_free(
    netlink: &Connection,
    link: &ChildLink<'_>,
    parent: &Link,
    until: Instant,
) -> Result<()> {
    loop {
        let mut changes = Changes::new();
        changes.add_child(link);
        let Err(error) = netlink.apply(changes) else {
            return Ok(());
        };
        let error = std::io::Error::from(error);
        let taken = matches!(
            error.kind(),
            ErrorKind::InvalidInput | ErrorKind::ResourceBusy
        );
        let mistake = taken.then(|| mistake(link, parent)).flatten();
        if let Some(reason) = mistake {
            return Err(unfit(parent, reason));
        }
        if !taken || Instant::now() > until {
            let reason = in_the_way(&error, link);
            return Err(match reason {
                Some(reason) => unfit(parent, reason),
                None => Error::system("set the network up", error),
            });
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn unfit(parent: &Link, reason: String) -> Error {
    Error::UnfitParent {
        parent: parent.name.clone(),
        reason,
    }
}

/// Why the kernel will never put it there.
fn mistake(link: &ChildLink<'_>, parent: &Link) -> Option<String> {
    let kind = link.kind.name();
    if !parent.ethernet {
        return Some(not_ethernet(parent, kind));
    }
    if parent.master.is_some() {
        return Some(format!(
            "it is a port of a bridge or a part of a bond, and {kind} cannot share it; use that one as the parent"
        ));
    }
    let mtu = link.mtu.filter(|mtu| *mtu > parent.mtu)?;
    Some(format!(
        "its MTU is {}, and the network's {mtu} is larger",
        parent.mtu
    ))
}

/// What keeps it out for as long as that is there.
fn in_the_way(error: &std::io::Error, link: &ChildLink<'_>) -> Option<String> {
    let passed_through = matches!(link.kind, ChildKind::Macvlan(MACVLAN_PASSTHRU));
    match error.kind() {
        ErrorKind::ResourceBusy => Some(format!(
            "it is used in another way, such as by ipvlan and macvlan at once, and {} cannot share it",
            link.kind.name()
        )),
        ErrorKind::InvalidInput if passed_through => Some(
            "another interface is on it, and one that is passed through (macvlan_mode passthru) has one only"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Whether packets leave by the interface itself, without a gateway.
pub(crate) fn routes_itself(driver: Driver, options: &ChildOptions) -> bool {
    driver == Driver::Ipvlan && options.mode != IPVLAN_L2
}
