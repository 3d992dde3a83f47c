//! Reading links, addresses and routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gantry_sys::netlink::{AttributeIter, Messages, Reply, flags};

use crate::abi::{
    AF_INET, AF_INET6, AF_UNSPEC, ARPHRD_ETHER, FORWARDING, IF_OPER_UP, IFA_ADDRESS, IFA_LOCAL,
    IFF_UP, IFLA_ADDRESS, IFLA_BRPORT_STATE, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_INFO_SLAVE_DATA,
    IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU, IFLA_OPERSTATE, RT_TABLE_LOCAL, RTA_DST, RTA_OIF,
    RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE, RTN_UNICAST, ifinfomsg,
};
use crate::connection::{Connection, refused};
use crate::error::Result;

/// How often a list that changed while it was read is read again.
const ATTEMPTS: usize = 5;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it is: `bridge`, `veth`, ...; empty for a physical one.
    pub kind: String,
    /// Whether what it sends are Ethernet's frames: `lo` and tunnels send others.
    pub ethernet: bool,
    /// Its hardware address, when it has one of six bytes.
    pub mac: Option<[u8; 6]>,
    /// The index of the interface that it is a port of.
    pub master: Option<u32>,
    /// Whether it is a bridge's port that passes frames on.
    pub forwarding: bool,
    /// Its MTU.
    pub mtu: u32,
    /// Whether the kernel is done with setting it up and it has a carrier (RFC 2863's `up`).
    pub operational: bool,
    /// Whether it is set up.
    pub up: bool,
}

/// A unicast route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The destination.
    pub destination: IpAddr,
    /// Its prefix length; 0 for the default route.
    pub prefix: u8,
    /// The index of the interface that it leaves by.
    pub interface: Option<u32>,
}

impl Connection {
    /// The interface of this name, if there is one.
    pub fn link(&self, name: &str) -> Result<Option<Link>> {
        Ok(self.links_named(&[name])?.pop())
    }

    /// Those of the named interfaces that there are, in one exchange.
    pub fn links_named(&self, names: &[&str]) -> Result<Vec<Link>> {
        let mut messages = Messages::new();
        for name in names {
            messages.push(RTM_GETLINK, 0, &ifinfomsg(0, None), |out| {
                out.string(IFLA_IFNAME, name);
            });
        }
        let answer = self.exchange(messages)?;
        for refusal in answer.refusals {
            let name = names.get(refusal.index).copied().unwrap_or_default();
            let error = refused(format!("look interface {name} up"), refusal);
            if !error.is_not_found() {
                return Err(error);
            }
        }
        Ok(answer.replies.iter().filter_map(parse_link).collect())
    }

    /// All interfaces.
    pub fn links(&self) -> Result<Vec<Link>> {
        let replies = self.dump(RTM_GETLINK, &ifinfomsg(0, None), "list the interfaces")?;
        Ok(replies.iter().filter_map(parse_link).collect())
    }

    /// The addresses of all interfaces: index, address, prefix length.
    pub fn addresses(&self) -> Result<Vec<(u32, IpAddr, u8)>> {
        let header = [AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0];
        let replies = self.dump(RTM_GETADDR, &header, "list the addresses")?;
        Ok(replies.iter().filter_map(parse_address).collect())
    }

    /// The unicast routes of both families and of all tables but `local`.
    pub fn routes(&self) -> Result<Vec<Route>> {
        let header = [AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let replies = self.dump(RTM_GETROUTE, &header, "list the routes")?;
        Ok(replies.iter().filter_map(parse_route).collect())
    }

    fn dump(&self, kind: u16, header: &[u8], what: &str) -> Result<Vec<Reply>> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut messages = Messages::new();
            messages.push(kind, flags::DUMP, header, |_| {});
            let answer = self.exchange(messages)?;
            if answer.interrupted && attempt < ATTEMPTS {
                continue;
            }
            return match answer.refusals.into_iter().next() {
                None => Ok(answer.replies),
                Some(refusal) => Err(refused(what.to_owned(), refusal)),
            };
        }
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes
        .get(offset..)?
        .first_chunk()
        .map(|chunk| u32::from_ne_bytes(*chunk))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(Ipv4Addr::from(*value.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*value.first_chunk::<16>()?).into()),
        _ => None,
    }
}

fn parse_link(reply: &Reply) -> Option<Link> {
    let attributes = AttributeIter::new(reply.body.get(16..)?);
    let info = AttributeIter::new(attributes.find(IFLA_LINKINFO).unwrap_or_default());
    let port_state = info
        .find(IFLA_INFO_SLAVE_DATA)
        .and_then(|port| AttributeIter::new(port).find(IFLA_BRPORT_STATE));
    Some(Link {
        index: u32_at(&reply.body, 4)?,
        name: text(attributes.find(IFLA_IFNAME)?),
        kind: info.find(IFLA_INFO_KIND).map(text).unwrap_or_default(),
        ethernet: reply.body.get(2..4) == Some(&ARPHRD_ETHER.to_ne_bytes()),
        mac: attributes
            .find(IFLA_ADDRESS)
            .and_then(|mac| mac.try_into().ok()),
        master: attributes
            .find(IFLA_MASTER)
            .and_then(|master| u32_at(master, 0)),
        mtu: attributes
            .find(IFLA_MTU)
            .and_then(|mtu| u32_at(mtu, 0))
            .unwrap_or_default(),
        forwarding: port_state == Some(&[FORWARDING]),
        operational: attributes.find(IFLA_OPERSTATE) == Some(&[IF_OPER_UP]),
        up: u32_at(&reply.body, 8)? & IFF_UP != 0,
    })
}

fn parse_address(reply: &Reply) -> Option<(u32, IpAddr, u8)> {
    let attributes = AttributeIter::new(reply.body.get(8..)?);
    let prefix = *reply.body.get(1)?;
    // An IPv6 address without a peer is only in IFA_ADDRESS.
    let own = attributes
        .find(IFA_LOCAL)
        .or_else(|| attributes.find(IFA_ADDRESS))?;
    Some((u32_at(&reply.body, 4)?, address(own)?, prefix))
}

fn parse_route(reply: &Reply) -> Option<Route> {
    let header = reply.body.get(..12)?;
    if header[4] == RT_TABLE_LOCAL || header[7] != RTN_UNICAST {
        return None;
    }
    let attributes = AttributeIter::new(&reply.body[12..]);
    Some(Route {
        destination: match (attributes.find(RTA_DST), header[0]) {
            (Some(destination), _) => address(destination)?,
            (None, AF_INET) => Ipv4Addr::UNSPECIFIED.into(),
            (None, AF_INET6) => Ipv6Addr::UNSPECIFIED.into(),
            (None, _) => return None,
        },
        prefix: header[1],
        interface: attributes.find(RTA_OIF).and_then(|index| u32_at(index, 0)),
    })
}
