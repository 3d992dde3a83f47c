//! Changes that are applied together or not at all.

use gantry_sys::netlink::{Messages, flags};

use crate::abi::{
    NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES, NFT_MSG_DELRULE,
    NFT_MSG_DELSETELEM, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM, NFT_MSG_NEWTABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE, NFTA_RULE_TABLE,
    NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_TABLE, NFTA_TABLE_NAME,
};
use crate::chain::Chain;
use crate::rule::Rule;
use crate::set::{Element, Set};
use crate::{Family, Table};

/// One attribute ends at 65,535 bytes; a list of elements is one attribute.
const LIST_LIMIT: usize = 60_000;

/// A transaction in the making.
#[derive(Debug, Default)]
pub struct Batch {
    messages: Messages,
    /// What each message is to do, for errors; index 0 is the batch's own beginning.
    objects: Vec<String>,
    sets: u32,
}

/// `struct nfgenmsg`: family, version 0, and a number in network byte order.
pub(crate) fn header(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

impl Batch {
    /// A transaction without changes.
    pub fn new() -> Self {
        let mut batch = Self::default();
        batch.messages.push(
            NFNL_MSG_BATCH_BEGIN,
            0,
            &header(0, NFNL_SUBSYS_NFTABLES),
            |_| {},
        );
        batch.objects.push("apply the transaction".to_owned());
        batch
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.objects.len() <= 1
    }

    /// Adds a table; fine when it is there.
    pub fn add_table(&mut self, table: &Table) {
        self.push(
            NFT_MSG_NEWTABLE,
            flags::CREATE,
            table.family,
            format!("add {table}"),
            |out| {
                out.string(NFTA_TABLE_NAME, &table.name);
            },
        );
    }

    /// Removes a table with all that is in it; fine when it is not there.
    pub fn remove_table(&mut self, table: &Table) {
        // NFT_MSG_DESTROYTABLE came with Linux 6.3: before, what is to be surely removable
        // is added first, at no cost when it exists.
        self.add_table(table);
        self.push(
            NFT_MSG_DELTABLE,
            0,
            table.family,
            format!("delete {table}"),
            |out| {
                out.string(NFTA_TABLE_NAME, &table.name);
            },
        );
    }

    /// Adds a chain; fine when it is there.
    pub fn add_chain(&mut self, table: &Table, chain: &Chain) {
        let object = format!("add chain {} to {table}", chain.name);
        self.push(
            NFT_MSG_NEWCHAIN,
            flags::CREATE,
            table.family,
            object,
            |out| {
                chain.write(&table.name, out);
            },
        );
    }

    /// Adds a set or map; fine when the same is there.
    pub fn add_set(&mut self, table: &Table, set: &Set) {
        self.sets += 1;
        let id = self.sets;
        let object = format!("add set {} to {table}", set.name);
        self.push(NFT_MSG_NEWSET, flags::CREATE, table.family, object, |out| {
            set.write(&table.name, id, out);
        });
    }

    /// Adds elements; fine when the same are there, refused when a map has other values.
    pub fn add_elements(&mut self, table: &Table, set: &str, elements: &[Element]) {
        let object = format!("add elements to set {set} of {table}");
        self.elements(
            NFT_MSG_NEWSETELEM,
            flags::CREATE,
            table,
            set,
            elements,
            &object,
        );
    }

    /// Removes elements; refused when one is not there.
    pub fn remove_elements(&mut self, table: &Table, set: &str, elements: &[Element]) {
        let object = format!("delete elements from set {set} of {table}");
        self.elements(NFT_MSG_DELSETELEM, 0, table, set, elements, &object);
    }

    /// Adds a rule at the end of a chain.
    pub fn add_rule(&mut self, table: &Table, chain: &str, rule: &Rule) {
        self.rule(flags::CREATE | flags::APPEND, table, chain, rule);
    }

    /// Adds a rule at the start of a chain.
    pub fn insert_rule(&mut self, table: &Table, chain: &str, rule: &Rule) {
        self.rule(flags::CREATE, table, chain, rule);
    }

    /// Removes a rule by its handle.
    pub fn remove_rule(&mut self, table: &Table, chain: &str, handle: u64) {
        let object = format!("delete rule {handle} from chain {chain} of {table}");
        self.push(NFT_MSG_DELRULE, 0, table.family, object, |out| {
            out.string(NFTA_RULE_TABLE, &table.name);
            out.string(NFTA_RULE_CHAIN, chain);
            out.be64(NFTA_RULE_HANDLE, handle);
        });
    }

    fn rule(&mut self, flags: u16, table: &Table, chain: &str, rule: &Rule) {
        let object = format!("add a rule to chain {chain} of {table}");
        self.push(NFT_MSG_NEWRULE, flags, table.family, object, |out| {
            rule.write(&table.name, chain, out);
        });
    }

    fn elements(
        &mut self,
        kind: u16,
        flags: u16,
        table: &Table,
        set: &str,
        mut elements: &[Element],
        object: &str,
    ) {
        while !elements.is_empty() {
            let mut size = 0;
            let fits = elements.iter().take_while(|element| {
                size += element.size();
                size <= LIST_LIMIT
            });
            let (now, later) = elements.split_at(fits.count().max(1));
            self.push(kind, flags, table.family, object.to_owned(), |out| {
                out.string(NFTA_SET_ELEM_LIST_TABLE, &table.name);
                out.string(NFTA_SET_ELEM_LIST_SET, set);
                out.nested(NFTA_SET_ELEM_LIST_ELEMENTS, |list| {
                    for element in now {
                        element.write(list);
                    }
                });
            });
            elements = later;
        }
    }

    fn push(
        &mut self,
        kind: u16,
        flags: u16,
        family: Family,
        object: String,
        write: impl FnOnce(&mut gantry_sys::netlink::Attributes<'_>),
    ) {
        let kind = NFNL_SUBSYS_NFTABLES << 8 | kind;
        self.messages
            .push(kind, flags, &header(family.number(), 0), write);
        self.objects.push(object);
    }

    /// The finished messages and what each is to do.
    pub(crate) fn finish(mut self) -> (Messages, Vec<String>) {
        self.messages.push(
            NFNL_MSG_BATCH_END,
            0,
            &header(0, NFNL_SUBSYS_NFTABLES),
            |_| {},
        );
        (self.messages, self.objects)
    }
}
