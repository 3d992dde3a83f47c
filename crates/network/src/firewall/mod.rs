//! Our nf_tables table: translation of published ports, masquerading, isolation.
//!
//! Every lookup is one in a set or map, so a packet's cost does not grow with the number of
//! containers, ports or networks; see the crate's page for the ways that packets go.

mod foreign;
mod layout;

use std::net::Ipv4Addr;

use gantry_nft::{self as nft, Batch, Connection, Element, Family, Table};

use crate::address::Cidr;
use crate::endpoint::{BoundPort, EndpointState};
use crate::error::{Error, Result};

/// The table of one daemon.
#[derive(Debug)]
pub(crate) struct Firewall {
    nft: Connection,
    table: Table,
    bridge: String,
    subnet: Cidr,
}

impl Firewall {
    /// Adopts the table or makes it, and opens other tables' forward chains to our bridge.
    pub(crate) fn open(table: &str, bridge: &str, subnet: Cidr) -> Result<Self> {
        let nft = Connection::open().map_err(system)?;
        let table = Table::new(Family::Ip, table);
        let firewall = Self {
            nft,
            table,
            bridge: bridge.to_owned(),
            subnet,
        };
        if !firewall
            .nft
            .tables()
            .map_err(system)?
            .contains(&firewall.table)
        {
            firewall.replace(&[])?;
        }
        foreign::open(&firewall.nft, &firewall.table, &firewall.bridge).map_err(system)?;
        Ok(firewall)
    }

    /// Makes the table anew with exactly these endpoints' ports, in one transaction.
    pub(crate) fn replace(&self, live: &[EndpointState]) -> Result<()> {
        let mut batch = Batch::new();
        batch.remove_table(&self.table);
        layout::add(&mut batch, &self.table, &self.bridge, self.subnet);
        for endpoint in live {
            for (set, elements) in elements(&endpoint.ports, endpoint.ip) {
                batch.add_elements(&self.table, set, &elements);
            }
        }
        self.nft.commit(batch).map_err(system)
    }

    /// Leads the host's ports to the address.
    pub(crate) fn publish(&self, ports: &[BoundPort], address: Ipv4Addr) -> Result<()> {
        let mut batch = Batch::new();
        for (set, elements) in elements(ports, address) {
            batch.add_elements(&self.table, set, &elements);
        }
        self.nft.commit(batch).map_err(system)
    }

    /// Ends what [`Firewall::publish`] did; fine when parts of it are gone.
    pub(crate) fn unpublish(&self, ports: &[BoundPort], address: Ipv4Addr) -> Result<()> {
        match self.remove_elements(ports, address) {
            Err(error) if error.is_not_found() => {}
            other => return other.map_err(system),
        }
        // The transaction failed as a whole because of one missing element: one by one.
        for port in ports {
            match self.remove_elements(std::slice::from_ref(port), address) {
                Err(error) if !error.is_not_found() => return Err(system(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn remove_elements(&self, ports: &[BoundPort], address: Ipv4Addr) -> nft::Result<()> {
        let mut batch = Batch::new();
        for (set, elements) in elements(ports, address) {
            batch.remove_elements(&self.table, set, &elements);
        }
        self.nft.commit(batch)
    }

    /// Removes the table and our rules in other tables; fine when they are gone.
    pub(crate) fn remove(&self) -> Result<()> {
        foreign::close(&self.nft, &self.table).map_err(system)?;
        let mut batch = Batch::new();
        batch.remove_table(&self.table);
        self.nft.commit(batch).map_err(system)
    }
}

/// The elements of both maps: ports of any address, and ports of one address.
fn elements(ports: &[BoundPort], address: Ipv4Addr) -> [(&'static str, Vec<Element>); 2] {
    let (any, one): (Vec<&BoundPort>, Vec<_>) =
        ports.iter().partition(|port| port.host_ip.is_unspecified());
    let by_port = any.into_iter().map(|port| {
        let (protocol, host_port) = (port.protocol.number(), port.host_port.to_be_bytes());
        to_container(Element::joined(&[&[protocol], &host_port]), port, address)
    });
    let by_address = one.into_iter().map(|port| {
        let (protocol, host_port) = (port.protocol.number(), port.host_port.to_be_bytes());
        let key = Element::joined(&[&port.host_ip.octets(), &[protocol], &host_port]);
        to_container(key, port, address)
    });
    [
        (layout::PORTS, by_port.collect()),
        (layout::ADDRESS_PORTS, by_address.collect()),
    ]
}

fn to_container(key: Element, port: &BoundPort, address: Ipv4Addr) -> Element {
    key.maps_to(&[&address.octets(), &port.container_port.to_be_bytes()])
}

fn system(error: nft::Error) -> Error {
    Error::system("set the firewall up", error)
}
