//! What goes is out of use at once, deleted a moment later, and never left over.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Instant;

use gantry_netlink::Connection;
use gantry_network::{NetworkRequest, Networks, PoolRequest};

use crate::host::{Container, Host, on_fresh_host, request, run};

/// A network whose bridge has this name, with this subnet.
fn named(name: &str, bridge: &str, subnet: &str) -> NetworkRequest {
    let bridge = ("com.docker.network.bridge.name", bridge);
    NetworkRequest {
        name: name.to_owned(),
        options: BTreeMap::from([(bridge.0.to_owned(), bridge.1.to_owned())]),
        pools: vec![PoolRequest {
            subnet: subnet.to_owned(),
            ..PoolRequest::default()
        }],
        ..NetworkRequest::default()
    }
}

fn join(networks: &Networks, network: &str, container: &Container) -> gantry_network::Endpoint {
    let request = gantry_network::EndpointRequest {
        network: network.to_owned(),
        interfaces: vec!["eth0".to_owned()],
        default_route: false,
        ..request("a", &[])
    };
    networks
        .connect(container.sandbox.as_fd(), request)
        .unwrap()
}

fn inside(container: &Container) -> Vec<gantry_netlink::Link> {
    let inside = Connection::open_in(container.sandbox.as_fd()).unwrap();
    inside.links().unwrap()
}

fn has_address(address: &str) -> bool {
    let addresses = Connection::open().unwrap().addresses().unwrap();
    addresses
        .iter()
        .any(|(_, own, _)| own.to_string() == address)
}

#[test]
fn names_and_addresses_are_free_at_once() {
    on_fresh_host(|host| {
        let networks = host.open();
        let before = Host::link_names();
        let begun = Instant::now();
        let a = run(&networks, "a", &[]);
        for _ in 0..20 {
            networks
                .create(named("n", "shop0", "10.77.0.0/24"))
                .unwrap();
            let joined = join(&networks, "n", &a);
            assert_eq!(joined.state.interface, "eth1");
            networks
                .disconnect_now(a.sandbox.as_fd(), &joined.state)
                .unwrap();
            let left = inside(&a);
            let used = |l: &&gantry_netlink::Link| l.up || l.name.starts_with("eth");
            assert_eq!(left.iter().filter(used).count(), 2, "{left:?}");
            networks.remove("n", |_| None).unwrap();
            assert!(!Host::link_names().contains(&"shop0".to_owned()));
            assert!(!has_address("10.77.0.1"));
        }
        println!("20 networks came and went in {:?}", begun.elapsed());
        networks.disconnect(&a.endpoint.state).unwrap();
        drop(networks); // waits for the thread
        assert_eq!(Host::link_names(), before);
        let mut left: Vec<_> = inside(&a).into_iter().map(|link| link.name).collect();
        left.retain(|name| name != "lo");
        assert_eq!(left, Vec::<String>::new());
    });
}
