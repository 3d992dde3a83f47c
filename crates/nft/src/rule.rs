//! Rules, built in the order in which nft prints them.

use std::net::IpAddr;

use gantry_sys::netlink::Attributes;

use crate::Family;
use crate::abi::{NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS, NFTA_RULE_TABLE, NFTA_RULE_USERDATA};
use crate::expression::{CtState, CtStatus, Expression, Verdict};
use crate::set::ifname;
use crate::userdata;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const CT_STATE: u32 = 0;
const CT_STATUS: u32 = 2;
/// `RTN_LOCAL`: one of this host's own addresses.
const LOCAL: u32 = 2;

/// A rule: matches from left to right, then what to do.
#[derive(Debug, Clone)]
pub struct Rule {
    family: Family,
    expressions: Vec<Expression>,
    comment: Option<String>,
}

impl Default for Rule {
    fn default() -> Self {
        Self::of(Family::Ip)
    }
}

impl Rule {
    /// A rule that matches everything and does nothing yet; its addresses are of IPv4.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with the addresses of a family, [`Family::Ip`] or [`Family::Ip6`].
    pub fn of(family: Family) -> Self {
        Self {
            family,
            expressions: Vec::new(),
            comment: None,
        }
    }

    /// Adds any expression.
    #[must_use]
    pub fn with(mut self, expression: Expression) -> Self {
        self.expressions.push(expression);
        self
    }

    /// `iifname NAME`
    #[must_use]
    pub fn iif(self, name: &str) -> Self {
        self.interface(Expression::IIFNAME, name, true)
    }

    /// `iifname != NAME`
    #[must_use]
    pub fn iif_not(self, name: &str) -> Self {
        self.interface(Expression::IIFNAME, name, false)
    }

    /// `oifname NAME`
    #[must_use]
    pub fn oif(self, name: &str) -> Self {
        self.interface(Expression::OIFNAME, name, true)
    }

    /// `oifname != NAME`
    #[must_use]
    pub fn oif_not(self, name: &str) -> Self {
        self.interface(Expression::OIFNAME, name, false)
    }

    /// `iifname @SET`
    #[must_use]
    pub fn iif_in(self, set: &str) -> Self {
        self.interface_in(Expression::IIFNAME, set, true)
    }

    /// `oifname @SET`
    #[must_use]
    pub fn oif_in(self, set: &str) -> Self {
        self.interface_in(Expression::OIFNAME, set, true)
    }

    /// `oifname != @SET`
    #[must_use]
    pub fn oif_not_in(self, set: &str) -> Self {
        self.interface_in(Expression::OIFNAME, set, false)
    }

    /// `iifname . oifname @SET`
    #[must_use]
    pub fn interface_pair_in(self, set: &str) -> Self {
        self.interface_pair().with(Expression::InSet {
            register: 0,
            set: set.to_owned(),
            inside: true,
        })
    }

    fn interface_pair(self) -> Self {
        self.with(Expression::Meta {
            key: Expression::IIFNAME,
            register: 0,
        })
        .with(Expression::Meta {
            key: Expression::OIFNAME,
            register: 4,
        })
    }

    /// `iifname . oifname vmap @MAP`
    #[must_use]
    pub fn interface_pair_verdict(self, map: &str) -> Self {
        self.interface_pair().with(Expression::Map {
            register: 0,
            map: map.to_owned(),
            into: None,
        })
    }

    fn interface(self, key: u32, name: &str, equal: bool) -> Self {
        let value = ifname(name).to_vec();
        self.with(Expression::Meta { key, register: 0 })
            .with(Expression::Compare {
                register: 0,
                equal,
                value,
            })
    }

    fn interface_in(self, key: u32, set: &str, inside: bool) -> Self {
        self.with(Expression::Meta { key, register: 0 })
            .with(Expression::InSet {
                register: 0,
                set: set.to_owned(),
                inside,
            })
    }

    /// `ip saddr @SET`
    #[must_use]
    pub fn source_in(self, set: &str) -> Self {
        let source = self.source();
        self.with(source).with(Expression::InSet {
            register: 0,
            set: set.to_owned(),
            inside: true,
        })
    }

    /// `ip saddr ADDRESS/PREFIX`
    #[must_use]
    pub fn source_within(self, address: impl Into<IpAddr>, prefix: u8) -> Self {
        let source = self.source();
        self.within(source, address.into(), prefix)
    }

