//! How networks are reached and left: gateway modes, trusted interfaces, fixed sources, one family
//! of addresses alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;

use gantry_netlink::{Changes, Connection};
use gantry_network::{
    EndpointRequest, HostPort, NetworkInfo, NetworkRequest, Networks, PortRequest, Protocol,
};

use crate::host::{
    CLIENT, Container, HOST_OUTSIDE, Host, listen, on_fresh_host, publish, request, run, tcp,
};

fn made(networks: &Networks, options: &[(&str, &str)], more: NetworkRequest) -> NetworkInfo {
    let key = |key: &str| {
        if key.starts_with("host_") {
            format!("com.docker.network.{key}")
        } else {
            format!("com.docker.network.bridge.{key}")
        }
    };
    let options = options.iter().map(|(k, v)| (key(k), (*v).to_owned()));
    let request = NetworkRequest {
        name: "net".to_owned(),
        options: options.collect::<BTreeMap<_, _>>(),
        ..more
    };
    networks.create(request).unwrap()
}

fn network(networks: &Networks, options: &[(&str, &str)]) -> NetworkInfo {
    made(networks, options, NetworkRequest::default())
}

fn join(networks: &Networks, network: &NetworkInfo, id: &str, ports: &[PortRequest]) -> Container {
    let sandbox = networks.create_sandbox().unwrap();
    let request = EndpointRequest {
        network: network.id.clone(),
        ..request(id, ports)
    };
    let endpoint = networks.connect(sandbox.as_fd(), request).unwrap();
    Container { sandbox, endpoint }
}

/// The container's port alone: `-p 80`.
fn alone(container_port: u16) -> PortRequest {
    PortRequest {
        host_port: HostPort::Any,
        ..publish(Protocol::Tcp, 0, container_port)
    }
}

/// The client has a route to all of Docker's subnets by this host: its default route.
#[test]
fn what_nat_hides_no_route_leads_to() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let net = network(&networks, &[]);
        let web = join(&networks, &net, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();
        assert!(tcp(&world, (web.ip(), 80), &server).is_err());
    });
}

#[test]
fn routed_containers_are_reached_by_their_own_addresses() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let net = network(&networks, &[("gateway_mode_ipv4", "routed")]);
        let web = join(&networks, &net, "web", &[alone(80)]);
        let (open, shut) = (
            listen(&web.sandbox, "0.0.0.0:80"),
            listen(&web.sandbox, "0.0.0.0:81"),
        );
        assert_eq!(tcp(&world, (web.ip(), 80), &open).unwrap().ip(), CLIENT);
        assert!(tcp(&world, (web.ip(), 81), &shut).is_err());
        // It takes no IPv4 port of the host, and leaves under its own address.
        let ports = &web.endpoint.state.ports;
        assert!(
            ports.iter().all(|p| p.is_open() == p.host_ip.is_ipv4()),
            "{ports:?}"
        );
        let outside = listen(&world, "0.0.0.0:99");
        let seen = tcp(&web.sandbox, (CLIENT, 99), &outside).unwrap();
        assert_eq!(seen.ip(), web.ip());
        // Other networks reach what is published, and nothing else.
        let other = run(&networks, "other", &[]);
        tcp(&other.sandbox, (web.ip(), 80), &open).unwrap();
        assert!(tcp(&other.sandbox, (web.ip(), 81), &shut).is_err());
        // An address of the host makes no sense.
        let named = PortRequest {
            host_ip: Some(HOST_OUTSIDE.into()),
            ..publish(Protocol::Tcp, 8081, 80)
        };
        let sandbox = networks.create_sandbox().unwrap();
        let request = EndpointRequest {
            network: net.id.clone(),
            ..request("named", &[named])
        };
        let error = networks.connect(sandbox.as_fd(), request).unwrap_err();
        assert!(error.to_string().contains("NAT is disabled"), "{error}");
        networks.disconnect(&web.endpoint.state).unwrap();
        assert!(tcp(&world, (web.ip(), 80), &open).is_err());
    });
}

