//! Users' networks.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use gantry_dns::Directory as _;
use gantry_network::{
    EndpointRequest, Error, Kind, NetworkInfo, NetworkRequest, Networks, PoolRequest, Protocol,
};

use crate::host::{
    CLIENT, Container, HOST_OUTSIDE, Host, listen, on_fresh_host, publish, request, tcp,
};

fn network(networks: &Networks, name: &str, options: &[(&str, &str)]) -> NetworkInfo {
    let options = options
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let request = NetworkRequest {
        name: name.to_owned(),
        options: options.collect::<BTreeMap<_, _>>(),
        ..NetworkRequest::default()
    };
    networks.create(request).unwrap()
}

fn join(networks: &Networks, network: &NetworkInfo, id: &str, names: &[&str]) -> Container {
    let sandbox = networks.create_sandbox().unwrap();
    let request = EndpointRequest {
        network: network.id.clone(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        ..request(id, &[])
    };
    let endpoint = networks.connect(sandbox.as_fd(), request).unwrap();
    Container { sandbox, endpoint }
}

fn with_pool(name: &str, pool: PoolRequest) -> NetworkRequest {
    NetworkRequest {
        name: name.to_owned(),
        pools: vec![pool],
        ..NetworkRequest::default()
    }
}

#[test]
fn networks_are_apart_and_survive_the_daemon() {
    on_fresh_host(|host| {
        let networks = host.open();
        let front = network(&networks, "front", &[]);
        let back = network(&networks, "back", &[]);
        assert_eq!(front.subnets[0].subnet.to_string(), "172.18.0.0/24");
        assert_eq!(back.subnets[0].subnet.to_string(), "172.18.1.0/24");
        let (a, b) = (
            join(&networks, &front, "a", &["a"]),
            join(&networks, &front, "b", &["b"]),
        );
        let c = join(&networks, &back, "c", &["c"]);
        let server = listen(&b.sandbox, "0.0.0.0:80");
        tcp(&a.sandbox, (b.ip(), 80), &server).unwrap();
        assert!(tcp(&c.sandbox, (b.ip(), 80), &server).is_err());
        let live = [&a, &b, &c].map(|c| c.endpoint.state.clone());
        drop(networks);

        let networks = host.open();
        networks.restore(live.to_vec()).unwrap();
        tcp(&a.sandbox, (b.ip(), 80), &server).unwrap();
        assert!(tcp(&c.sandbox, (b.ip(), 80), &server).is_err());
        assert_eq!(networks.find("front").unwrap(), front);
        assert_eq!(networks.addresses("a", "b").unwrap(), [b.ip()]);
        assert_eq!(networks.addresses("a", "c"), None);
        let d = join(&networks, &front, "d", &["d"]);
        assert_ne!(d.ip(), a.ip());
        assert_ne!(d.ip(), b.ip());
        let error = networks
            .remove("front", |_| Some("web".into()))
            .unwrap_err();
        assert!(
            error.to_string().contains("name:\"web\" id:\"a\""),
            "{error}"
        );
        for endpoint in networks.endpoints() {
            networks.disconnect(&endpoint).unwrap();
        }
        networks.remove("front", |_| None).unwrap();
        networks.remove(&back.id, |_| None).unwrap();
        drop(networks);
        assert_eq!(host.open().networks().len(), 3);
        assert!(
            !Host::link_names()
                .iter()
                .any(|name| name.starts_with("br-"))
        );
    });
}

#[test]
fn no_way_leads_out_of_an_internal_network() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let inner = networks
            .create(NetworkRequest {
                name: "inner".into(),
                internal: true,
                ..NetworkRequest::default()
            })
            .unwrap();
        let open = network(&networks, "open", &[]);
        let (a, b) = (
            join(&networks, &inner, "a", &[]),
            join(&networks, &inner, "b", &[]),
        );
        let c = join(&networks, &open, "c", &[]);
        let server = listen(&b.sandbox, "0.0.0.0:80");
        tcp(&a.sandbox, (b.ip(), 80), &server).unwrap();
        let outside = listen(&world, "0.0.0.0:80");
        assert!(tcp(&a.sandbox, (CLIENT, 80), &outside).is_err());
        tcp(&c.sandbox, (CLIENT, 80), &outside).unwrap();
        // Also not by a route that the container makes itself.
        let gateway = inner.subnets[0].gateway.unwrap();
        gantry_sys::netns::run_in(a.sandbox.as_fd(), || {
            std::process::Command::new("ip")
                .args(["route", "add", "default", "via", &gateway.to_string()])
                .status()
        })
        .unwrap();
        assert!(tcp(&a.sandbox, (CLIENT, 80), &outside).is_err());
        assert!(tcp(&c.sandbox, (b.ip(), 80), &server).is_err());
        assert!(networks.upstreams("a").is_empty());
    });
}