    /// `ip daddr ADDRESS/PREFIX`
    #[must_use]
    pub fn destination_within(self, address: impl Into<IpAddr>, prefix: u8) -> Self {
        let destination = self.destination();
        self.within(destination, address.into(), prefix)
    }

    fn within(self, load: Expression, address: IpAddr, prefix: u8) -> Self {
        let mut value = octets(address);
        let mut mask = vec![0; value.len()];
        for (index, (mask, value)) in mask.iter_mut().zip(&mut value).enumerate() {
            let bits = usize::from(prefix).saturating_sub(8 * index).min(8);
            *mask = !(0xff_u16 >> bits) as u8;
            *value &= *mask;
        }
        self.with(load)
            .with(Expression::Mask { register: 0, mask })
            .with(Expression::Compare {
                register: 0,
                equal: true,
                value,
            })
    }

    /// `ip daddr != ADDRESS`
    #[must_use]
    pub fn destination_not(self, address: impl Into<IpAddr>) -> Self {
        let destination = self.destination();
        self.with(destination).with(Expression::Compare {
            register: 0,
            equal: false,
            value: octets(address.into()),
        })
    }

    /// `meta l4proto PROTOCOL`
    #[must_use]
    pub fn protocol(self, protocol: u8) -> Self {
        self.with(Expression::Meta {
            key: Expression::L4PROTO,
            register: 0,
        })
        .with(Expression::Compare {
            register: 0,
            equal: true,
            value: vec![protocol],
        })
    }

    /// `ip daddr . meta l4proto . th dport @SET`
    #[must_use]
    pub fn destination_in(self, set: &str) -> Self {
        self.destination_and_port().with(Expression::InSet {
            register: 0,
            set: set.to_owned(),
            inside: true,
        })
    }

    fn destination_and_port(self) -> Self {
        let destination = self.destination();
        let width = self.address_registers();
        self.with(destination)
            .with(Expression::Meta {
                key: Expression::L4PROTO,
                register: width,
            })
            .with(destination_port(width + 1))
    }

    /// `ip saddr . ip daddr . meta l4proto . th dport @SET`, of IPv4
    #[must_use]
    pub fn ipv4_way_in(self, set: &str) -> Self {
        self.with(network_header_at(12, 4, 0))
            .with(network_header_at(16, 4, 1))
            .with(Expression::Meta {
                key: Expression::L4PROTO,
                register: 2,
            })
            .with(destination_port(3))
            .with(Expression::InSet {
                register: 0,
                set: set.to_owned(),
                inside: true,
            })
    }

    /// `ct state BITS`
    #[must_use]
    pub fn ct_state(self, state: CtState) -> Self {
        self.ct_bits(CT_STATE, state.0)
    }

    /// `ct status BITS`
    #[must_use]
    pub fn ct_status(self, status: CtStatus) -> Self {
        self.ct_bits(CT_STATUS, status.0)
    }

    fn ct_bits(self, key: u32, bits: u32) -> Self {
        self.with(Expression::Ct { key, register: 0 })
            .with(Expression::Mask {
                register: 0,
                mask: bits.to_ne_bytes().to_vec(),
            })
            .with(Expression::Compare {
                register: 0,
                equal: false,
                value: vec![0; 4],
            })
    }

    /// `fib daddr type local`
    #[must_use]
    pub fn to_this_host(self) -> Self {
        self.with(Expression::FibDestinationType { register: 0 })
            .with(Expression::Compare {
                register: 0,
                equal: true,
                value: LOCAL.to_ne_bytes().to_vec(),
            })
    }

    /// `dnat ip to meta l4proto . th dport map @MAP`
    #[must_use]
    pub fn dnat_by_port(self, map: &str) -> Self {
        self.with(Expression::Meta {
            key: Expression::L4PROTO,
            register: 0,
        })
        .with(destination_port(1))
        .dnat_from_map(map)
    }

    /// `dnat ip to ip daddr . meta l4proto . th dport map @MAP`
    #[must_use]
    pub fn dnat_by_address_and_port(self, map: &str) -> Self {
        self.destination_and_port().dnat_from_map(map)
    }

