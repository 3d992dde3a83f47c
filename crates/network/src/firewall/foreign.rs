//! Other programs' forward chains that drop by default.
//!
//! An accept of ours cannot undo their drop: a packet must pass every chain at the hook. So
//! two rules of ours go where the owner provides for it (Docker's `DOCKER-USER`, ufw's
//! `ufw-user-forward`) or else to the start of that chain itself. They name our bridge only
//! and carry our table's name as their comment, by which they are found again and removed.
//! What may go to our bridge is still decided by our own table.

use gantry_nft::{Batch, Connection, Family, Hook, ListedChain, Policy, Result, Rule, Table};

/// Chains that exist for other people's rules.
const PROVIDED: [&str; 2] = ["DOCKER-USER", "ufw-user-forward"];

/// Adds our rules where they are needed and missing.
pub(super) fn open(nft: &Connection, own: &Table, bridge: &str) -> Result<()> {
    let chains = nft.chains()?;
    for dropping in chains
        .iter()
        .filter(|chain| is_foreign(chain, own) && drops(chain))
    {
        let target = provided(&chains, &dropping.table).unwrap_or(dropping);
        if ours(nft, target, own)?.is_empty() {
            let mut batch = Batch::new();
            let tag = tag(own);
            for rule in [Rule::new().iif(bridge), Rule::new().oif(bridge)] {
                let rule = rule.counter().accept().comment(&tag);
                batch.insert_rule(&target.table, &target.name, &rule);
            }
            nft.commit(batch)?;
        }
    }
    Ok(())
}

/// Removes our rules wherever they may be.
pub(super) fn close(nft: &Connection, own: &Table) -> Result<()> {
    let mut batch = Batch::new();
    for chain in nft
        .chains()?
        .iter()
        .filter(|chain| is_foreign(chain, own) && may_hold(chain))
    {
        for handle in ours(nft, chain, own)? {
            batch.remove_rule(&chain.table, &chain.name, handle);
        }
    }
    nft.commit(batch)
}

fn is_foreign(chain: &ListedChain, own: &Table) -> bool {
    chain.table != *own && matches!(chain.table.family, Family::Ip | Family::Inet)
}

fn drops(chain: &ListedChain) -> bool {
    chain.hook == Some(Hook::Forward) && chain.policy == Some(Policy::Drop)
}

fn may_hold(chain: &ListedChain) -> bool {
    chain.hook == Some(Hook::Forward) || PROVIDED.contains(&chain.name.as_str())
}

fn provided<'a>(chains: &'a [ListedChain], table: &Table) -> Option<&'a ListedChain> {
    chains
        .iter()
        .find(|chain| chain.table == *table && PROVIDED.contains(&chain.name.as_str()))
}

fn tag(own: &Table) -> String {
    format!("by {own}")
}

fn ours(nft: &Connection, chain: &ListedChain, own: &Table) -> Result<Vec<u64>> {
    let tag = tag(own);
    let rules = nft.rules(&chain.table, &chain.name)?;
    let tagged = rules
        .iter()
        .filter(|rule| rule.comment.as_ref() == Some(&tag));
    Ok(tagged.map(|rule| rule.handle).collect())
}
