//! Expressions: what rules are made of. Registers hold four bytes each here.

use gantry_sys::netlink::Attributes;

use crate::Family;
use crate::abi::{
    NFT_REG_VERDICT, NFT_REG32_00, NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_EXPR_DATA,
    NFTA_EXPR_NAME, NFTA_LIST_ELEM, NFTA_VERDICT_CHAIN, NFTA_VERDICT_CODE,
};

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the next hook.
    Accept,
    /// It is dropped.
    Drop,
    /// It goes back to the calling chain.
    Return,
    /// It goes through another chain and comes back.
    Jump(String),
    /// It goes through another chain and does not come back.
    Goto(String),
}

impl Verdict {
    pub(crate) fn write(&self, attributes: &mut Attributes<'_>) {
        let (code, chain): (i32, Option<&str>) = match self {
            Self::Drop => (0, None),
            Self::Accept => (1, None),
            Self::Jump(chain) => (-3, Some(chain)),
            Self::Goto(chain) => (-4, Some(chain)),
            Self::Return => (-5, None),
        };
        attributes.nested(NFTA_DATA_VERDICT, |nested| {
            nested.be32(NFTA_VERDICT_CODE, code as u32);
            if let Some(chain) = chain {
                nested.string(NFTA_VERDICT_CHAIN, chain);
            }
        });
    }
}

/// Connection states as bits (`ct state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CtState(pub u32);

impl CtState {
    /// Not to be tracked.
    pub const INVALID: Self = Self(1);
    /// Part of a connection that saw packets both ways.
    pub const ESTABLISHED: Self = Self(2);
    /// Belongs to another connection, as an ICMP error does.
    pub const RELATED: Self = Self(4);
    /// The first packet.
    pub const NEW: Self = Self(8);

    /// Either of the two.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Connection status as bits (`ct status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CtStatus(pub u32);

impl CtStatus {
    /// Its source was translated.
    pub const SNAT: Self = Self(0x10);
    /// Its destination was translated.
    pub const DNAT: Self = Self(0x20);
}

/// One step of a rule. `register` counts from 0 in units of four bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Loads a property of the packet ([`Expression::IIFNAME`] and its siblings).
    Meta {
        /// Which one.
        key: u32,
        /// Where to.
        register: u32,
    },
    /// Loads bytes of a header.
    Payload {
        /// 1: network header, 2: transport header.
        base: u32,
        /// From where.
        offset: u32,
        /// How many.
        length: u32,
        /// Where to.
        register: u32,
    },
    /// Loads a property of the connection.
    Ct {
        /// 0: state, 2: status.
        key: u32,
        /// Where to.
        register: u32,
    },
    /// Loads what kind of address the destination is (local, broadcast, ...).
    FibDestinationType {
        /// Where to.
        register: u32,
    },
    /// Masks a register in place.
    Mask {
        /// Which one.
        register: u32,
        /// The bits that stay.
        mask: Vec<u8>,
    },
    /// Goes on only if the register equals the value, or differs from it.
    Compare {
        /// Which one.
        register: u32,
        /// Go on when they are equal, else when they differ.
        equal: bool,
        /// The value.
        value: Vec<u8>,
    },
    /// Goes on only if the set holds the register's value, or does not hold it.
    InSet {
        /// Which register.
        register: u32,
        /// The set's name.
        set: String,
        /// Go on when it is in there, else when it is not.
        inside: bool,
    },
    /// Looks the register up in a map and loads the value; goes on only if there is one.
    Map {
        /// The key's register.
        register: u32,
        /// The map's name.
        map: String,
        /// The value's register; `None` takes the value as the verdict.
        into: Option<u32>,
    },
    /// Counts packets and bytes.
    Counter,
    /// Gives a verdict.
    Verdict(Verdict),
    /// Translates the destination to an address and a port in registers.
    Dnat {
        /// Of which family the address is.
        family: Family,
        /// The address's register.
        address: u32,
        /// The port's register; `None` leaves the port.
        port: Option<u32>,
    },
    /// Loads a value.
    Value {
        /// Where to.
        register: u32,
        /// Its bytes.
        value: Vec<u8>,
    },
    /// Sends a copy of the packet to the address in a register, by the interface whose index is in
    /// another one.
    Duplicate {
        /// The address's register.
        address: u32,
        /// The index's register.
        interface: u32,
    },
    /// Translates the source to the address in a register.
    Snat {
        /// The address's family.
        family: Family,
        /// The address's register.
        address: u32,
    },
    /// Translates the source to the address of the interface it leaves by.
    Masquerade,
}

