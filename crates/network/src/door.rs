//! The door to the name server in a container: 127.0.0.11.
//!
//! Programs hard-code that address. Port 53 stays free for containers that serve DNS themselves:
//! the sockets have random ports, and a rule in the container's own namespace leads there.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gantry_dns::Door;
use gantry_nft::{
    Batch, Chain, ChainType, Connection, DataType, Element, Family, Hook, Rule, Set, Table,
};
use gantry_sys::netns;

use crate::endpoint::Protocol;
use crate::error::{Error, Result};

/// Where containers find the name server.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// The port of DNS.
const PORT: u16 = 53;
/// `NF_IP_PRI_NAT_DST`
const DESTINATION_NAT: i32 = -100;

/// Opens the sockets in a container's namespace and leads queries there.
pub(crate) fn open(netns: BorrowedFd<'_>) -> Result<Door> {
    let opened = netns::run_in(netns, || {
        let udp = UdpSocket::bind((ADDRESS, 0))?;
        let tcp = TcpListener::bind((ADDRESS, 0))?;
        redirect(udp.local_addr()?.port(), tcp.local_addr()?.port())?;
        Ok((udp, tcp))
    });
    let what = "open the name server's sockets in the container's network namespace";
    let (udp, tcp) = opened.map_err(|error| Error::system(what, error))?;
    let netns = netns
        .try_clone_to_owned()
        .map_err(|error| Error::system(what, error))?;
    Ok(Door { udp, tcp, netns })
}

/// Finds the door among sockets that somebody kept, and leaves the others.
pub(crate) fn recognise(kept: &mut Vec<OwnedFd>, netns: OwnedFd) -> Option<Door> {
    let mut udp = None;
    let mut tcp = None;
    let mut others = Vec::new();
    for fd in kept.drain(..) {
        match kind_of(&fd) {
            Some(Protocol::Udp) => udp = Some(UdpSocket::from(fd)),
            Some(Protocol::Tcp) => tcp = Some(TcpListener::from(fd)),
            _ => others.push(fd),
        }
    }
    *kept = others;
    Some(Door {
        udp: udp?,
        tcp: tcp?,
        netns,
    })
}

/// What is bound to the name server's address, which nothing on a host is.
fn kind_of(fd: &OwnedFd) -> Option<Protocol> {
    let address = rustix::net::getsockname(fd).ok()?;
    let address = SocketAddr::try_from(address).ok()?;
    if address.ip() != ADDRESS {
        return None;
    }
    match rustix::net::sockopt::socket_type(fd.as_fd()).ok()? {
        rustix::net::SocketType::DGRAM => Some(Protocol::Udp),
        rustix::net::SocketType::STREAM => Some(Protocol::Tcp),
        _ => None,
    }
}

fn redirect(udp: u16, tcp: u16) -> io::Result<()> {
    let table = Table::new(Family::Ip, "gantry-dns");
    let to = "name-server";
    let mut batch = Batch::new();
    batch.remove_table(&table);
    batch.add_table(&table);
    let key = [DataType::Ipv4Address, DataType::Protocol, DataType::Port];
    let value = [DataType::Ipv4Address, DataType::Port];
    batch.add_set(&table, &Set::new(to, &key).to(&value));
    let lead = |protocol: Protocol, port: u16| {
        let query = [
            &ADDRESS.octets()[..],
            &[protocol.number()],
            &PORT.to_be_bytes(),
        ];
        Element::joined(&query).maps_to(&[&ADDRESS.octets(), &port.to_be_bytes()])
    };
    let elements = [lead(Protocol::Udp, udp), lead(Protocol::Tcp, tcp)];
    batch.add_elements(&table, to, &elements);
    let chain = "output";
    let hook = Chain::base(chain, ChainType::Nat, Hook::Output, DESTINATION_NAT);
    batch.add_chain(&table, &hook);
    batch.add_rule(&table, chain, &Rule::new().dnat_by_address_and_port(to));
    Connection::open()?.commit(batch)?;
    Ok(())
}
