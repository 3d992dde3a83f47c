//! Rules, built in the order in which nft prints them.

use std::net::Ipv4Addr;

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
#[derive(Debug, Clone, Default)]
pub struct Rule {
    expressions: Vec<Expression>,
    comment: Option<String>,
}

impl Rule {
    /// A rule that matches everything and does nothing yet.
    pub fn new() -> Self {
        Self::default()
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

    /// `iifname . oifname vmap @MAP`
    #[must_use]
    pub fn interface_pair_verdict(self, map: &str) -> Self {
        self.with(Expression::Meta {
            key: Expression::IIFNAME,
            register: 0,
        })
        .with(Expression::Meta {
            key: Expression::OIFNAME,
            register: 4,
        })
        .with(Expression::Map {
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
        self.with(source(0)).with(Expression::InSet {
            register: 0,
            set: set.to_owned(),
            inside: true,
        })
    }

    /// `ip saddr ADDRESS/PREFIX`
    #[must_use]
    pub fn source_within(self, address: Ipv4Addr, prefix: u8) -> Self {
        self.within(source(0), address, prefix)
    }

    /// `ip daddr ADDRESS/PREFIX`
    #[must_use]
    pub fn destination_within(self, address: Ipv4Addr, prefix: u8) -> Self {
        self.within(destination(0), address, prefix)
    }

    fn within(self, load: Expression, address: Ipv4Addr, prefix: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        let value = (u32::from(address) & mask).to_be_bytes().to_vec();
        self.with(load)
            .with(Expression::Mask {
                register: 0,
                mask: mask.to_be_bytes().to_vec(),
            })
            .with(Expression::Compare {
                register: 0,
                equal: true,
                value,
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
        self.with(destination(0))
            .with(Expression::Meta {
                key: Expression::L4PROTO,
                register: 1,
            })
            .with(destination_port(2))
            .dnat_from_map(map)
    }

    /// The value replaces the key in the registers: the address first, then the port.
    fn dnat_from_map(self, map: &str) -> Self {
        self.with(Expression::Map {
            register: 0,
            map: map.to_owned(),
            into: Some(0),
        })
        .with(Expression::Dnat {
            family: Family::Ip,
            address: 0,
            port: Some(1),
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

fn source(register: u32) -> Expression {
    Expression::Payload {
        base: NETWORK_HEADER,
        offset: 12,
        length: 4,
        register,
    }
}

fn destination(register: u32) -> Expression {
    Expression::Payload {
        base: NETWORK_HEADER,
        offset: 16,
        length: 4,
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
