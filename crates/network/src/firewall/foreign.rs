//! Other programs' forward chains that drop by default.
//!
//! An accept of ours cannot undo their drop: a packet must pass every chain at the hook. So
//! two rules of ours go where the owner provides for it (Docker's `DOCKER-USER`, ufw's
//! `ufw-user-forward`) or else to the start of that chain itself, two for each bridge of ours. They
//! name that bridge only and carry our table's name and its as their comment, by which they are
//! found again and removed.
//! What may go to our bridge is still decided by our own table.

use gantry_nft::{Batch, Connection, Family, Hook, ListedChain, Policy, Result, Rule, Table};

/// Chains that exist for other people's rules.
const PROVIDED: [&str; 2] = ["DOCKER-USER", "ufw-user-forward"];

/// Adds our rules for these bridges where they are needed and missing.
pub(super) fn open(nft: &Connection, own: &Table, bridges: &[&str]) -> Result<()> {
    let chains = nft.chains()?;
    for dropping in chains
        .iter()
        .filter(|chain| is_foreign(chain, own) && drops(chain))
    {
        let target = provided(&chains, &dropping.table).unwrap_or(dropping);
        let there = tags(nft, target, own)?;
        let mut batch = Batch::new();
        for bridge in bridges {
            let tag = tag(own, bridge);
            if there.iter().any(|(_, found)| *found == tag) {
                continue;
            }
            for rule in [Rule::new().iif(bridge), Rule::new().oif(bridge)] {
                let rule = rule.counter().accept().comment(&tag);
                batch.insert_rule(&target.table, &target.name, &rule);
            }
        }
        if !batch.is_empty() {
            nft.commit(batch)?;
        }
    }
    Ok(())
}

/// Removes our rules for one bridge wherever they may be.
pub(super) fn close_one(nft: &Connection, own: &Table, bridge: &str) -> Result<()> {
    remove(nft, own, |found| found == tag(own, bridge))
}

/// Removes our rules wherever they may be.
pub(super) fn close(nft: &Connection, own: &Table) -> Result<()> {
    let prefix = tag(own, "");
    let bare = prefix.trim_end();
    remove(nft, own, |found| {
        found == bare || found.starts_with(&prefix)
    })
}

fn remove(nft: &Connection, own: &Table, which: impl Fn(&str) -> bool) -> Result<()> {
    let mut batch = Batch::new();
    for chain in nft
        .chains()?
        .iter()
        .filter(|chain| is_foreign(chain, own) && may_hold(chain))
    {
        for (handle, found) in tags(nft, chain, own)? {
            if which(&found) {
                batch.remove_rule(&chain.table, &chain.name, handle);
            }
        }
    }
    if batch.is_empty() {
        return Ok(());
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

/// `by ip gantry br-0123456789ab`; nothing but the bridge follows the table.
fn tag(own: &Table, bridge: &str) -> String {
    format!("by {own} {bridge}")
}

/// The rules that carry a comment of ours, with it.
fn tags(nft: &Connection, chain: &ListedChain, own: &Table) -> Result<Vec<(u64, String)>> {
    let start = format!("by {own}");
    let rules = nft.rules(&chain.table, &chain.name)?;
    let tagged = rules.into_iter().filter_map(|rule| {
        let comment = rule.comment?;
        let ours = comment == start || comment.starts_with(&format!("{start} "));
        ours.then_some((rule.handle, comment))
    });
    Ok(tagged.collect())
}
