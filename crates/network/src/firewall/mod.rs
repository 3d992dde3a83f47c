//! Our nf_tables tables: translation of published ports, masquerading, isolation.
//!
//! Every lookup is one in a set or map, so a packet's cost does not grow with the number of
//! containers, ports or networks; see the crate's page for the ways that packets go. The table for
//! IPv6 is there once a network has IPv6.

mod firewalld;
mod foreign;
mod gate;
mod layout;
mod ports;
mod segment;
mod watcher;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gantry_nft::{self as nft, Batch, Connection, Family, Table};

use crate::endpoint::{BoundPort, EndpointState};
use crate::error::{Error, Result};
use crate::linked::LinkedPort;

use ports::elements;

pub(crate) use gate::Gate;
pub(crate) use layout::Shape;
pub(crate) use segment::{Segment, Side};
pub(crate) use watcher::Watcher;

/// The tables of one daemon.
#[derive(Debug)]
pub(crate) struct Firewall {
    nft: Connection,
    ipv4: Table,
    ipv6: Table,
    shape: Shape,
    wanted: Mutex<Wanted>,
}

/// What shall be in the tables. It is held while they change, so that they can be made anew
/// after somebody else removed them.
#[derive(Debug, Default)]
struct Wanted {
    /// Whether the table for IPv6 is there.
    has_ipv6: bool,
    segments: Vec<Segment>,
    /// Endpoints with published ports, by their ids.
    endpoints: HashMap<String, EndpointState>,
    /// What linked containers may reach.
    links: HashSet<LinkedPort>,
    /// Forward chains of others.
    others: foreign::Opened,
    /// Whether the tables were taken down for good.
    removed: bool,
}

impl Firewall {
    /// Adopts the tables or makes them, and opens other tables' forward chains to our bridges.
    pub(crate) fn open(table: &str, segments: &[Segment], shape: Shape) -> Result<Self> {
        let nft = Connection::open().map_err(system)?;
        let tables = nft.tables().map_err(system)?;
        let ipv4 = Table::new(Family::Ip, table);
        let ipv6 = Table::new(Family::Ip6, table);
        let there = tables.contains(&ipv4);
        let wanted = Wanted {
            has_ipv6: tables.contains(&ipv6),
            segments: segments.to_vec(),
            ..Wanted::default()
        };
        let firewall = Self {
            nft,
            wanted: Mutex::new(wanted),
            ipv4,
            ipv6,
            shape,
        };
        if !there {
            firewall.replace(segments, &[])?;
        }
        firewall.open_others(&mut firewall.lock())?;
        Ok(firewall)
    }

    /// Makes the tables anew with exactly these networks and ports, in one transaction.
    pub(crate) fn replace(&self, segments: &[Segment], live: &[EndpointState]) -> Result<()> {
        let mut wanted = self.lock();
        wanted.segments = segments.to_vec();
        wanted.endpoints = live
            .iter()
            .filter(|endpoint| !endpoint.ports.is_empty())
            .map(|endpoint| (endpoint.endpoint_id.clone(), endpoint.clone()))
            .collect();
        self.make(&mut wanted)?;
        self.open_others(&mut wanted)
    }

    fn make(&self, wanted: &mut Wanted) -> Result<()> {
        let mut batch = Batch::new();
        batch.remove_table(&self.ipv4);
        batch.remove_table(&self.ipv6);
        let want_ipv6 = wanted.segments.iter().any(Segment::has_ipv6);
        for table in self.tables(want_ipv6) {
            layout::add(&mut batch, table, &self.shape);
            for segment in &wanted.segments {
                add_elements_of(&mut batch, table, segment);
            }
            for endpoint in wanted.endpoints.values() {
                for (set, elements) in elements(&endpoint.ports, &[], endpoint, table.family) {
                    batch.add_elements(table, set, &elements);
                }
            }
        }
        let links = wanted.links.iter().map(ports::linked);
        batch.add_elements(&self.ipv4, layout::LINKS, &links.collect::<Vec<_>>());
        self.nft.commit(batch).map_err(system)?;
        wanted.has_ipv6 = want_ipv6;
        Ok(())
    }

