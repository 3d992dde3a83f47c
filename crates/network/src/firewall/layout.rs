//! The table's chains, sets and rules, the same for both families.

use std::net::Ipv4Addr;

use gantry_nft::{
    Batch, Chain, ChainType, CtState, CtStatus, DataType, Element, Family, Hook, Rule, Set, Table,
    Verdict, ifname,
};

use super::Segment;

/// Protocol and port of any host address → container's address and port.
pub(super) const PORTS: &str = "ports";
/// Host address, protocol and port → container's address and port.
pub(super) const ADDRESS_PORTS: &str = "address-ports";
/// Our bridges' names.
const BRIDGES: &str = "bridges";
/// Our bridges without a way out.
const INTERNAL: &str = "internal-bridges";
/// The subnets whose packets leave under the host's address.
const SUBNETS: &str = "subnets";
/// From which bridge to which packets may go freely.
const PAIRS: &str = "bridge-pairs";

/// Before connection tracking (`NF_IP_PRI_RAW`).
const RAW: i32 = -300;
/// `NF_IP_PRI_NAT_DST`
const DESTINATION_NAT: i32 = -100;
/// `NF_IP_PRI_FILTER`
const FILTER: i32 = 0;
/// `NF_IP_PRI_NAT_SRC`
const SOURCE_NAT: i32 = 100;

const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 0);

/// Adds the whole table but for networks and published ports.
pub(super) fn add(batch: &mut Batch, table: &Table) {
    batch.add_table(table);
    add_sets(batch, table);
    if table.family == Family::Ip {
        // The kernel itself drops what is for ::1 and did not enter on lo.
        add_loopback_guard(batch, table);
    }
    add_port_translation(batch, table);
    add_masquerading(batch, table);
    add_forwarding(batch, table);
}

fn add_sets(batch: &mut Batch, table: &Table) {
    use DataType::{InterfaceName, Ipv4Address, Ipv6Address, Port, Protocol};
    let address = if table.family == Family::Ip {
        Ipv4Address
    } else {
        Ipv6Address
    };
    let target = [address, Port];
    batch.add_set(table, &Set::new(PORTS, &[Protocol, Port]).to(&target));
    batch.add_set(
        table,
        &Set::new(ADDRESS_PORTS, &[address, Protocol, Port]).to(&target),
    );
    batch.add_set(table, &Set::new(BRIDGES, &[InterfaceName]));
    batch.add_set(table, &Set::new(INTERNAL, &[InterfaceName]));
    batch.add_set(table, &Set::new(SUBNETS, &[address]).intervals());
    batch.add_set(
        table,
        &Set::new(PAIRS, &[InterfaceName, InterfaceName]).to_verdicts(),
    );
}

/// A network's elements, set by set.
pub(super) fn elements_of(segment: &Segment, family: Family) -> Vec<(&'static str, Vec<Element>)> {
    let name = ifname(&segment.bridge);
    let mut elements = vec![(BRIDGES, vec![Element::new(name)])];
    if segment.internal {
        elements.push((INTERNAL, vec![Element::new(name)]));
    }
    if segment.icc {
        let within = Element::joined(&[&name, &name]).verdict(Verdict::Accept);
        elements.push((PAIRS, vec![within]));
    }
    let own = segment
        .subnets
        .iter()
        .find(|subnet| subnet.is_ipv4() == (family == Family::Ip));
    if let Some(subnet) = own.filter(|_| segment.masquerade && !segment.internal) {
        let (first, last) = (subnet.at(subnet.first()), subnet.at(subnet.last()));
        elements.push((SUBNETS, Element::address_range(first, last)));
    }
    elements
}

/// `route_localnet` on a bridge lets packets to and from 127/8 in: none of them may come from
/// outside, for programs trust who speaks to them there.
fn add_loopback_guard(batch: &mut Batch, table: &Table) {
    let chain = "loopback-guard";
    batch.add_chain(
        table,
        &Chain::base(chain, ChainType::Filter, Hook::Prerouting, RAW),
    );
    batch.add_rule(
        table,
        chain,
        &Rule::new()
            .iif_not("lo")
            .destination_within(LOOPBACK, 8)
            .drop(),
    );
    batch.add_rule(
        table,
        chain,
        &Rule::new().iif_not("lo").source_within(LOOPBACK, 8).drop(),
    );
}

fn add_port_translation(batch: &mut Batch, table: &Table) {
    let publish = "publish";
    let rule = || Rule::of(table.family);
    batch.add_chain(table, &Chain::regular(publish));
    batch.add_rule(
        table,
        publish,
        &rule().dnat_by_address_and_port(ADDRESS_PORTS),
    );
    batch.add_rule(table, publish, &rule().dnat_by_port(PORTS));
    for (chain, hook) in [("prerouting", Hook::Prerouting), ("output", Hook::Output)] {
        batch.add_chain(
            table,
            &Chain::base(chain, ChainType::Nat, hook, DESTINATION_NAT),
        );
        batch.add_rule(table, chain, &rule().to_this_host().jump(publish));
    }
}

/// Whoever must answer to us and would not: outside hosts do not know our subnets; a container
/// would answer a neighbour directly, or send what is for 127/8 to itself.
fn add_masquerading(batch: &mut Batch, table: &Table) {
    let chain = "postrouting";
    let rule = || Rule::of(table.family);
    batch.add_chain(
        table,
        &Chain::base(chain, ChainType::Nat, Hook::Postrouting, SOURCE_NAT),
    );
    // The host's own packets to itself by a bridge's address stay as they are: a server would
    // answer to the address that it sees, from another one than it was asked at.
    let outgoing = rule()
        .source_in(SUBNETS)
        .oif_not_in(BRIDGES)
        .oif_not("lo")
        .masquerade();
    let hairpin = rule()
        .source_in(SUBNETS)
        .oif_in(BRIDGES)
        .ct_status(CtStatus::DNAT)
        .masquerade();
    batch.add_rule(table, chain, &outgoing);
    batch.add_rule(table, chain, &hairpin);
    if table.family == Family::Ip {
        let from_loopback = rule()
            .source_within(LOOPBACK, 8)
            .oif_in(BRIDGES)
            .masquerade();
        batch.add_rule(table, chain, &from_loopback);
    }
}

fn add_forwarding(batch: &mut Batch, table: &Table) {
    let chain = "forward";
    batch.add_chain(
        table,
        &Chain::base(chain, ChainType::Filter, Hook::Forward, FILTER),
    );
    let running = CtState::ESTABLISHED.or(CtState::RELATED);
    let rules = [
        Rule::new().ct_state(running).accept(),
        Rule::new().interface_pair_verdict(PAIRS),
        Rule::new().iif_in(INTERNAL).drop(),
        Rule::new()
            .oif_in(BRIDGES)
            .ct_status(CtStatus::DNAT)
            .accept(),
        Rule::new().oif_in(BRIDGES).drop(),
    ];
    for rule in &rules {
        batch.add_rule(table, chain, rule);
    }
}
