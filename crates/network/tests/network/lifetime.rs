//! Opening, dying, restoring, closing.

use std::net::Ipv4Addr;

use gantry_network::{NetworkConfig, Networks, Protocol};
use gantry_nft::{Batch, Chain, ChainType, Family, Hook, Policy, Rule, Table};

use crate::host::{CLIENT, HOST_OUTSIDE, Host, listen, on_fresh_host, publish, run, tcp};

#[test]
fn traffic_goes_on_while_the_daemon_is_dead_and_after() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let dead = run(&networks, "dead", &[publish(Protocol::Tcp, 8081, 80)]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        drop(networks);
        tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();

        let networks = host.open();
        tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();
        networks.restore(vec![web.endpoint.state.clone()]).unwrap();
        assert_eq!(
            tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap().ip(),
            CLIENT
        );
        assert!(Host::link_names().contains(&web.endpoint.state.host_interface));
        assert!(!Host::link_names().contains(&dead.endpoint.state.host_interface));

        // The address is taken, the port too, and the dead one's are free.
        let gone_port = dead.port().host_port;
        drop(dead);
        let next = run(&networks, "next", &[publish(Protocol::Tcp, gone_port, 80)]);
        assert_eq!(next.ip(), Ipv4Addr::new(172, 17, 0, 3));
        networks.disconnect(&web.endpoint.state).unwrap();
        assert!(tcp(&world, (HOST_OUTSIDE, 8080), &server).is_err());
    });
}

#[test]
fn closing_leaves_nothing() {
    on_fresh_host(|host| {
        let before = Host::link_names();
        let networks = host.open();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        networks.disconnect(&web.endpoint.state).unwrap();
        networks.close(true).unwrap();
        drop(networks);
        assert_eq!(Host::link_names(), before);
        assert_eq!(Host::tables(), []);
    });
}

#[test]
fn closing_keeps_running_containers_reachable() {
    on_fresh_host(|host| {
        let networks = host.open();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        networks.close(false).unwrap();
        drop(networks);
        tcp(&host.netns, (Ipv4Addr::LOCALHOST, 8080), &server).unwrap();
    });
}

#[test]
fn disconnected_interfaces_go_away() {
    on_fresh_host(|host| {
        let before = Host::link_names().len();
        let networks = host.open();
        let containers: Vec<_> = (0..10)
            .map(|n| run(&networks, &n.to_string(), &[]))
            .collect();
        for container in &containers {
            networks.disconnect(&container.endpoint.state).unwrap();
            networks.disconnect(&container.endpoint.state).unwrap();
        }
        assert!(networks.endpoints().is_empty());
        drop(networks); // waits for the reaper
        assert_eq!(Host::link_names().len(), before + 1);
    });
}

#[test]
fn two_daemons_share_a_host() {
    on_fresh_host(|host| {
        let first = host.open();
        let other_root = host.run_root().join("other");
        let config = NetworkConfig {
            sandbox_pool: 2,
            ..NetworkConfig::new(&other_root, Some("0123456789abcdef"))
        };
        let second = Networks::open(config).unwrap();
        let (a, b) = (run(&first, "a", &[]), run(&second, "b", &[]));
        assert_ne!(a.endpoint.state.v4, b.endpoint.state.v4);
        assert!(Host::link_names().contains(&"gantry-01234567".to_owned()));
        // Neither reaches the other's containers.
        let server = listen(&b.sandbox, "0.0.0.0:80");
        assert!(tcp(&a.sandbox, (b.ip(), 80), &server).is_err());
        drop(second);
        first.close(true).unwrap();
        assert_eq!(
            Host::tables(),
            [Table::new(Family::Ip, "gantry-0123456789abcdef")]
        );
    });
}

#[test]
fn a_chain_that_drops_by_default_is_opened_and_put_back() {
    on_fresh_host(|host| {
        let nft = gantry_nft::Connection::open().unwrap();
        let filter = Table::new(Family::Ip, "filter");
        let mut batch = Batch::new();
        batch.add_table(&filter);
        let forward = Chain::base("FORWARD", ChainType::Filter, Hook::Forward, 0);
        batch.add_chain(&filter, &forward.policy(Policy::Drop));
        nft.commit(batch).unwrap();

        let networks = host.open();
        let world = Host::client();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();
        assert_eq!(nft.rules(&filter, "FORWARD").unwrap().len(), 2);
        drop(networks);
        let networks = host.open();
        assert_eq!(nft.rules(&filter, "FORWARD").unwrap().len(), 2);
        networks.close(true).unwrap();
        assert_eq!(nft.rules(&filter, "FORWARD").unwrap(), []);
        assert_eq!(Host::tables(), [filter]);
    });
}

#[test]
fn our_rules_go_where_the_owner_wants_them() {
    on_fresh_host(|host| {
        let nft = gantry_nft::Connection::open().unwrap();
        let filter = Table::new(Family::Ip, "filter");
        let mut batch = Batch::new();
        batch.add_table(&filter);
        batch.add_chain(&filter, &Chain::regular("DOCKER-USER"));
        let forward = Chain::base("FORWARD", ChainType::Filter, Hook::Forward, 0);
        batch.add_chain(&filter, &forward.policy(Policy::Drop));
        batch.add_rule(&filter, "FORWARD", &Rule::new().jump("DOCKER-USER"));
        nft.commit(batch).unwrap();

        let networks = host.open();
        let world = Host::client();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();
        assert_eq!(nft.rules(&filter, "DOCKER-USER").unwrap().len(), 2);
        networks.close(true).unwrap();
        assert_eq!(nft.rules(&filter, "DOCKER-USER").unwrap(), []);
        assert_eq!(nft.rules(&filter, "FORWARD").unwrap().len(), 1);
    });
}

#[test]
fn many_come_and_go_at_once() {
    on_fresh_host(|host| {
        let networks = host.open();
        let taken = std::sync::Mutex::new(std::collections::HashSet::new());
        std::thread::scope(|scope| {
            for worker in 0..8_u16 {
                let (networks, taken) = (&networks, &taken);
                scope.spawn(move || {
                    for turn in 0..10_u16 {
                        let ports = [publish(Protocol::Udp, 7000 + worker, 80)];
                        let one = run(networks, &format!("{worker}-{turn}"), &ports);
                        assert!(taken.lock().unwrap().insert(one.ip()), "{} twice", one.ip());
                        taken.lock().unwrap().remove(&one.ip());
                        networks.disconnect(&one.endpoint.state).unwrap();
                    }
                });
            }
        });
        assert!(networks.endpoints().is_empty());
        drop(networks);
        let nft = gantry_nft::Connection::open().unwrap();
        let table = Table::new(Family::Ip, "gantry");
        assert_eq!(
            nft.elements(&table, "ports").unwrap(),
            Vec::<Vec<u8>>::new()
        );
        assert_eq!(Host::link_names().len(), 2, "{:?}", Host::link_names());
    });
}

#[test]
fn the_default_networks_keep_their_ids() {
    on_fresh_host(|host| {
        let networks = host.open().networks();
        let names: Vec<_> = networks
            .iter()
            .map(|network| network.name.as_str())
            .collect();
        assert_eq!(names, ["bridge", "host", "none"]);
        let ids = |list: &[gantry_network::NetworkInfo]| -> Vec<String> {
            list.iter().map(|network| network.id.clone()).collect()
        };
        assert_eq!(ids(&host.open().networks()), ids(&networks));
        assert_eq!(networks[0].subnets[0].subnet.to_string(), "172.17.0.0/16");
    });
}
