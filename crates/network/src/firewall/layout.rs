//! The table's chains, sets and rules, the same for both families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gantry_nft::{
    Batch, Chain, ChainType, CtState, CtStatus, DataType, Element, Family, Hook, Rule, Set, Table,
    Verdict, ifname,
};

use super::gate::Gate;
use super::segment::{Leaves, Segment};
use crate::options::GatewayMode;

/// Protocol and port of any host address → container's address and port.
pub(super) const PORTS: &str = "ports";
/// Host address, protocol and port → container's address and port.
pub(super) const ADDRESS_PORTS: &str = "address-ports";
/// Container's address, protocol and port that everybody may reach (`gateway_mode` routed).
pub(super) const OPEN_PORTS: &str = "open-ports";
/// Container's address, protocol and port that trusted interfaces may reach.
pub(super) const DIRECT_PORTS: &str = "direct-ports";
/// Linked container, the other's address, protocol and port that it may reach.
pub(super) const LINKS: &str = "links";
/// Our bridges' names.
const BRIDGES: &str = "bridges";
/// Our bridges without a way out.
const INTERNAL: &str = "internal-bridges";
/// The subnets whose packets leave under the host's address.
const SUBNETS: &str = "subnets";
/// Subnet → the host's address under which its packets leave.
const SOURCES: &str = "sources";
/// Our bridges all of whose ports may be reached by who has a route (`nat-unprotected`).
const UNPROTECTED: &str = "unprotected-bridges";
/// Our bridges whose containers are reached by their own addresses.
const ROUTED: &str = "routed-bridges";
/// From which interface of the host to which bridge packets may go to `direct-ports`.
const TRUSTED: &str = "trusted-interfaces";
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

/// After everybody's INPUT chains, and before connection tracking takes note of the packet
/// (`NF_IP_PRI_CONNTRACK_CONFIRM`, the highest number).
const LATE: i32 = 1_000_000;

const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 0);

/// What the configuration says of all networks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// What the host's INPUT chains let in goes through it.
    pub(crate) gate: Option<Gate>,
    /// Whether published ports are reached at containers' own addresses too.
    pub(crate) direct: bool,
}

