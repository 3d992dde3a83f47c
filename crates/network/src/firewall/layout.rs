//! The table's chains, sets and rules.

use std::net::Ipv4Addr;

use gantry_nft::{
    Batch, Chain, ChainType, CtState, CtStatus, DataType, Element, Hook, Rule, Set, Table, Verdict,
    ifname,
};

use crate::address::Cidr;

/// Protocol and port of any host address → container's address and port.
pub(super) const PORTS: &str = "ports";
/// Host address, protocol and port → container's address and port.
pub(super) const ADDRESS_PORTS: &str = "address-ports";
/// Our bridges' names.
const BRIDGES: &str = "bridges";
/// Our networks' subnets.
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

/// Adds the whole table but for published ports.
pub(super) fn add(batch: &mut Batch, table: &Table, bridge: &str, subnet: Cidr) {
    batch.add_table(table);
    add_sets(batch, table);
    add_network(batch, table, bridge, subnet);
    add_loopback_guard(batch, table);
    add_port_translation(batch, table);
    add_masquerading(batch, table);
    add_forwarding(batch, table);
}

fn add_sets(batch: &mut Batch, table: &Table) {
    use DataType::{InterfaceName, Ipv4Address, Port, Protocol};
    let target = [Ipv4Address, Port];
    batch.add_set(table, &Set::new(PORTS, &[Protocol, Port]).to(&target));
    batch.add_set(
        table,
        &Set::new(ADDRESS_PORTS, &[Ipv4Address, Protocol, Port]).to(&target),
    );
    batch.add_set(table, &Set::new(BRIDGES, &[InterfaceName]));
    batch.add_set(table, &Set::new(SUBNETS, &[Ipv4Address]).intervals());
    batch.add_set(
        table,
        &Set::new(PAIRS, &[InterfaceName, InterfaceName]).to_verdicts(),
    );
}

fn add_network(batch: &mut Batch, table: &Table, bridge: &str, subnet: Cidr) {
    let name = ifname(bridge);
    batch.add_elements(table, BRIDGES, &[Element::new(name)]);
    let (first, last) = (
        Ipv4Addr::from(subnet.first()),
        Ipv4Addr::from(subnet.last()),
    );
    batch.add_elements(table, SUBNETS, &Element::address_range(first, last));
    let within = Element::joined(&[&name, &name]).verdict(Verdict::Accept);
    batch.add_elements(table, PAIRS, &[within]);
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
    batch.add_chain(table, &Chain::regular(publish));
    batch.add_rule(
        table,
        publish,
        &Rule::new().dnat_by_address_and_port(ADDRESS_PORTS),
    );
    batch.add_rule(table, publish, &Rule::new().dnat_by_port(PORTS));
    for (chain, hook) in [("prerouting", Hook::Prerouting), ("output", Hook::Output)] {
        batch.add_chain(
            table,
            &Chain::base(chain, ChainType::Nat, hook, DESTINATION_NAT),
        );
        batch.add_rule(table, chain, &Rule::new().to_this_host().jump(publish));
    }
}

/// Whoever must answer to us and would not: outside hosts do not know our subnets; a container
/// would answer a neighbour directly, or send what is for 127/8 to itself.
fn add_masquerading(batch: &mut Batch, table: &Table) {
    let chain = "postrouting";
    batch.add_chain(
        table,
        &Chain::base(chain, ChainType::Nat, Hook::Postrouting, SOURCE_NAT),
    );
    let outgoing = Rule::new()
        .source_in(SUBNETS)
        .oif_not_in(BRIDGES)
        .masquerade();
    let hairpin = Rule::new()
        .source_in(SUBNETS)
        .oif_in(BRIDGES)
        .ct_status(CtStatus::DNAT)
        .masquerade();
    let from_loopback = Rule::new()
        .source_within(LOOPBACK, 8)
        .oif_in(BRIDGES)
        .masquerade();
    for rule in [outgoing, hairpin, from_loopback] {
        batch.add_rule(table, chain, &rule);
    }
}

fn add_forwarding(batch: &mut Batch, table: &Table) {
    let chain = "forward";
    batch.add_chain(
        table,
        &Chain::base(chain, ChainType::Filter, Hook::Forward, FILTER),
    );
    let running = CtState::ESTABLISHED.or(CtState::RELATED);
    batch.add_rule(table, chain, &Rule::new().ct_state(running).accept());
    batch.add_rule(table, chain, &Rule::new().interface_pair_verdict(PAIRS));
    batch.add_rule(
        table,
        chain,
        &Rule::new()
            .oif_in(BRIDGES)
            .ct_status(CtStatus::DNAT)
            .accept(),
    );
    batch.add_rule(table, chain, &Rule::new().oif_in(BRIDGES).drop());
}