impl Expression {
    /// [`Expression::Meta`]: the name of the interface it came in by.
    pub const IIFNAME: u32 = 6;
    /// [`Expression::Meta`]: the name of the interface it leaves by.
    pub const OIFNAME: u32 = 7;
    /// [`Expression::Meta`]: the transport protocol's number.
    pub const L4PROTO: u32 = 16;

    pub(crate) fn write(&self, attributes: &mut Attributes<'_>) {
        attributes.nested(NFTA_LIST_ELEM, |element| {
            element.string(NFTA_EXPR_NAME, self.name());
            element.nested(NFTA_EXPR_DATA, |data| self.write_data(data));
        });
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Meta { .. } => "meta",
            Self::Payload { .. } => "payload",
            Self::Ct { .. } => "ct",
            Self::FibDestinationType { .. } => "fib",
            Self::Mask { .. } => "bitwise",
            Self::Compare { .. } => "cmp",
            Self::InSet { .. } | Self::Map { .. } => "lookup",
            Self::Counter => "counter",
            Self::Verdict(_) | Self::Value { .. } => "immediate",
            Self::Duplicate { .. } => "dup",
            Self::Dnat { .. } | Self::Snat { .. } => "nat",
            Self::Masquerade => "masq",
        }
    }

    /// The attributes' numbers are those of the `nft_*_attributes` enum of each expression.
    fn write_data(&self, data: &mut Attributes<'_>) {
        match self {
            Self::Meta { key, register } | Self::Ct { key, register } => {
                data.be32(1, number(*register));
                data.be32(2, *key);
            }
            Self::Payload {
                base,
                offset,
                length,
                register,
            } => {
                data.be32(1, number(*register));
                data.be32(2, *base);
                data.be32(3, *offset);
                data.be32(4, *length);
            }
            Self::FibDestinationType { register } => {
                data.be32(1, number(*register));
                data.be32(2, 3); // NFT_FIB_RESULT_ADDRTYPE
                data.be32(3, 2); // NFTA_FIB_F_DADDR
            }
            Self::Mask { register, mask } => write_mask(data, *register, mask),
            Self::Compare {
                register,
                equal,
                value,
            } => {
                data.be32(1, number(*register));
                data.be32(2, u32::from(!equal));
                data.nested(3, |nested| nested.bytes(NFTA_DATA_VALUE, value));
            }
            Self::InSet {
                register,
                set,
                inside,
            } => {
                data.string(1, set);
                data.be32(2, number(*register));
                data.be32(5, u32::from(!inside));
            }
            Self::Map {
                register,
                map,
                into,
            } => {
                data.string(1, map);
                data.be32(2, number(*register));
                data.be32(3, into.map_or(NFT_REG_VERDICT, number));
            }
            Self::Verdict(verdict) => {
                data.be32(1, NFT_REG_VERDICT);
                data.nested(2, |nested| verdict.write(nested));
            }
            Self::Dnat {
                family,
                address,
                port,
            } => {
                data.be32(1, 1); // NFT_NAT_DNAT
                data.be32(2, u32::from(family.number()));
                data.be32(3, number(*address));
                if let Some(port) = port {
                    data.be32(5, number(*port));
                }
            }
            Self::Value { register, value } => {
                data.be32(1, number(*register));
                data.nested(2, |nested| nested.bytes(NFTA_DATA_VALUE, value));
            }
            Self::Duplicate { address, interface } => {
                data.be32(1, number(*address));
                data.be32(2, number(*interface));
            }
            Self::Snat { family, address } => {
                data.be32(1, 0); // NFT_NAT_SNAT
                data.be32(2, u32::from(family.number()));
                data.be32(3, number(*address));
            }
            Self::Counter | Self::Masquerade => {}
        }
    }
}

fn write_mask(data: &mut Attributes<'_>, register: u32, mask: &[u8]) {
    data.be32(1, number(register));
    data.be32(2, number(register));
    data.be32(3, mask.len() as u32);
    data.nested(4, |nested| nested.bytes(NFTA_DATA_VALUE, mask));
    data.nested(5, |nested| {
        nested.bytes(NFTA_DATA_VALUE, &vec![0; mask.len()]);
    });
}

fn number(register: u32) -> u32 {
    NFT_REG32_00 + register
}
