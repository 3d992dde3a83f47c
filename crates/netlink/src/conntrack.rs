//! Flows that the kernel tracks: finding and deleting those of endpoints that are gone.
//!
//! A UDP client that goes on sending keeps its flow alive, and with it the translation to an
//! endpoint that no longer exists. Deleting the flow makes its next packet a new one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use gantry_sys::netlink::{AttributeIter, Attributes, Family, Messages, Reply, Socket, flags};

use crate::abi::{AF_INET, AF_INET6};
use crate::connection::refused;
use crate::error::Result;

// `nfnetlink_conntrack.h`
const CT_GET: u16 = 1 << 8 | 1;
const CT_DELETE: u16 = 1 << 8 | 2;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ID: u16 = 12;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;

/// `struct nfgenmsg`: the family, the version, an index.
const fn header(family: u8) -> [u8; 4] {
    [family, 0, 0, 0]
}

/// One direction of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// Who sends.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// The protocol's number.
    pub protocol: u8,
    /// The sender's port; 0 for protocols without.
    pub source_port: u16,
    /// The receiver's port; 0 for protocols without.
    pub destination_port: u16,
}

/// A tracked flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// As its first packet came.
    pub original: Tuple,
    /// As answers come: from the translated destination.
    pub reply: Tuple,
    id: [u8; 4],
}

/// A connection to ctnetlink of the network namespace that its maker was in.
#[derive(Debug)]
pub struct Conntrack {
    socket: Mutex<Socket>,
}

impl Conntrack {
    /// Connects to ctnetlink of the calling thread's network namespace.
    pub fn open() -> Result<Self> {
        Ok(Self {
            socket: Mutex::new(Socket::open(Family::Netfilter)?),
        })
    }

    /// All tracked flows of both families.
    pub fn flows(&self) -> Result<Vec<Flow>> {
        let mut flows = self.flows_of(AF_INET)?;
        flows.extend(self.flows_of(AF_INET6)?);
        Ok(flows)
    }

    fn flows_of(&self, family: u8) -> Result<Vec<Flow>> {
        let mut messages = Messages::new();
        messages.push(CT_GET, flags::DUMP, &header(family), |_| {});
        let answer = self.exchange(messages)?;
        match answer.refusals.into_iter().next() {
            None => Ok(answer.replies.iter().filter_map(parse_flow).collect()),
            Some(refusal) => Err(refused("list the tracked connections".to_owned(), refusal)),
        }
    }

    /// Deletes flows; those that ended meanwhile are no error. Returns how many were deleted.
    pub fn delete(&self, flows: &[Flow]) -> Result<usize> {
        if flows.is_empty() {
            return Ok(0);
        }
        let mut messages = Messages::new();
        for flow in flows {
            let family = if flow.original.source.is_ipv4() {
                AF_INET
            } else {
                AF_INET6
            };
            messages.push(CT_DELETE, 0, &header(family), |out| {
                out.nested(CTA_TUPLE_ORIG, |tuple| write_tuple(tuple, &flow.original));
                out.bytes(CTA_ID, &flow.id);
            });
        }
        let refusals = self.exchange(messages)?.refusals;
        let gone = refusals.len();
        let missing = |errno| io::Error::from_raw_os_error(errno).kind() == io::ErrorKind::NotFound;
        match refusals.into_iter().find(|refusal| !missing(refusal.errno)) {
            None => Ok(flows.len() - gone),
            Some(refusal) => Err(refused("delete a tracked connection".to_owned(), refusal)),
        }
    }

    fn exchange(&self, messages: Messages) -> io::Result<gantry_sys::netlink::Answer> {
        self.socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .exchange(messages, 0)
    }
}

fn write_tuple(out: &mut Attributes<'_>, tuple: &Tuple) {
    out.nested(CTA_TUPLE_IP, |ip| {
        write_address(ip, tuple.source, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
        write_address(ip, tuple.destination, CTA_IP_V4_DST, CTA_IP_V6_DST);
    });
    out.nested(CTA_TUPLE_PROTO, |proto| {
        proto.bytes(CTA_PROTO_NUM, &[tuple.protocol]);
        proto.bytes(CTA_PROTO_SRC_PORT, &tuple.source_port.to_be_bytes());
        proto.bytes(CTA_PROTO_DST_PORT, &tuple.destination_port.to_be_bytes());
    });
}

fn write_address(out: &mut Attributes<'_>, address: IpAddr, ipv4: u16, ipv6: u16) {
    match address {
        IpAddr::V4(address) => out.bytes(ipv4, &address.octets()),
        IpAddr::V6(address) => out.bytes(ipv6, &address.octets()),
    }
}

fn parse_flow(reply: &Reply) -> Option<Flow> {
    let attributes = AttributeIter::new(reply.body.get(header(0).len()..)?);
    Some(Flow {
        original: parse_tuple(attributes.find(CTA_TUPLE_ORIG)?)?,
        reply: parse_tuple(attributes.find(CTA_TUPLE_REPLY)?)?,
        id: *attributes.find(CTA_ID)?.first_chunk()?,
    })
}

fn parse_tuple(tuple: &[u8]) -> Option<Tuple> {
    let ip = AttributeIter::new(AttributeIter::new(tuple).find(CTA_TUPLE_IP)?);
    let proto = AttributeIter::new(AttributeIter::new(tuple).find(CTA_TUPLE_PROTO)?);
    let address = |ipv4, ipv6| -> Option<IpAddr> {
        if let Some(octets) = ip.find(ipv4) {
            return Some(Ipv4Addr::from(*octets.first_chunk::<4>()?).into());
        }
        Some(Ipv6Addr::from(*ip.find(ipv6)?.first_chunk::<16>()?).into())
    };
    let port = |kind| {
        proto
            .find(kind)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |port| u16::from_be_bytes(*port))
    };
    Some(Tuple {
        source: address(CTA_IP_V4_SRC, CTA_IP_V6_SRC)?,
        destination: address(CTA_IP_V4_DST, CTA_IP_V6_DST)?,
        protocol: *proto.find(CTA_PROTO_NUM)?.first()?,
        source_port: port(CTA_PROTO_SRC_PORT),
        destination_port: port(CTA_PROTO_DST_PORT),
    })
}