    /// `snat ip to ip saddr map @MAP`
    #[must_use]
    pub fn snat_by_source(self, map: &str) -> Self {
        let (source, family) = (self.source(), self.family);
        self.with(source)
            .with(Expression::Map {
                register: 0,
                map: map.to_owned(),
                into: Some(0),
            })
            .with(Expression::Snat { family, address: 0 })
    }

    /// The value replaces the key in the registers: the address first, then the port.
    fn dnat_from_map(self, map: &str) -> Self {
        let (family, width) = (self.family, self.address_registers());
        self.with(Expression::Map {
            register: 0,
            map: map.to_owned(),
            into: Some(0),
        })
        .with(Expression::Dnat {
            family,
            address: 0,
            port: Some(width),
        })
    }

    /// How many registers of four bytes an address takes.
    fn address_registers(&self) -> u32 {
        if self.family == Family::Ip6 { 4 } else { 1 }
    }

    fn source(&self) -> Expression {
        let (offset, length) = match self.family {
            Family::Ip6 => (8, 16),
            _ => (12, 4),
        };
        network_header(offset, length)
    }

    fn destination(&self) -> Expression {
        let (offset, length) = match self.family {
            Family::Ip6 => (24, 16),
            _ => (16, 4),
        };
        network_header(offset, length)
    }

    /// `meta l4proto . th dport` is a key of the map; its value does not matter.
    #[must_use]
    pub fn port_is_key_of(self, map: &str) -> Self {
        self.with(Expression::Meta {
            key: Expression::L4PROTO,
            register: 0,
        })
        .with(destination_port(1))
        .with(is_key_of(map))
    }

    /// `ip daddr . meta l4proto . th dport` is a key of the map; its value does not matter.
    #[must_use]
    pub fn destination_is_key_of(self, map: &str) -> Self {
        self.destination_and_port().with(is_key_of(map))
    }

    /// `dup to ADDRESS device INTERFACE`
    #[must_use]
    pub fn duplicate(self, to: impl Into<IpAddr>, interface: u32) -> Self {
        let width = self.address_registers();
        self.with(Expression::Value {
            register: 0,
            value: octets(to.into()),
        })
        .with(Expression::Value {
            register: width,
            value: interface.to_ne_bytes().to_vec(),
        })
        .with(Expression::Duplicate {
            address: 0,
            interface: width,
        })
    }

    /// `counter`
    #[must_use]
    pub fn counter(self) -> Self {
        self.with(Expression::Counter)
    }

    /// `masquerade`
    #[must_use]
    pub fn masquerade(self) -> Self {
        self.with(Expression::Masquerade)
    }

    /// `accept`
    #[must_use]
    pub fn accept(self) -> Self {
        self.with(Expression::Verdict(Verdict::Accept))
    }

    /// `drop`
    #[must_use]
    pub fn drop(self) -> Self {
        self.with(Expression::Verdict(Verdict::Drop))
    }

    /// `jump CHAIN`
    #[must_use]
    pub fn jump(self, chain: &str) -> Self {
        self.with(Expression::Verdict(Verdict::Jump(chain.to_owned())))
    }

    /// `comment "TEXT"`
    #[must_use]
    pub fn comment(mut self, text: &str) -> Self {
        self.comment = Some(text.to_owned());
        self
    }

    pub(crate) fn write(&self, table: &str, chain: &str, attributes: &mut Attributes<'_>) {
        attributes.string(NFTA_RULE_TABLE, table);
        attributes.string(NFTA_RULE_CHAIN, chain);
        attributes.nested(NFTA_RULE_EXPRESSIONS, |nested| {
            for expression in &self.expressions {
                expression.write(nested);
            }
        });
        if let Some(comment) = &self.comment {
            attributes.bytes(NFTA_RULE_USERDATA, &userdata::comment(comment));
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A map is asked for a value, for the kernel takes no map for a set; it lands where no key is.
fn is_key_of(map: &str) -> Expression {
    Expression::Map {
        register: 0,
        map: map.to_owned(),
        into: Some(8),
    }
}

fn network_header(offset: u32, length: u32) -> Expression {
    network_header_at(offset, length, 0)
}

fn network_header_at(offset: u32, length: u32, register: u32) -> Expression {
    Expression::Payload {
        base: NETWORK_HEADER,
        offset,
        length,
        register,
    }
}

fn destination_port(register: u32) -> Expression {
    Expression::Payload {
        base: TRANSPORT_HEADER,
        offset: 2,
        length: 2,
        register,
    }
}
