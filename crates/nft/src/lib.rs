//! nf_tables over netlink: typed tables, chains, sets, maps and rules; one batch, one transaction.
//!
//! A [`Batch`] collects changes; [`Connection::commit`] gives them to the kernel, which applies
//! all of them or none. What is refused is named in the [`Error`]: the object, not a message
//! number. The [`Connection`] also lists what is there.
//!
//! A [`Rule`] is built from left to right as `nft` prints it: each call adds the expressions of
//! one match or of the verdict. Sets and maps are described by their fields ([`DataType`]), so
//! that `nft list ruleset` shows an administrator readable addresses and ports.
//!
//! The crate knows nothing of containers or networks. It follows the kernel's
//! `include/uapi/linux/netfilter/nf_tables.h` and needs no nft program.
#![forbid(unsafe_code)]

mod abi;
mod batch;
mod chain;
mod connection;
mod error;
mod expression;
mod list;
mod rule;
mod set;
mod userdata;
mod watch;

pub use batch::Batch;
pub use chain::{Chain, ChainType, Hook, Policy};
pub use connection::Connection;
pub use error::{Error, Result};
pub use expression::{CtState, CtStatus, Expression, Verdict};
pub use list::{ListedChain, ListedRule};
pub use rule::Rule;
pub use set::{DataType, Element, Set, ifname};
pub use watch::Watch;

/// The address family of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 and IPv6 together.
    Inet,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Bridged frames.
    Bridge,
}

impl Family {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Ip => 2,
            Self::Bridge => 7,
            Self::Ip6 => 10,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::Inet, Self::Ip, Self::Ip6, Self::Bridge]
            .into_iter()
            .find(|family| family.number() == number)
    }

    fn keyword(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Bridge => "bridge",
        }
    }
}

/// A table: a family and a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// Which packets it sees.
    pub family: Family,
    /// Its name.
    pub name: String,
}

impl Table {
    /// A table by family and name.
    pub fn new(family: Family, name: impl Into<String>) -> Self {
        Self {
            family,
            name: name.into(),
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "table {} {}", self.family.keyword(), self.name)
    }
}
