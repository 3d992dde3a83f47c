//! Other programs' forward chains that drop by default.
//!
//! A chain also drops by default when its last rule refuses everything. An accept of ours cannot
//! undo their drop: a packet must pass every chain at the hook. So two rules of ours go where the
//! owner provides for it (Docker's `DOCKER-USER`, ufw's `ufw-user-forward`) or else to the start of
//! that chain itself, two for each bridge of ours. They name that bridge only and carry our table's
//! name and its as their comment, by which they are found again and removed. Where firewalld owns
//! its table, it is asked.
//!
//! What may go to our bridge is still decided by our own table.

use std::path::Path;

use gantry_nft::{Batch, Connection, Family, Hook, ListedChain, Policy, Result, Rule, Table};

use super::{Segment, firewalld};

/// Chains that exist for other people's rules.
const PROVIDED: [&str; 3] = ["DOCKER-USER", "ufw-user-forward", "ufw6-user-forward"];

/// What became of others' chains.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// Which could not be opened, and why.
    pub(super) shut: Vec<String>,
    /// Whether firewalld was asked to trust our bridges.
    pub(super) by_firewalld: bool,
}

/// Adds our rules for these networks where they are needed and missing.
pub(super) fn open(nft: &Connection, own: &Table, segments: &[Segment]) -> Result<Opened> {
    let chains = nft.chains()?;
    let mut opened = Opened::default();
    for chain in &chains {
        let hooked = is_foreign(chain, own) && chain.hook == Some(Hook::Forward);
        if !hooked || !drops(nft, chain) {
            continue;
        }
        let target = provided(&chains, &chain.table).unwrap_or(chain);
        if let Err(error) = open_one(nft, own, target, segments) {
            if chain.table.name == firewalld::TABLE && firewalld_trusts(segments) {
                opened.by_firewalld = true;
                continue;
            }
            // Such as a table that has an owner.
            opened.shut.push(format!(
                "chain {} of {} drops what is forwarded and cannot be opened for containers: {error}",
                chain.name, chain.table
            ));
        }
    }
    Ok(opened)
}

/// Whether firewalld, which may own its table, lets our bridges' packets pass from now on.
fn firewalld_trusts(segments: &[Segment]) -> bool {
    let bridges: Vec<&str> = segments.iter().map(|s| s.bridge.as_str()).collect();
    let trusted = firewalld::trust(Path::new(firewalld::BUS), &bridges);
    if let Err(error) = &trusted {
        tracing::debug!(%error, "firewalld does not trust containers' bridges");
    }
    trusted.is_ok()
}

/// Takes bridges out of the zone that they were put into.
pub(super) fn distrust(bridges: &[&str]) {
    if let Err(error) = firewalld::forget(Path::new(firewalld::BUS), bridges) {
        tracing::debug!(%error, "firewalld cannot be asked");
    }
}

fn open_one(
    nft: &Connection,
    own: &Table,
    target: &ListedChain,
    segments: &[Segment],
) -> Result<()> {
    let there = tags(nft, target, own)?;
    let mut batch = Batch::new();
    let only_ipv6 = target.table.family == Family::Ip6;
    for segment in segments.iter().filter(|s| !only_ipv6 || s.has_ipv6()) {
        let tag = tag(own, &segment.bridge);
        if there.iter().any(|(_, found)| *found == tag) {
            continue;
        }
        for rule in [
            Rule::new().iif(&segment.bridge),
            Rule::new().oif(&segment.bridge),
        ] {
            let rule = rule.counter().accept().comment(&tag);
            batch.insert_rule(&target.table, &target.name, &rule);
        }
    }
    if batch.is_empty() {
        return Ok(());
    }
    nft.commit(batch)
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
    let routed = matches!(chain.table.family, Family::Ip | Family::Ip6 | Family::Inet);
    routed && chain.table.name != own.name
}

/// By its policy, or by a last rule that refuses everything. A chain that went meanwhile does not.
fn drops(nft: &Connection, chain: &ListedChain) -> bool {
    if chain.policy == Some(Policy::Drop) {
        return true;
    }
    let rules = nft.rules(&chain.table, &chain.name).unwrap_or_default();
    rules.last().is_some_and(|rule| rule.refuses_all)
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