    /// Opens other tables' forward chains to our bridges where they drop by default.
    fn open_others(&self, wanted: &mut Wanted) -> Result<()> {
        wanted.others = foreign::open(&self.nft, &self.ipv4, &wanted.segments).map_err(system)?;
        Ok(())
    }

    /// Puts back what another program's reload took away: rules of ours in its chains, or
    /// our own tables (`nft flush ruleset`).
    fn repair(&self) -> Result<()> {
        let mut wanted = self.lock();
        if wanted.removed {
            return Ok(());
        }
        let tables = self.nft.tables().map_err(system)?;
        let mut own = self.tables(wanted.has_ipv6);
        if !own.all(|table| tables.contains(table)) {
            self.make(&mut wanted)?;
        }
        self.open_others(&mut wanted)
    }

    /// Forward chains of others that stop our packets and cannot be opened, each with the reason.
    pub(crate) fn shut(&self) -> Vec<String> {
        self.lock().others.shut.clone()
    }

    /// Whether there are any.
    fn is_shut(&self) -> bool {
        let wanted = self.lock();
        !wanted.removed && !wanted.others.shut.is_empty()
    }

    /// Makes a network known.
    pub(crate) fn add_segment(&self, segment: &Segment) -> Result<()> {
        let mut wanted = self.lock();
        let mut batch = Batch::new();
        if segment.has_ipv6() && !wanted.has_ipv6 {
            layout::add(&mut batch, &self.ipv6, &self.shape);
            for known in &wanted.segments {
                add_elements_of(&mut batch, &self.ipv6, known);
            }
        }
        let with_ipv6 = wanted.has_ipv6 || segment.has_ipv6();
        for table in self.tables(with_ipv6) {
            add_elements_of(&mut batch, table, segment);
        }
        self.nft.commit(batch).map_err(system)?;
        wanted.has_ipv6 = with_ipv6;
        wanted.segments.push(segment.clone());
        self.open_others(&mut wanted)
    }

    /// Forgets a network; fine when parts of it are gone.
    pub(crate) fn remove_segment(&self, segment: &Segment) -> Result<()> {
        let mut wanted = self.lock();
        wanted
            .segments
            .retain(|known| known.bridge != segment.bridge);
        foreign::close_one(&self.nft, &self.ipv4, &segment.bridge).map_err(system)?;
        if wanted.others.by_firewalld {
            foreign::distrust(&[&segment.bridge]);
        }
        let parts: Vec<_> = self
            .tables(wanted.has_ipv6)
            .flat_map(|table| {
                let elements = layout::elements_of(segment, table.family);
                elements.into_iter().map(move |part| (table, part))
            })
            .collect();
        let mut batch = Batch::new();
        for (table, (set, elements)) in &parts {
            batch.remove_elements(table, set, elements);
        }
        match self.nft.commit(batch) {
            Err(error) if error.is_not_found() => {}
            other => return other.map_err(system),
        }
        // The transaction failed as a whole because of one missing element: one by one.
        for (table, (set, elements)) in &parts {
            let mut batch = Batch::new();
            batch.remove_elements(table, set, elements);
            fine_when_gone(self.nft.commit(batch))?;
        }
        Ok(())
    }

    /// Lets linked containers reach exactly these ports.
    pub(crate) fn set_links(&self, links: HashSet<LinkedPort>) -> Result<()> {
        let mut wanted = self.lock();
        if wanted.links == links {
            return Ok(());
        }
        let mut batch = Batch::new();
        let gone: Vec<_> = wanted.links.difference(&links).map(ports::linked).collect();
        let new: Vec<_> = links.difference(&wanted.links).map(ports::linked).collect();
        batch.remove_elements(&self.ipv4, layout::LINKS, &gone);
        batch.add_elements(&self.ipv4, layout::LINKS, &new);
        self.nft.commit(batch).map_err(system)?;
        wanted.links = links;
        Ok(())
    }

