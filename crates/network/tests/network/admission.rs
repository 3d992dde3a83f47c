//! `firewall: honor-input`: the host's INPUT chains decide who reaches published ports.

use gantry_network::{NetworkConfig, NetworkRequest, Networks, Protocol};
use gantry_nft::{Batch, Chain, ChainType, Connection, CtState, Family, Hook, Policy, Rule, Table};

use crate::host::{
    CLIENT, HOST_OUTSIDE, Host, listen, on_fresh_host, publish, run, tcp, udp, udp_socket,
};

/// A host's firewall: nothing comes in but on `lo`, answers, what neighbours ask each other, and
/// what the rule lets in.
fn input(rule: Option<Rule>) {
    let table = Table::new(Family::Inet, "host");
    let mut batch = Batch::new();
    batch.remove_table(&table);
    batch.add_table(&table);
    let chain = Chain::base("INPUT", ChainType::Filter, Hook::Input, 0).policy(Policy::Drop);
    batch.add_chain(&table, &chain);
    let always = [
        Rule::new().iif("lo").accept(),
        Rule::new().ct_state(CtState::ESTABLISHED).accept(),
        Rule::new().protocol(58).accept(),
    ];
    for rule in always.into_iter().chain(rule) {
        batch.add_rule(&table, "INPUT", &rule);
    }
    Connection::open().unwrap().commit(batch).unwrap();
}

fn open(host: &Host) -> Networks {
    let config = NetworkConfig {
        honor_input: true,
        ..host.config()
    };
    Networks::open(config).unwrap()
}

#[test]
fn the_hosts_input_chains_hold_for_published_ports() {
    on_fresh_host(|host| {
        let networks = open(host);
        let world = Host::client();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        // Without a firewall everybody is let in, and seen as who they are.
        let seen = tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();
        assert_eq!(seen.ip(), CLIENT);
        input(None);
        assert!(tcp(&world, (HOST_OUTSIDE, 8080), &server).is_err());
        // The host itself is asked nothing.
        tcp(&host.netns, (HOST_OUTSIDE, 8080), &server).unwrap();
        input(Some(Rule::new().iif("wan0").protocol(6).accept()));
        let start = std::time::Instant::now();
        let seen = tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();
        assert_eq!(seen.ip(), CLIENT);
        // Nothing was lost: a first packet is sent again after a second.
        assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
        input(None);
        assert!(tcp(&world, (HOST_OUTSIDE, 8080), &server).is_err());
        networks.close(true).unwrap();
        assert!(
            !Host::link_names()
                .iter()
                .any(|name| name.starts_with("gate"))
        );
    });
}

#[test]
fn datagrams_are_let_in_too() {
    on_fresh_host(|host| {
        let networks = open(host);
        let world = Host::client();
        let dns = run(&networks, "dns", &[publish(Protocol::Udp, 5353, 53)]);
        let server = udp_socket(&dns.sandbox, "0.0.0.0:53");
        let client = udp_socket(&world, "0.0.0.0:0");
        input(None);
        assert!(udp(&client, (HOST_OUTSIDE, 5353), &server).is_err());
        input(Some(Rule::new().iif("wan0").protocol(17).accept()));
        let client = udp_socket(&world, "0.0.0.0:0");
        for _ in 0..3 {
            let seen = udp(&client, (HOST_OUTSIDE, 5353), &server).unwrap();
            assert_eq!(seen.ip(), CLIENT);
        }
    });
}

#[test]
fn ipv6_is_asked_as_well() {
    on_fresh_host(|host| {
        let networks = open(host);
        let world = Host::client();
        let six = |last: u16| std::net::Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, last);
        for (netlink, name, address) in [
            (gantry_netlink::Connection::open().unwrap(), "wan0", six(1)),
            (
                gantry_netlink::Connection::open_in(std::os::fd::AsFd::as_fd(&world)).unwrap(),
                "eth0",
                six(2),
            ),
        ] {
            let index = netlink.link(name).unwrap().unwrap().index;
            let mut changes = gantry_netlink::Changes::new();
            changes.add_address(index, address, 64);
            netlink.apply(changes).unwrap();
        }
        let net = networks
            .create(NetworkRequest {
                name: "dual".into(),
                ipv6: Some(true),
                ..NetworkRequest::default()
            })
            .unwrap();
        let sandbox = networks.create_sandbox().unwrap();
        let web = gantry_network::EndpointRequest {
            network: net.id.clone(),
            ..crate::host::request("web", &[publish(Protocol::Tcp, 8080, 80)])
        };
        networks
            .connect(std::os::fd::AsFd::as_fd(&sandbox), web)
            .unwrap();
        let server = listen(&sandbox, "[::]:80");
        input(None);
        assert!(tcp(&world, (six(1), 8080), &server).is_err());
        input(Some(Rule::new().iif("wan0").accept()));
        let seen = tcp(&world, (six(1), 8080), &server).unwrap();
        assert_eq!(seen.ip(), std::net::IpAddr::from(six(2)));
    });
}

#[test]
fn a_strict_path_filter_is_named() {
    on_fresh_host(|host| {
        std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "1").unwrap();
        let config = NetworkConfig {
            honor_input: true,
            ..host.config()
        };
        let error = Networks::open(config).unwrap_err().to_string();
        assert!(error.contains("rp_filter"), "{error}");
    });
}
