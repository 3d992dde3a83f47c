//! Reading back what is there.

use std::io;

use gantry_sys::netlink::{AttributeIter, Messages, Reply, flags};

use crate::abi::{
    NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETSETELEM, NFT_MSG_GETTABLE,
    NFTA_CHAIN_HOOK, NFTA_CHAIN_NAME, NFTA_CHAIN_POLICY, NFTA_CHAIN_TABLE, NFTA_DATA_VALUE,
    NFTA_DATA_VERDICT, NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_HOOK_HOOKNUM, NFTA_RULE_CHAIN,
    NFTA_RULE_EXPRESSIONS, NFTA_RULE_HANDLE, NFTA_RULE_TABLE, NFTA_RULE_USERDATA,
    NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET,
    NFTA_SET_ELEM_LIST_TABLE, NFTA_TABLE_NAME, NFTA_VERDICT_CODE,
};
use crate::batch::header;
use crate::chain::{Hook, Policy};
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::{Family, Table, userdata};

/// How often a list that changed while it was read is read again.
const ATTEMPTS: usize = 5;

/// A chain that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChain {
    /// Its table.
    pub table: Table,
    /// Its name.
    pub name: String,
    /// Its hook, when it is a base chain.
    pub hook: Option<Hook>,
    /// Its policy, when it is a base chain.
    pub policy: Option<Policy>,
}

/// A rule that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRule {
    /// Its chain's name.
    pub chain: String,
    /// Its handle.
    pub handle: u64,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether it drops or rejects every packet.
    pub refuses_all: bool,
}

impl Connection {
    /// All tables.
    pub fn tables(&self) -> Result<Vec<Table>> {
        let replies = self.dump(NFT_MSG_GETTABLE, 0, "list the tables", &[])?;
        Ok(replies.iter().filter_map(parse_table).collect())
    }

    /// All chains of all tables.
    pub fn chains(&self) -> Result<Vec<ListedChain>> {
        let replies = self.dump(NFT_MSG_GETCHAIN, 0, "list the chains", &[])?;
        Ok(replies.iter().filter_map(parse_chain).collect())
    }

    /// The rules of one chain in their order.
    pub fn rules(&self, table: &Table, chain: &str) -> Result<Vec<ListedRule>> {
        let what = format!("list the rules of {table}");
        let filter = [
            (NFTA_RULE_TABLE, table.name.as_str()),
            (NFTA_RULE_CHAIN, chain),
        ];
        let replies = self.dump(NFT_MSG_GETRULE, table.family.number(), &what, &filter)?;
        let rules = replies.iter().filter_map(parse_rule);
        Ok(rules.filter(|rule| rule.chain == chain).collect())
    }

    /// The keys of the elements of one set, as bytes.
    pub fn elements(&self, table: &Table, set: &str) -> Result<Vec<Vec<u8>>> {
        let what = format!("list the elements of set {set} of {table}");
        let filter = [
            (NFTA_SET_ELEM_LIST_TABLE, table.name.as_str()),
            (NFTA_SET_ELEM_LIST_SET, set),
        ];
        let replies = self.dump(NFT_MSG_GETSETELEM, table.family.number(), &what, &filter)?;
        Ok(replies.iter().flat_map(parse_elements).collect())
    }

    fn dump(
        &self,
        kind: u16,
        family: u8,
        what: &str,
        filter: &[(u16, &str)],
    ) -> Result<Vec<Reply>> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut messages = Messages::new();
            let kind = NFNL_SUBSYS_NFTABLES << 8 | kind;
            messages.push(kind, flags::DUMP, &header(family, 0), |out| {
                for (attribute, value) in filter {
                    out.string(*attribute, value);
                }
            });
            let answer = self.exchange(messages, 0)?;
            if answer.interrupted && attempt < ATTEMPTS {
                continue;
            }
            return match answer.refusals.into_iter().next() {
                None => Ok(answer.replies),
                Some(refusal) => Err(Error::Refused {
                    object: what.to_owned(),
                    source: io::Error::from_raw_os_error(refusal.errno),
                    message: refusal.message,
                }),
            };
        }
    }
}

