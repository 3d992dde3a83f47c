//! Chains: base chains at a hook, and regular ones that are jumped to.

use gantry_sys::netlink::Attributes;

use crate::abi::{
    NFTA_CHAIN_HOOK, NFTA_CHAIN_NAME, NFTA_CHAIN_POLICY, NFTA_CHAIN_TABLE, NFTA_CHAIN_TYPE,
    NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY,
};

/// What a base chain may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainType {
    /// Accept and drop.
    Filter,
    /// Translate addresses; sees the first packet of a connection only.
    Nat,
}

impl ChainType {
    fn keyword(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
        }
    }
}

/// Where on its way a packet meets a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Everything that comes in.
    Prerouting,
    /// What is for this host.
    Input,
    /// What is passed on.
    Forward,
    /// What this host sends.
    Output,
    /// Everything that goes out.
    Postrouting,
}

impl Hook {
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Prerouting => 0,
            Self::Input => 1,
            Self::Forward => 2,
            Self::Output => 3,
            Self::Postrouting => 4,
        }
    }

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [
            Self::Prerouting,
            Self::Input,
            Self::Forward,
            Self::Output,
            Self::Postrouting,
        ]
        .into_iter()
        .find(|hook| hook.number() == number)
    }
}

/// What becomes of a packet at the end of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It goes on.
    Accept,
    /// It is dropped.
    Drop,
}

/// A chain to add.
#[derive(Debug, Clone)]
pub struct Chain {
    pub(crate) name: String,
    base: Option<(ChainType, Hook, i32, Policy)>,
}

impl Chain {
    /// A chain that packets enter at a hook; lower priorities come first.
    pub fn base(name: impl Into<String>, kind: ChainType, hook: Hook, priority: i32) -> Self {
        Self {
            name: name.into(),
            base: Some((kind, hook, priority, Policy::Accept)),
        }
    }

    /// A chain that packets enter by a jump.
    pub fn regular(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            base: None,
        }
    }

    /// Sets a base chain's policy; accept is the default.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        if let Some((.., current)) = &mut self.base {
            *current = policy;
        }
        self
    }

    pub(crate) fn write(&self, table: &str, attributes: &mut Attributes<'_>) {
        attributes.string(NFTA_CHAIN_TABLE, table);
        attributes.string(NFTA_CHAIN_NAME, &self.name);
        let Some((kind, hook, priority, policy)) = self.base else {
            return;
        };
        attributes.nested(NFTA_CHAIN_HOOK, |nested| {
            nested.be32(NFTA_HOOK_HOOKNUM, hook.number());
            nested.be32(NFTA_HOOK_PRIORITY, priority as u32);
        });
        attributes.be32(NFTA_CHAIN_POLICY, u32::from(policy == Policy::Accept));
        attributes.string(NFTA_CHAIN_TYPE, kind.keyword());
    }
}
