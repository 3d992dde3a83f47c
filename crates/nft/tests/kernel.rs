//! Transactions on the real kernel, each test in a network namespace of its own. Needs root.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]

use std::net::Ipv4Addr;
use std::process::Command;

use gantry_nft::{
    Batch, Chain, ChainType, Connection, CtState, CtStatus, DataType, Element, Family, Hook,
    Policy, Rule, Set, Table, Verdict, ifname,
};
use gantry_sys::netns;

fn in_fresh_namespace(test: impl FnOnce(&Connection, &Table) + Send) {
    let result = netns::create(|| {
        test(&Connection::open()?, &Table::new(Family::Ip, "t"));
        Ok(())
    });
    result.expect("tests of nf_tables need root");
}

fn commit(nft: &Connection, changes: impl FnOnce(&mut Batch)) -> gantry_nft::Result<()> {
    let mut batch = Batch::new();
    changes(&mut batch);
    nft.commit(batch)
}

/// What the nft program shows, or `None` where it is not installed.
fn listing() -> Option<String> {
    let output = Command::new("nft")
        .args(["list", "ruleset"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(str::trim).collect::<Vec<_>>().join("\n"))
}

fn add_everything(batch: &mut Batch, t: &Table) {
    use DataType::{InterfaceName, Ipv4Address, Port, Protocol};
    batch.add_table(t);
    batch.add_set(
        t,
        &Set::new("ports", &[Protocol, Port]).to(&[Ipv4Address, Port]),
    );
    let key = [Ipv4Address, Protocol, Port];
    batch.add_set(t, &Set::new("address-ports", &key).to(&[Ipv4Address, Port]));
    batch.add_set(t, &Set::new("names", &[InterfaceName]));
    batch.add_set(t, &Set::new("subnets", &[Ipv4Address]).intervals());
    batch.add_set(
        t,
        &Set::new("ranges", &[Protocol, Port])
            .to(&[Ipv4Address])
            .intervals(),
    );
    batch.add_set(
        t,
        &Set::new("pairs", &[InterfaceName, InterfaceName]).to_verdicts(),
    );
    batch.add_elements(t, "names", &[Element::new(ifname("br0"))]);
    let (first, last) = (
        Ipv4Addr::new(172, 17, 0, 0),
        Ipv4Addr::new(172, 17, 255, 255),
    );
    batch.add_elements(t, "subnets", &Element::address_range(first, last));
    let web = Element::joined(&[&[6], &8080_u16.to_be_bytes()]);
    let target = web.maps_to(&[&[172, 17, 0, 2], &80_u16.to_be_bytes()]);
    batch.add_elements(t, "ports", &[target]);
    let range = Element::joined_range(
        &[&[17], &5000_u16.to_be_bytes()],
        &[&[17], &5999_u16.to_be_bytes()],
    );
    batch.add_elements(t, "ranges", &[range.maps_to(&[&[172, 17, 0, 3]])]);
    let pair = Element::joined(&[&ifname("br0"), &ifname("br0")]);
    batch.add_elements(t, "pairs", &[pair.verdict(Verdict::Accept)]);
    add_chains(batch, t);
}

fn add_chains(batch: &mut Batch, t: &Table) {
    batch.add_chain(t, &Chain::regular("publish"));
    batch.add_rule(
        t,
        "publish",
        &Rule::new().dnat_by_address_and_port("address-ports"),
    );
    batch.add_rule(t, "publish", &Rule::new().dnat_by_port("ports"));
    batch.add_chain(
        t,
        &Chain::base("pre", ChainType::Nat, Hook::Prerouting, -100),
    );
    batch.add_rule(t, "pre", &Rule::new().to_this_host().jump("publish"));
    let forward = Chain::base("forward", ChainType::Filter, Hook::Forward, 0);
    batch.add_chain(t, &forward.policy(Policy::Drop));
    let running = CtState::ESTABLISHED.or(CtState::RELATED);
    let counted = Rule::new()
        .ct_state(running)
        .counter()
        .accept()
        .comment("running ones");
    batch.add_rule(t, "forward", &counted);
    batch.add_rule(t, "forward", &Rule::new().interface_pair_verdict("pairs"));
    let published = Rule::new()
        .oif_in("names")
        .ct_status(CtStatus::DNAT)
        .accept();
    batch.add_rule(t, "forward", &published);
    let guard = Rule::new()
        .iif_not("lo")
        .destination_within(Ipv4Addr::new(127, 0, 0, 0), 8);
    batch.insert_rule(t, "forward", &guard.drop());
    batch.add_chain(
        t,
        &Chain::base("post", ChainType::Nat, Hook::Postrouting, 100),
    );
    let outgoing = Rule::new()
        .source_in("subnets")
        .oif_not_in("names")
        .masquerade();
    batch.add_rule(t, "post", &outgoing);
}

#[test]
fn the_nft_program_reads_what_was_written() {
    in_fresh_namespace(|nft, t| {
        commit(nft, |batch| add_everything(batch, t)).unwrap();
        let Some(text) = listing() else { return };
        for expected in [
            "type inet_proto . inet_service : ipv4_addr . inet_service",
            "elements = { tcp . 8080 : 172.17.0.2 . 80 }",
            "elements = { 172.17.0.0/16 }",
            "elements = { udp . 5000-5999 : 172.17.0.3 }",
            "elements = { \"br0\" . \"br0\" : accept }",
            "dnat ip to ip daddr . meta l4proto . th dport map @address-ports",
            "dnat ip to meta l4proto . th dport map @ports",
            "fib daddr type local jump publish",
            "ip saddr @subnets oifname != @names masquerade",
            "iifname . oifname vmap @pairs",
            "oifname @names ct status dnat accept",
            "type filter hook forward priority filter; policy drop;\n\
             iifname != \"lo\" ip daddr 127.0.0.0/8 drop\n\
             ct state established,related counter packets 0 bytes 0 accept comment \"running ones\"",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
    });
}

#[test]
fn what_is_there_is_listed() {
    in_fresh_namespace(|nft, t| {
        commit(nft, |batch| add_everything(batch, t)).unwrap();
        assert_eq!(nft.tables().unwrap(), std::slice::from_ref(t));
        let chains = nft.chains().unwrap();
        let forward = chains.iter().find(|chain| chain.name == "forward").unwrap();
        assert_eq!(
            (forward.hook, forward.policy),
            (Some(Hook::Forward), Some(Policy::Drop))
        );
        assert!(
            chains
                .iter()
                .any(|chain| chain.name == "publish" && chain.hook.is_none())
        );
        let rules = nft.rules(t, "forward").unwrap();
        assert_eq!(rules[1].comment.as_deref(), Some("running ones"));
        assert_eq!(
            nft.elements(t, "ports").unwrap(),
            [[6, 0, 0, 0, 0x1f, 0x90, 0, 0]]
        );

        commit(nft, |batch| {
            batch.remove_rule(t, "forward", rules[1].handle);
        })
        .unwrap();
        assert_eq!(nft.rules(t, "forward").unwrap().len(), rules.len() - 1);
        commit(nft, |batch| batch.remove_table(t)).unwrap();
        commit(nft, |batch| batch.remove_table(t)).unwrap();
        assert_eq!(nft.tables().unwrap(), []);
    });
}

#[test]
fn a_refused_change_is_named_and_nothing_of_its_batch_stays() {
    in_fresh_namespace(|nft, t| {
        let error = commit(nft, |batch| {
            batch.add_table(t);
            batch.add_chain(t, &Chain::regular("one"));
            batch.add_rule(t, "one", &Rule::new().jump("nowhere"));
            batch.add_chain(t, &Chain::regular("two"));
        })
        .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("add a rule to chain one of table ip t"),
            "{error}"
        );
        assert!(error.is_not_found());
        assert_eq!(nft.tables().unwrap(), []);

        let missing = commit(nft, |batch| {
            batch.remove_elements(t, "ports", &[Element::new([1])]);
        });
        assert!(missing.unwrap_err().is_not_found());
        // The connection is as good as before.
        commit(nft, |batch| add_everything(batch, t)).unwrap();
        let same = Element::joined(&[&[6], &8080_u16.to_be_bytes()]);
        let elsewhere = same.maps_to(&[&[172, 17, 0, 9], &80_u16.to_be_bytes()]);
        let taken = commit(nft, |batch| batch.add_elements(t, "ports", &[elsewhere]));
        assert_eq!(
            taken.unwrap_err().io().kind(),
            std::io::ErrorKind::AlreadyExists
        );
    });
}

#[test]
fn thousands_of_elements_are_one_transaction() {
    in_fresh_namespace(|nft, t| {
        commit(nft, |batch| add_everything(batch, t)).unwrap();
        let elements: Vec<_> = (10_000..15_000_u16)
            .map(|port| {
                let key = Element::joined(&[&[6], &port.to_be_bytes()]);
                key.maps_to(&[&[172, 17, 0, 2], &port.to_be_bytes()])
            })
            .collect();
        let start = std::time::Instant::now();
        commit(nft, |batch| batch.add_elements(t, "ports", &elements)).unwrap();
        println!("5,000 elements: {:?}", start.elapsed());
        assert_eq!(nft.elements(t, "ports").unwrap().len(), 5_001);
        commit(nft, |batch| batch.remove_elements(t, "ports", &elements)).unwrap();
        assert_eq!(nft.elements(t, "ports").unwrap().len(), 1);
    });
}
