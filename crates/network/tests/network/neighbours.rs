//! Other firewalls on the same host: their drops are opened, and what a reload takes away returns.

use std::thread;
use std::time::{Duration, Instant};

use gantry_network::Protocol;
use gantry_nft::{Batch, Chain, ChainType, Connection, Family, Hook, Policy, Rule, Table};

use crate::host::{CLIENT, HOST_OUTSIDE, Host, listen, on_fresh_host, publish, run, tcp};

/// Long, for a loaded machine: each step ends as soon as it is so.
const SOON: Duration = Duration::from_secs(20);

fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < SOON, "not in time: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn commit(changes: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    changes(&mut batch);
    Connection::open().unwrap().commit(batch).unwrap();
}

/// A firewall's whole table, made anew as by a reload.
fn reload(table: &Table, policy: Policy, rules: &[Rule]) {
    commit(|batch| {
        batch.remove_table(table);
        batch.add_table(table);
        let chain = Chain::base("FORWARD", ChainType::Filter, Hook::Forward, 0).policy(policy);
        batch.add_chain(table, &chain);
        for rule in rules {
            batch.add_rule(table, "FORWARD", rule);
        }
    });
}

fn ours_in(table: &Table) -> usize {
    let rules = Connection::open()
        .unwrap()
        .rules(table, "FORWARD")
        .unwrap_or_default();
    let ours = |comment: &String| comment.starts_with("by table ip gantry ");
    rules
        .iter()
        .filter(|rule| rule.comment.as_ref().is_some_and(ours))
        .count()
}

#[test]
fn what_a_reload_removes_is_put_back() {
    on_fresh_host(|host| {
        let filter = Table::new(Family::Ip, "filter");
        let client = Host::client();
        reload(&filter, Policy::Drop, &[]);
        let networks = host.open();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let listener = listen(&web.sandbox, "0.0.0.0:80");
        for _ in 0..3 {
            eventually("rules of ours for one bridge", || ours_in(&filter) == 2);
            let seen = tcp(&client, (HOST_OUTSIDE, 8080), &listener).unwrap();
            assert_eq!(seen.ip(), CLIENT);
            reload(&filter, Policy::Drop, &[]);
        }
        networks.close(true).unwrap();
        reload(&filter, Policy::Drop, &[]);
        thread::sleep(Duration::from_millis(200));
        assert_eq!(ours_in(&filter), 0, "a service that ended adds nothing");
    });
}

#[test]
fn our_own_tables_come_back_after_a_flush_of_everything() {
    on_fresh_host(|host| {
        let client = Host::client();
        let networks = host.open();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let listener = listen(&web.sandbox, "0.0.0.0:80");
        let own = Table::new(Family::Ip, "gantry");
        commit(|batch| batch.remove_table(&own));
        eventually("our table", || Host::tables().contains(&own));
        let seen = tcp(&client, (HOST_OUTSIDE, 8080), &listener).unwrap();
        assert_eq!(seen.ip(), CLIENT);
        networks.disconnect(&web.endpoint.state).unwrap();
        commit(|batch| batch.remove_table(&own));
        eventually("our table", || Host::tables().contains(&own));
        let ports = Connection::open().unwrap().elements(&own, "ports").unwrap();
        assert!(ports.is_empty(), "what was unpublished stays so: {ports:?}");
    });
}

#[test]
fn a_last_rule_that_refuses_everything_is_a_drop_too() {
    on_fresh_host(|host| {
        let inet = Table::new(Family::Inet, "others");
        let lets_by = Rule::new().iif("eth9").accept();
        let client = Host::client();
        let networks = host.open();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let listener = listen(&web.sandbox, "0.0.0.0:80");
        reload(
            &inet,
            Policy::Accept,
            &[lets_by.clone(), Rule::new().counter().drop()],
        );
        eventually("rules of ours", || ours_in(&inet) == 2);
        tcp(&client, (HOST_OUTSIDE, 8080), &listener).unwrap();
        let some = Rule::new().iif("eth8").drop();
        reload(&inet, Policy::Accept, &[lets_by, some]);
        thread::sleep(Duration::from_millis(300));
        assert_eq!(ours_in(&inet), 0, "who lets pass is left alone");
        assert!(networks.warnings().is_empty());
    });
}

#[test]
fn ipv6_chains_are_opened_for_networks_that_have_it() {
    on_fresh_host(|host| {
        let filter = Table::new(Family::Ip6, "filter");
        let networks = host.open();
        reload(&filter, Policy::Drop, &[]);
        let request = gantry_network::NetworkRequest {
            name: "six".to_owned(),
            ipv6: Some(true),
            ..gantry_network::NetworkRequest::default()
        };
        networks.create(request).unwrap();
        eventually("rules of ours for one bridge", || ours_in(&filter) == 2);
        networks.remove("six", |_| None).unwrap();
        assert_eq!(ours_in(&filter), 0);
    });
}
