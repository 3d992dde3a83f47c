//! Interfaces that are out of use and wait for their deletion.
//!
//! To delete an interface takes the kernel some 30 ms, for it waits until no processor can hold a
//! pointer to it any more. Taking it out of use costs next to nothing: it is set down, loses its name
//! and its addresses, and joins a group of interfaces that is this daemon's. A thread deletes the
//! whole group, and the next daemon's start does if this one is killed.

use gantry_netlink::{Changes, Connection};
use gantry_sys::hash;

use crate::address::Cidr;
use crate::bridge::system;
use crate::error::Result;

/// The group of one daemon's retired interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retired {
    group: u32,
}

impl Retired {
    /// The group that belongs to a table's name, which no other daemon here has.
    pub(crate) fn of(table: &str) -> Self {
        // Group 0 is that of all interfaces, and low numbers are administrators'.
        let group = hash::stable(&("retired interfaces", table)) as u32 | 1 << 31;
        Self { group }
    }

    /// Takes an interface out of use: its name and its addresses are free. Fine when it is gone.
    pub(crate) fn add(self, netlink: &Connection, name: &str, addresses: &[Cidr]) -> Result<()> {
        retire(netlink, name, Some(self.group), addresses)
    }

    /// Takes interfaces out of use whose names nobody else wants; fine when they are gone.
    pub(crate) fn add_all<'a>(self, netlink: &Connection, names: impl Iterator<Item = &'a str>) {
        for name in names {
            let mut changes = Changes::new();
            changes.retire(name, Some(self.group));
            if let Err(error) = netlink.apply(changes)
                && !error.is_not_found()
            {
                tracing::warn!(%error, interface = name, "an interface stays");
            }
        }
    }

    /// Deletes them all, which takes some 30 ms if there are any.
    pub(crate) fn delete(self, netlink: &Connection) -> Result<()> {
        let mut changes = Changes::new();
        changes.delete_group(self.group);
        match netlink.apply(changes) {
            Err(error) if !error.is_not_found() => Err(system(error)),
            _ => Ok(()),
        }
    }
}

/// Sets an interface down and takes its name and its addresses away; fine when it is gone.
pub(crate) fn retire(
    netlink: &Connection,
    name: &str,
    group: Option<u32>,
    addresses: &[Cidr],
) -> Result<()> {
    let Some(link) = netlink.link(name).map_err(system)? else {
        return Ok(());
    };
    let mut changes = Changes::new();
    changes.retire(name, group);
    changes.rename(link.index, &format!("gone{}", link.index));
    match netlink.apply(changes) {
        Ok(()) => {}
        // In the group already, it was deleted with the others before it had its new name.
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(system(error)),
    }
    let mut changes = Changes::new();
    // Those of IPv6 went when it was set down.
    for own in addresses.iter().filter(|own| own.is_ipv4()) {
        changes.delete_address(link.index, own.address, own.prefix());
    }
    // Somebody else may have taken them; they end with the interface anyway.
    let _ = netlink.apply(changes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NetworkConfig, Networks};
    use gantry_netlink::Bridge;
    use gantry_sys::netns;

    fn make(netlink: &Connection, name: &str, address: &str) {
        let mut changes = Changes::new();
        changes.add_bridge(&Bridge {
            name,
            mac: [2, 0, 0, 0, 0, 1],
            mtu: None,
        });
        netlink.apply(changes).unwrap();
        let mut changes = Changes::new();
        let address: Cidr = address.parse().unwrap();
        let index = netlink.link(name).unwrap().unwrap().index;
        changes.add_address(index, address.address, address.prefix());
        netlink.apply(changes).unwrap();
    }

    fn names(netlink: &Connection) -> Vec<String> {
        let links = netlink.links().unwrap();
        links.into_iter().map(|link| link.name).collect()
    }

    /// A daemon that is killed has taken interfaces out of use and deleted none.
    #[test]
    fn the_next_start_deletes_what_a_killed_daemon_retired() {
        let folder = tempfile::tempdir().unwrap();
        netns::create(|| {
            let netlink = Connection::open()?;
            let own = Retired::of("gantry");
            let address: Cidr = "10.77.0.1/24".parse().unwrap();
            for _ in 0..3 {
                make(&netlink, "br-shop", "10.77.0.1/24");
                own.add(&netlink, "br-shop", &[address]).unwrap();
                assert!(netlink.link("br-shop").unwrap().is_none());
            }
            assert_eq!(netlink.addresses().unwrap(), []);
            make(&netlink, "br-theirs", "10.78.0.1/24");
            let theirs = Retired::of("gantry-other");
            theirs.add(&netlink, "br-theirs", &[]).unwrap();
            make(&netlink, "other", "10.79.0.1/24");
            let config = NetworkConfig {
                sandbox_pool: 0,
                ..NetworkConfig::new(folder.path(), None)
            };
            let networks = Networks::open(config).unwrap();
            let left = names(&netlink);
            assert_eq!(
                left.len(),
                4,
                "lo, theirs, another one, our bridge: {left:?}"
            );
            assert!(left.contains(&"other".to_owned()), "{left:?}");
            drop(networks);
            own.add(&netlink, "nowhere", &[]).unwrap();
            own.delete(&netlink).unwrap();
            assert_eq!(names(&netlink), left);
            Ok(())
        })
        .unwrap();
    }
}