#[test]
fn unprotected_containers_are_reached_at_all_ports() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let net = network(&networks, &[("gateway_mode_ipv4", "nat-unprotected")]);
        let web = join(&networks, &net, "web", &[]);
        let server = listen(&web.sandbox, "0.0.0.0:81");
        tcp(&world, (web.ip(), 81), &server).unwrap();
        let outside = listen(&world, "0.0.0.0:99");
        let seen = tcp(&web.sandbox, (CLIENT, 99), &outside).unwrap();
        assert_eq!(seen.ip(), HOST_OUTSIDE);
        networks.close(true).unwrap();
        assert_eq!(Host::tables(), []);
    });
}

#[test]
fn trusted_interfaces_reach_published_ports_directly() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let net = network(&networks, &[("trusted_host_interfaces", "lan7:wan0")]);
        let ports = [
            publish(Protocol::Tcp, 8080, 80),
            publish(Protocol::Tcp, 8081, 80),
        ];
        let web = join(&networks, &net, "web", &ports);
        let (open, shut) = (
            listen(&web.sandbox, "0.0.0.0:80"),
            listen(&web.sandbox, "0.0.0.0:81"),
        );
        tcp(&world, (web.ip(), 80), &open).unwrap();
        assert!(tcp(&world, (web.ip(), 81), &shut).is_err());
        // One of two that lead to it goes, and the other one keeps it reachable.
        let state = &web.endpoint.state;
        let gone: Vec<_> = state
            .ports
            .iter()
            .copied()
            .filter(|p| p.host_port == 8080)
            .collect();
        networks.unpublish(&state.endpoint_id, &gone).unwrap();
        tcp(&world, (web.ip(), 80), &open).unwrap();
        assert!(tcp(&world, (HOST_OUTSIDE, 8080), &open).is_err());
        tcp(&world, (HOST_OUTSIDE, 8081), &open).unwrap();
    });
}

#[test]
fn direct_routing_can_be_allowed_for_all() {
    on_fresh_host(|host| {
        let config = gantry_network::NetworkConfig {
            allow_direct_routing: true,
            ..host.config()
        };
        let networks = Networks::open(config).unwrap();
        let world = Host::client();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let (open, shut) = (
            listen(&web.sandbox, "0.0.0.0:80"),
            listen(&web.sandbox, "0.0.0.0:81"),
        );
        tcp(&world, (web.ip(), 80), &open).unwrap();
        assert!(tcp(&world, (web.ip(), 81), &shut).is_err());
    });
}

#[test]
fn packets_leave_under_the_address_that_was_chosen() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let here = Connection::open().unwrap();
        let wan = here.link("wan0").unwrap().unwrap().index;
        let own = Ipv4Addr::new(10, 9, 0, 77);
        let mut changes = Changes::new();
        changes.add_address(wan, own, 24);
        here.apply(changes).unwrap();
        let net = network(&networks, &[("host_ipv4", "10.9.0.77")]);
        let app = join(&networks, &net, "app", &[]);
        let plain = run(&networks, "plain", &[]);
        let outside = listen(&world, "0.0.0.0:99");
        let seen = |from: &Container| tcp(&from.sandbox, (CLIENT, 99), &outside).unwrap().ip();
        assert_eq!(seen(&app), own);
        assert_eq!(seen(&plain), HOST_OUTSIDE);
        networks.disconnect(&app.endpoint.state).unwrap();
        networks.remove("net", |_| None).unwrap();
    });
}

