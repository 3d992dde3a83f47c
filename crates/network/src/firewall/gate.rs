//! `firewall: honor-input`: a published port is reached by whom the host's INPUT chains let in.
//!
//! What is translated in `prerouting` never meets INPUT. With the gate it does: the first packet of
//! a connection is not translated, goes through everybody's INPUT chains with the host's own port,
//! and is looked at by a last chain of ours. What has come so far was let in: a copy of it goes once
//! around, through a pair of interfaces of ours, and what enters by the far one is translated. The
//! packet itself ends there. The kernel tracks the copy's connection, so all later packets are
//! translated as ever; nothing is remembered here, and a rule that the host's administrator changes
//! counts from the next connection on.
//!
//! ```text
//!  eth0 ─▶ prerouting ─▶ INPUT chains ─▶ admit ──copy──▶ near ═══ far ─▶ prerouting ─▶ container
//! ```

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use gantry_netlink::{Changes, Connection, VethPair};
use gantry_nft::Family;
use gantry_sys::hash;

use crate::bridge::{delete_link, system};
use crate::error::{Error, Result};

const CONF: &str = "/proc/sys/net/ipv4/conf";
/// Copies are sent to these addresses, which nobody has: they only name the far end (RFC 3927).
const IPV4: Ipv4Addr = Ipv4Addr::new(169, 254, 213, 2);
/// The near end's own address, for a route.
const ROUTE: Ipv4Addr = Ipv4Addr::new(169, 254, 213, 1);
const FAR_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 213, 5);
const IPV6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xd5, 2);
/// The far end's hardware address, and the near one's: locally administered.
const FAR: [u8; 6] = [0x02, 0x67, 0x61, 0x74, 0x65, 2];
const NEAR: [u8; 6] = [0x02, 0x67, 0x61, 0x74, 0x65, 1];

/// The pair of interfaces that let-in packets go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gate {
    /// The index of the end that copies are sent by.
    pub(super) near: u32,
    /// The name of the end that they come in by.
    pub(super) far: String,
}

impl Gate {
    /// Makes the pair or adopts it.
    pub(crate) fn open(netlink: &Connection, table: &str) -> Result<Self> {
        check_path_filter()?;
        let (near, far) = names(table);
        if netlink.link(&near).map_err(system)?.is_none() {
            let host = fs::File::open("/proc/thread-self/ns/net")
                .map_err(|e| Error::system("open the host's network namespace", e))?;
            let mut changes = Changes::new();
            changes.add_veth(&VethPair {
                name: &near,
                mac: Some(NEAR),
                master: None,
                peer_name: &far,
                peer_mac: FAR,
                peer_netns: host.as_fd(),
                mtu: None,
            });
            netlink.apply(changes).map_err(system)?;
        }
        let index = |name: &str| -> Result<u32> {
            let link = netlink.link(name).map_err(system)?;
            link.map(|link| link.index).ok_or_else(|| {
                let gone = io::Error::from(io::ErrorKind::NotFound);
                Error::system(format!("find the interface {name} just made"), gone)
            })
        };
        let (near, far_index) = (index(&near)?, index(&far)?);
        // Sources are those of clients elsewhere.
        write(&format!("{CONF}/{far}/rp_filter"), "2")?;
        let mut changes = Changes::new();
        // The kernel looks for a route to where copies are sent, whatever interface is named.
        changes.add_address(near, ROUTE, 30);
        // An interface without an address fails every check of its packets' sources.
        changes.add_address(far_index, FAR_ADDRESS, 32);
        changes.set_up(near, true);
        changes.set_up(far_index, true);
        changes.set_permanent_neighbour(near, IPV4, FAR);
        if crate::ipv6::is_available() {
            changes.set_permanent_neighbour(near, IPV6, FAR);
        }
        netlink.apply(changes).map_err(system)?;
        Ok(Self { near, far })
    }

    /// Deletes the pair of a table; fine when there is none.
    pub(crate) fn remove(netlink: &Connection, table: &str) -> Result<()> {
        delete_link(netlink, &names(table).0)
    }

    /// Where copies of a family are sent.
    pub(super) fn target(family: Family) -> IpAddr {
        if family == Family::Ip6 {
            IPV6.into()
        } else {
            IPV4.into()
        }
    }
}

/// The kernel drops what enters by an interface that it would not answer by, where `all` says so
/// for all of them.
fn check_path_filter() -> Result<()> {
    let strict = fs::read_to_string(format!("{CONF}/all/rp_filter"));
    if strict.is_ok_and(|text| text.trim() == "1") {
        return Err(Error::InvalidRequest(
            "firewall honor-input needs net.ipv4.conf.all.rp_filter to be 0 or 2 (loose), and it is 1 (strict): sysctl -w net.ipv4.conf.all.rp_filter=2"
                .to_owned(),
        ));
    }
    Ok(())
}

fn write(path: &str, value: &str) -> Result<()> {
    fs::write(path, value).map_err(|e| Error::system(format!("write {value} to {path}"), e))
}

/// Names that another daemon's pair does not have.
fn names(table: &str) -> (String, String) {
    let number = hash::stable(table) as u32;
    (format!("gate{number:08x}-o"), format!("gate{number:08x}-i"))
}
