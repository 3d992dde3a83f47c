//! Containers on the default bridge.

use std::net::Ipv4Addr;
use std::time::Instant;

use gantry_netlink::Connection;
use gantry_network::{EndpointRequest, MacAddress};
use std::os::fd::AsFd;

use crate::host::{
    CLIENT, HOST_OUTSIDE, Host, listen, on_fresh_host, quick_on_a_fresh_host, request, run, tcp,
};

#[test]
fn two_containers_reach_each_other_at_once() {
    quick_on_a_fresh_host(|host| {
        let networks = host.open();
        let (a, b) = (run(&networks, "a", &[]), run(&networks, "b", &[]));
        assert_eq!(a.ip(), Ipv4Addr::new(172, 17, 0, 2));
        assert_eq!(b.ip(), Ipv4Addr::new(172, 17, 0, 3));
        let server = listen(&a.sandbox, "0.0.0.0:80");
        let start = Instant::now();
        let peer = tcp(&b.sandbox, (a.ip(), 80), &server).unwrap();
        let took = start.elapsed();
        assert_eq!(peer.ip(), b.ip());
        took
    });
}

#[test]
fn a_new_container_has_a_complete_interface() {
    on_fresh_host(|host| {
        let networks = host.open();
        let container = run(&networks, "a", &[]);
        let inside = Connection::open_in(container.sandbox.as_fd()).unwrap();
        let link = inside.link("eth0").unwrap().unwrap();
        assert!(link.up);
        assert_eq!(link.mac, Some([0x02, 0x42, 172, 17, 0, 2]));
        assert!(inside.link("lo").unwrap().unwrap().up);
        let routes = inside.routes().unwrap();
        assert!(routes.iter().any(|route| route.prefix == 0), "{routes:?}");
        assert_eq!(container.endpoint.state.endpoint_id.len(), 64);
        assert_eq!(
            container.endpoint.state.v4.unwrap().gateway,
            Some(Ipv4Addr::new(172, 17, 0, 1).into())
        );
    });
}

#[test]
fn a_container_reaches_the_world_as_its_host() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let server = listen(&world, "0.0.0.0:80");
        let container = run(&networks, "a", &[]);
        let peer = tcp(&container.sandbox, (CLIENT, 80), &server).unwrap();
        assert_eq!(peer.ip(), HOST_OUTSIDE);
    });
}

#[test]
fn the_world_reaches_no_port_that_is_not_published() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let container = run(&networks, "a", &[]);
        let server = listen(&container.sandbox, "0.0.0.0:80");
        assert!(tcp(&world, (container.ip(), 80), &server).is_err());
        // The host itself may.
        tcp(&host.netns, (container.ip(), 80), &server).unwrap();
    });
}

#[test]
fn the_hosts_loopback_servers_stay_its_own() {
    on_fresh_host(|host| {
        let networks = host.open();
        let container = run(&networks, "a", &[]);
        let server = listen(&host.netns, "127.0.0.1:631");
        assert!(tcp(&container.sandbox, (networks.host_gateway(), 631), &server).is_err());
        // A container that routes 127/8 to the bridge does not get through either.
        let (gateway, sandbox) = (networks.host_gateway(), &container.sandbox);
        gantry_sys::netns::run_in(sandbox.as_fd(), || {
            std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1")
        })
        .unwrap();
        let route = format!(
            "ip addr del 127.0.0.1/8 dev lo; ip route del local 127.0.0.0/8 table local; \
             ip route add 127.0.0.0/8 via {gateway} dev eth0 src {}",
            container.ip()
        );
        gantry_sys::netns::run_in(sandbox.as_fd(), || {
            std::process::Command::new("sh")
                .arg("-c")
                .arg(&route)
                .status()
                .map(drop)
        })
        .unwrap();
        assert!(tcp(sandbox, (Ipv4Addr::LOCALHOST, 631), &server).is_err());
        tcp(&host.netns, (Ipv4Addr::LOCALHOST, 631), &server).unwrap();
    });
}

#[test]
fn addresses_are_as_asked() {
    on_fresh_host(|host| {
        let networks = host.open();
        let sandbox = networks.create_sandbox().unwrap();
        let ip = Ipv4Addr::new(172, 17, 9, 9);
        let mac = MacAddress([2, 0, 0, 0, 9, 9]);
        let fixed = EndpointRequest {
            ip: Some(ip),
            mac: Some(mac),
            ..request("a", &[])
        };
        let endpoint = networks.connect(sandbox.as_fd(), fixed.clone()).unwrap();
        assert_eq!(endpoint.state.ipv4(), Some(ip.into()));
        assert_eq!(endpoint.state.mac, Some(mac));
        let inside = Connection::open_in(sandbox.as_fd()).unwrap();
        assert_eq!(inside.link("eth0").unwrap().unwrap().mac, Some(mac.0));
        let server = listen(&sandbox, "0.0.0.0:80");
        tcp(&host.netns, (ip, 80), &server).unwrap();

        let other = networks.create_sandbox().unwrap();
        let taken = EndpointRequest {
            container_id: "b".to_owned(),
            ..fixed
        };
        let error = networks.connect(other.as_fd(), taken).unwrap_err();
        assert!(
            error.to_string().contains("172.17.9.9 is already in use"),
            "{error}"
        );
    });
}

#[test]
fn an_address_comes_back_to_its_container() {
    on_fresh_host(|host| {
        let networks = host.open();
        let first = run(&networks, "a", &[]);
        networks.disconnect(&first.endpoint.state).unwrap();
        let again = run(&networks, "a", &[]);
        assert_eq!(again.ip(), first.ip());
        // The old sandbox still exists, but its interface does not answer any more.
        let server = listen(&again.sandbox, "0.0.0.0:80");
        tcp(&host.netns, (again.ip(), 80), &server).unwrap();
    });
}