#[test]
fn without_icc_only_published_ports_are_reached() {
    on_fresh_host(|host| {
        let networks = host.open();
        let net = network(
            &networks,
            "apart",
            &[("com.docker.network.bridge.enable_icc", "false")],
        );
        let a = join(&networks, &net, "a", &[]);
        let sandbox = networks.create_sandbox().unwrap();
        let ports = [publish(Protocol::Tcp, 8080, 80)];
        let web = EndpointRequest {
            network: net.id.clone(),
            ..request("web", &ports)
        };
        let endpoint = networks.connect(sandbox.as_fd(), web).unwrap();
        let web = Container { sandbox, endpoint };
        let server = listen(&web.sandbox, "0.0.0.0:80");
        assert!(tcp(&a.sandbox, (web.ip(), 80), &server).is_err());
        let _world = Host::client();
        tcp(&host.netns, (HOST_OUTSIDE, 8080), &server).unwrap();
        tcp(&a.sandbox, (HOST_OUTSIDE, 8080), &server).unwrap();
    });
}

#[test]
fn ports_move_to_another_network() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let (one, two) = (
            network(&networks, "one", &[]),
            network(&networks, "two", &[]),
        );
        let sandbox = networks.create_sandbox().unwrap();
        let first = EndpointRequest {
            network: one.id.clone(),
            ..request("web", &[publish(Protocol::Tcp, 8080, 80)])
        };
        let first = networks.connect(sandbox.as_fd(), first).unwrap();
        let second = EndpointRequest {
            network: two.id.clone(),
            interfaces: vec!["eth0".to_owned()],
            default_route: false,
            ..request("web", &[])
        };
        let second = networks.connect(sandbox.as_fd(), second).unwrap().state;
        assert_eq!(second.interface, "eth1");
        let server = listen(&sandbox, "0.0.0.0:80");
        tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap();
        let moved = networks.move_ports(&first.state, &second).unwrap();
        networks
            .disconnect_now(sandbox.as_fd(), &first.state)
            .unwrap();
        networks.route(sandbox.as_fd(), &[&moved]).unwrap();
        assert_eq!(
            tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap().ip(),
            CLIENT
        );
        networks.disconnect(&moved).unwrap();
        assert!(tcp(&world, (HOST_OUTSIDE, 8080), &server).is_err());
    });
}

#[test]
fn ipv6_works_beside_ipv4() {
    on_fresh_host(|host| {
        let networks = host.open();
        let net = networks
            .create(NetworkRequest {
                name: "dual".into(),
                ipv6: Some(true),
                ..NetworkRequest::default()
            })
            .unwrap();
        assert!(
            net.subnets[1].subnet.to_string().starts_with("fd"),
            "{net:?}"
        );
        let (a, b) = (
            join(&networks, &net, "a", &["a"]),
            join(&networks, &net, "b", &["b"]),
        );
        let six = b.endpoint.state.ipv6().unwrap();
        let server = listen(&b.sandbox, "[::]:80");
        assert_eq!(
            tcp(&a.sandbox, (six, 80), &server).unwrap().ip(),
            a.endpoint.state.ipv6().unwrap()
        );
        tcp(&a.sandbox, (b.ip(), 80), &server).unwrap();
        assert_eq!(networks.addresses("a", "b").unwrap().len(), 2);
        // Published on both families, reached by the bridge's IPv6 address.
        let sandbox = networks.create_sandbox().unwrap();
        let web = EndpointRequest {
            network: net.id.clone(),
            ..request("web", &[publish(Protocol::Tcp, 8080, 80)])
        };
        let web = networks.connect(sandbox.as_fd(), web).unwrap();
        assert_eq!(web.state.ports.len(), 2, "{:?}", web.state.ports);
        let server = listen(&sandbox, "[::]:80");
        let gateway = net.subnets[1].gateway.unwrap();
        tcp(&host.netns, (gateway, 8080), &server).unwrap();
        tcp(&a.sandbox, (gateway, 8080), &server).unwrap();
        networks.close(true).unwrap();
        assert_eq!(Host::tables(), []);
    });
}