/// The family of a reply, and its attributes after `struct nfgenmsg`.
fn attributes(reply: &Reply) -> Option<(Family, AttributeIter<'_>)> {
    let family = Family::from_number(*reply.body.first()?)?;
    Some((family, AttributeIter::new(reply.body.get(4..)?)))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}

fn be32(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn parse_table(reply: &Reply) -> Option<Table> {
    let (family, attributes) = attributes(reply)?;
    Some(Table::new(family, text(attributes.find(NFTA_TABLE_NAME)?)))
}

fn parse_chain(reply: &Reply) -> Option<ListedChain> {
    let (family, attributes) = attributes(reply)?;
    let hook = attributes.find(NFTA_CHAIN_HOOK).and_then(|nested| {
        Hook::from_number(be32(AttributeIter::new(nested).find(NFTA_HOOK_HOOKNUM)?)?)
    });
    let policy = attributes
        .find(NFTA_CHAIN_POLICY)
        .and_then(be32)
        .map(|number| {
            if number == 0 {
                Policy::Drop
            } else {
                Policy::Accept
            }
        });
    Some(ListedChain {
        table: Table::new(family, text(attributes.find(NFTA_CHAIN_TABLE)?)),
        name: text(attributes.find(NFTA_CHAIN_NAME)?),
        hook,
        policy,
    })
}

fn parse_rule(reply: &Reply) -> Option<ListedRule> {
    let (_, attributes) = attributes(reply)?;
    let handle = attributes.find(NFTA_RULE_HANDLE)?.first_chunk()?;
    Some(ListedRule {
        chain: text(attributes.find(NFTA_RULE_CHAIN)?),
        handle: u64::from_be_bytes(*handle),
        comment: attributes
            .find(NFTA_RULE_USERDATA)
            .and_then(userdata::parse_comment),
        refuses_all: attributes
            .find(NFTA_RULE_EXPRESSIONS)
            .is_some_and(refuses_all),
    })
}

/// Nothing but counters and logs, then an end: no match can let a packet by.
fn refuses_all(expressions: &[u8]) -> bool {
    let mut refuses = false;
    for (_, expression) in AttributeIter::new(expressions) {
        let parts = AttributeIter::new(expression);
        let name = parts.find(NFTA_EXPR_NAME).map(text).unwrap_or_default();
        match name.as_str() {
            "counter" | "log" => {}
            "reject" => refuses = true,
            "immediate" => refuses = parts.find(NFTA_EXPR_DATA).is_some_and(is_drop),
            _ => return false,
        }
    }
    refuses
}

/// Whether an immediate's value is the verdict to drop (`NF_DROP`, 0).
fn is_drop(data: &[u8]) -> bool {
    const NFTA_IMMEDIATE_DATA: u16 = 2;
    let code = AttributeIter::new(data)
        .find(NFTA_IMMEDIATE_DATA)
        .and_then(|value| AttributeIter::new(value).find(NFTA_DATA_VERDICT))
        .and_then(|verdict| AttributeIter::new(verdict).find(NFTA_VERDICT_CODE));
    code.and_then(be32) == Some(0)
}

fn parse_elements(reply: &Reply) -> Vec<Vec<u8>> {
    let list = attributes(reply)
        .and_then(|(_, attributes)| attributes.find(NFTA_SET_ELEM_LIST_ELEMENTS))
        .unwrap_or_default();
    AttributeIter::new(list)
        .filter_map(|(_, element)| parse_key(element))
        .collect()
}

fn parse_key(element: &[u8]) -> Option<Vec<u8>> {
    let key = AttributeIter::new(element).find(NFTA_SET_ELEM_KEY)?;
    Some(AttributeIter::new(key).find(NFTA_DATA_VALUE)?.to_vec())
}