#[test]
fn an_isolated_bridge_has_no_address() {
    on_fresh_host(|host| {
        let networks = host.open();
        let options = [("gateway_mode_ipv4", "isolated")];
        let refused = NetworkRequest {
            name: "net".to_owned(),
            options: [(
                "com.docker.network.bridge.gateway_mode_ipv4".to_owned(),
                "isolated".to_owned(),
            )]
            .into(),
            ..NetworkRequest::default()
        };
        let error = networks.create(refused).unwrap_err().to_string();
        assert!(
            error.contains("only be used for an internal network"),
            "{error}"
        );
        let internal = NetworkRequest {
            internal: true,
            ..NetworkRequest::default()
        };
        let net = made(&networks, &options, internal);
        assert_eq!(net.subnets[0].gateway, None);
        let here = Connection::open().unwrap();
        let index = here.link(&net.interface).unwrap().unwrap().index;
        let addresses = here.addresses().unwrap();
        assert!(!addresses.iter().any(|(i, a, _)| *i == index && a.is_ipv4()));
        let (a, b) = (
            join(&networks, &net, "a", &[]),
            join(&networks, &net, "b", &[]),
        );
        let server = listen(&b.sandbox, "0.0.0.0:80");
        tcp(&a.sandbox, (b.ip(), 80), &server).unwrap();
        assert!(tcp(&host.netns, (b.ip(), 80), &server).is_err());
    });
}

#[test]
fn a_network_can_do_without_ipv4() {
    on_fresh_host(|host| {
        let networks = host.open();
        let six = NetworkRequest {
            ipv4: Some(false),
            ipv6: Some(true),
            ..NetworkRequest::default()
        };
        let net = made(&networks, &[], six);
        assert!(!net.ipv4 && net.ipv6 && net.subnets.len() == 1, "{net:?}");
        let web = join(&networks, &net, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        assert_eq!(web.endpoint.state.ipv4(), None);
        let server = listen(&web.sandbox, "[::]:80");
        let gateway = net.subnets[0].gateway.unwrap();
        tcp(&host.netns, (gateway, 8080), &server).unwrap();
        // What comes by IPv4, and to ::1, is left to whoever holds the sockets.
        let relayed: Vec<IpAddr> = web
            .endpoint
            .state
            .relays()
            .map(|relay| {
                assert_eq!(Some(relay.target), web.endpoint.state.ipv6());
                relay.port.host_ip
            })
            .collect();
        assert_eq!(relayed.len(), 2, "{relayed:?}");
        for (ipv4, ipv6) in [(Some(false), None), (Some(false), Some(false))] {
            let error = networks.create(NetworkRequest {
                name: "x".into(),
                ipv4,
                ipv6,
                ..NetworkRequest::default()
            });
            let error = error.unwrap_err().to_string();
            assert!(error.contains("IPv4 or IPv6 must be enabled"), "{error}");
        }
    });
}

#[test]
fn ports_of_a_family_that_a_container_lacks_are_relayed_or_refused() {
    on_fresh_host(|host| {
        let networks = host.open();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let relays: Vec<_> = web.endpoint.state.relays().collect();
        assert_eq!(relays.len(), 1, "{relays:?}");
        assert_eq!(relays[0].port.host_ip.to_string(), "::");
        assert_eq!(relays[0].target, IpAddr::from(web.ip()));
        networks.close(true).unwrap();
        let config = gantry_network::NetworkConfig {
            relay_ports: false,
            ..host.config()
        };
        let networks = Networks::open(config).unwrap();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 9090, 80)]);
        assert_eq!(web.endpoint.state.ports.len(), 1);
        let six = PortRequest {
            host_ip: Some("::1".parse().unwrap()),
            ..publish(Protocol::Tcp, 9091, 80)
        };
        let sandbox = networks.create_sandbox().unwrap();
        let error = networks
            .connect(sandbox.as_fd(), request("six", &[six]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("[::1]") && error.contains("userland-proxy"),
            "{error}"
        );
    });
}

#[test]
fn the_default_bridge_can_have_ipv6() {
    on_fresh_host(|host| {
        let config = gantry_network::NetworkConfig {
            ipv6: true,
            fixed_cidr_v6: Some("fd00:77::/64".parse().unwrap()),
            ..host.config()
        };
        let networks = Networks::open(config).unwrap();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let server = listen(&web.sandbox, "[::]:80");
        let gateway: IpAddr = "fd00:77::1".parse().unwrap();
        assert_eq!(web.endpoint.state.ipv6(), "fd00:77::2".parse().ok());
        tcp(&host.netns, (gateway, 8080), &server).unwrap();
    });
}