#[test]
fn what_makes_no_sense_is_refused() {
    on_fresh_host(|host| {
        let networks = host.open();
        let pool = |subnet: &str| PoolRequest {
            subnet: subnet.to_owned(),
            ..PoolRequest::default()
        };
        networks
            .create(with_pool("there", pool("10.77.0.0/16")))
            .unwrap();
        let driver = |driver: &str| NetworkRequest {
            driver: driver.to_owned(),
            ..with_pool("x", PoolRequest::default())
        };
        let long = "n".repeat(10_000);
        let cases: Vec<(NetworkRequest, Kind, &str)> = vec![
            (
                with_pool("x", pool("10.77.3.0/24")),
                Kind::Forbidden,
                "Pool overlaps with other one",
            ),
            (
                with_pool("x", pool("10.78.0.1/24")),
                Kind::Invalid,
                "it should be 10.78.0.0/24",
            ),
            (
                with_pool("x", pool("10.78.0.0/33")),
                Kind::Invalid,
                "10.78.0.0/33",
            ),
            (with_pool("x", pool("what")), Kind::Invalid, "what"),
            (
                with_pool("there", pool("10.79.0.0/24")),
                Kind::Exists,
                "there already exists",
            ),
            (
                with_pool("host", PoolRequest::default()),
                Kind::Forbidden,
                "predefined",
            ),
            (
                with_pool("", PoolRequest::default()),
                Kind::Invalid,
                "empty",
            ),
            (
                with_pool(&long, PoolRequest::default()),
                Kind::Invalid,
                "255",
            ),
            (driver("overlay"), Kind::Forbidden, "swarm"),
            (driver("weave"), Kind::NotFound, "weave"),
        ];
        let before = Host::link_names();
        for (request, kind, text) in cases {
            let error = networks.create(request).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
        for (gateway, range) in [("10.79.0.1", ""), ("", "10.79.0.0/24"), ("", "10.0.0.0/8")] {
            let request = PoolRequest {
                gateway: gateway.to_owned(),
                range: range.to_owned(),
                ..pool("10.78.0.0/24")
            };
            let error = networks.create(with_pool("x", request)).unwrap_err();
            assert!(error.to_string().contains("doesn't contain"), "{error}");
        }
        assert_eq!(Host::link_names(), before);
        assert_eq!(networks.networks().len(), 4);
        assert!(matches!(
            networks.find("nothing"),
            Err(Error::NoSuchNetwork(_))
        ));
    });
}

#[test]
fn exhausted_pools_name_what_to_do() {
    on_fresh_host(|host| {
        let config = gantry_network::NetworkConfig {
            default_address_pools: vec![gantry_network::AddressPool {
                base: "10.5.0.0/23".parse().unwrap(),
                size: 24,
            }],
            ..host.config()
        };
        let networks = Networks::open(config).unwrap();
        network(&networks, "one", &[]);
        let request = with_pool("two", PoolRequest::default());
        let error = networks.create(request).unwrap_err().to_string();
        assert!(
            error.contains("non-overlapping IPv4 address pool"),
            "{error}"
        );
        assert!(error.contains("such as one"), "{error}");
    });
}