/// Adds the whole table but for networks and published ports.
pub(super) fn add(batch: &mut Batch, table: &Table, shape: &Shape) {
    batch.add_table(table);
    add_sets(batch, table);
    if table.family == Family::Ip {
        // The kernel itself drops what is for ::1 and did not enter on lo.
        add_loopback_guard(batch, table);
    }
    add_port_translation(batch, table, shape.gate.as_ref());
    if let Some(gate) = &shape.gate {
        add_gate(batch, table, gate);
    }
    add_masquerading(batch, table);
    add_forwarding(batch, table, shape.direct);
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
    for own in [OPEN_PORTS, DIRECT_PORTS] {
        batch.add_set(table, &Set::new(own, &[address, Protocol, Port]));
    }
    if table.family == Family::Ip {
        let way = [address, address, Protocol, Port];
        batch.add_set(table, &Set::new(LINKS, &way));
    }
    for bridges in [BRIDGES, INTERNAL, UNPROTECTED, ROUTED] {
        batch.add_set(table, &Set::new(bridges, &[InterfaceName]));
    }
    batch.add_set(table, &Set::new(TRUSTED, &[InterfaceName, InterfaceName]));
    let sources = Set::new(SOURCES, &[address]).to(&[address]).intervals();
    batch.add_set(table, &sources);
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
    let Some(side) = segment.side(family) else {
        return elements;
    };
    match side.gateway {
        GatewayMode::Unprotected => elements.push((UNPROTECTED, vec![Element::new(name)])),
        GatewayMode::Routed => elements.push((ROUTED, vec![Element::new(name)])),
        GatewayMode::Nat | GatewayMode::Isolated => {}
    }
    let trusted = segment.trusted.iter();
    let trusted = trusted.map(|from| Element::joined(&[&ifname(from), &name]));
    elements.push((TRUSTED, trusted.collect()));
    let (first, last) = (
        side.subnet.at(side.subnet.first()),
        side.subnet.at(side.subnet.last()),
    );
    if side.leaves != Leaves::AsTheyAre {
        elements.push((SUBNETS, Element::address_range(first, last)));
    }
    if let Leaves::As(source) = side.leaves {
        elements.push((SOURCES, Element::mapped_range(first, last, source)));
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

fn add_port_translation(batch: &mut Batch, table: &Table, gate: Option<&Gate>) {
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
        let mut local = rule().to_this_host();
        if table.family == Family::Ip6 {
            // The kernel lets nothing with this source out: the monitors' relays answer there.
            local = local.destination_not(IpAddr::V6(Ipv6Addr::LOCALHOST));
        }
        if let (Some(gate), Hook::Prerouting) = (gate, hook) {
            local = local.iif(&gate.far);
        }
        batch.add_rule(table, chain, &local.jump(publish));
    }
}

/// The last look at what the host's INPUT chains let in; see [`Gate`].
fn add_gate(batch: &mut Batch, table: &Table, gate: &Gate) {
    let chain = "admit";
    batch.add_chain(
        table,
        &Chain::base(chain, ChainType::Filter, Hook::Input, LATE),
    );
    let first = || {
        Rule::of(table.family)
            .iif_not(&gate.far)
            .ct_state(CtState::NEW)
    };
    for admitted in [
        first().destination_is_key_of(ADDRESS_PORTS),
        first().port_is_key_of(PORTS),
    ] {
        let target = Gate::target(table.family);
        let rule = admitted.duplicate(target, gate.near).drop();
        batch.add_rule(table, chain, &rule);
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
    let outgoing = || rule().source_in(SUBNETS).oif_not_in(BRIDGES).oif_not("lo");
    let hairpin = rule()
        .source_in(SUBNETS)
        .oif_in(BRIDGES)
        .ct_status(CtStatus::DNAT)
        .masquerade();
    // A source that is not in the map ends the rule, and the next one is tried.
    batch.add_rule(table, chain, &outgoing().snat_by_source(SOURCES));
    batch.add_rule(table, chain, &outgoing().masquerade());
    batch.add_rule(table, chain, &hairpin);
    if table.family == Family::Ip {
        let from_loopback = rule()
            .source_within(LOOPBACK, 8)
            .oif_in(BRIDGES)
            .masquerade();
        batch.add_rule(table, chain, &from_loopback);
    }
}

fn add_forwarding(batch: &mut Batch, table: &Table, direct: bool) {
    let chain = "forward";
    batch.add_chain(
        table,
        &Chain::base(chain, ChainType::Filter, Hook::Forward, FILTER),
    );
    let running = CtState::ESTABLISHED.or(CtState::RELATED);
    let rule = || Rule::of(table.family);
    let icmp = if table.family == Family::Ip6 { 58 } else { 1 };
    let from_trusted = if direct {
        rule().oif_in(BRIDGES)
    } else {
        rule().interface_pair_in(TRUSTED)
    };
    batch.add_rule(table, chain, &rule().ct_state(running).accept());
    if table.family == Family::Ip {
        batch.add_rule(table, chain, &rule().ipv4_way_in(LINKS).accept());
    }
    let rules = [
        rule().interface_pair_verdict(PAIRS),
        rule().iif_in(INTERNAL).drop(),
        rule().oif_in(INTERNAL).drop(),
        rule().oif_in(BRIDGES).ct_status(CtStatus::DNAT).accept(),
        rule().oif_in(BRIDGES).destination_in(OPEN_PORTS).accept(),
        rule().oif_in(ROUTED).protocol(icmp).accept(),
        rule().oif_in(UNPROTECTED).accept(),
        from_trusted.destination_in(DIRECT_PORTS).accept(),
        rule().oif_in(BRIDGES).drop(),
    ];
    for rule in &rules {
        batch.add_rule(table, chain, rule);
    }
}