    /// Leads the host's ports to the endpoint's addresses.
    pub(crate) fn publish(&self, ports: &[BoundPort], endpoint: &EndpointState) -> Result<()> {
        if ports.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for table in self.tables(ports.iter().any(|port| port.host_ip.is_ipv6())) {
            for (set, elements) in elements(ports, &[], endpoint, table.family) {
                batch.add_elements(table, set, &elements);
            }
        }
        let mut wanted = self.lock();
        self.nft.commit(batch).map_err(system)?;
        wanted.add_ports(ports, endpoint);
        Ok(())
    }

    /// Ends what [`Firewall::publish`] did; fine when parts of it are gone.
    pub(crate) fn unpublish(&self, ports: &[BoundPort], endpoint: &EndpointState) -> Result<()> {
        if ports.is_empty() {
            return Ok(());
        }
        let mut wanted = self.lock();
        let others = wanted.remove_ports(ports, endpoint);
        match self.remove_elements(ports, &others, endpoint) {
            Err(error) if error.is_not_found() => {}
            other => return other.map_err(system),
        }
        // The transaction failed as a whole because of one missing element: one by one.
        for port in ports {
            fine_when_gone(self.remove_elements(std::slice::from_ref(port), &others, endpoint))?;
        }
        Ok(())
    }

    fn remove_elements(
        &self,
        ports: &[BoundPort],
        others: &[BoundPort],
        endpoint: &EndpointState,
    ) -> nft::Result<()> {
        let mut batch = Batch::new();
        for table in self.tables(ports.iter().any(|port| port.host_ip.is_ipv6())) {
            for (set, elements) in elements(ports, others, endpoint, table.family) {
                batch.remove_elements(table, set, &elements);
            }
        }
        self.nft.commit(batch)
    }

    /// Removes the tables and our rules in other tables; fine when they are gone.
    pub(crate) fn remove(&self) -> Result<()> {
        let mut wanted = self.lock();
        let last = Wanted {
            removed: true,
            ..Wanted::default()
        };
        let before = std::mem::replace(&mut *wanted, last);
        foreign::close(&self.nft, &self.ipv4).map_err(system)?;
        if before.others.by_firewalld {
            let bridges: Vec<&str> = before.segments.iter().map(|s| s.bridge.as_str()).collect();
            foreign::distrust(&bridges);
        }
        let mut batch = Batch::new();
        batch.remove_table(&self.ipv4);
        batch.remove_table(&self.ipv6);
        self.nft.commit(batch).map_err(system)
    }

    fn tables(&self, with_ipv6: bool) -> impl Iterator<Item = &Table> {
        let ipv6 = with_ipv6.then_some(&self.ipv6);
        std::iter::once(&self.ipv4).chain(ipv6)
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    fn add_ports(&mut self, ports: &[BoundPort], endpoint: &EndpointState) {
        let known = self
            .endpoints
            .entry(endpoint.endpoint_id.clone())
            .or_insert_with(|| EndpointState {
                ports: Vec::new(),
                ..endpoint.clone()
            });
        known.ports.extend_from_slice(ports);
    }

    /// Forgets the ports; returns those that the endpoint still has.
    fn remove_ports(&mut self, ports: &[BoundPort], endpoint: &EndpointState) -> Vec<BoundPort> {
        let gone: HashSet<&BoundPort> = ports.iter().collect();
        let Some(known) = self.endpoints.get_mut(&endpoint.endpoint_id) else {
            return Vec::new();
        };
        known.ports.retain(|port| !gone.contains(port));
        let others = known.ports.clone();
        if others.is_empty() {
            self.endpoints.remove(&endpoint.endpoint_id);
        }
        others
    }
}

fn add_elements_of(batch: &mut Batch, table: &Table, segment: &Segment) {
    for (set, elements) in layout::elements_of(segment, table.family) {
        batch.add_elements(table, set, &elements);
    }
}

fn fine_when_gone(result: nft::Result<()>) -> Result<()> {
    match result {
        Err(error) if !error.is_not_found() => Err(system(error)),
        _ => Ok(()),
    }
}

fn system(error: nft::Error) -> Error {
    Error::system("set the firewall up", error)
}
