//! Published ports, by who connects from where.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use gantry_network::{HostPort, PortRequest, Protocol};

use crate::host::{
    CLIENT, HOST_OUTSIDE, Host, listen, on_fresh_host, publish, quick_on_a_fresh_host, run, tcp,
    udp, udp_socket,
};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

/// With br_netfilter, bridged frames meet the rules too, and answers take other ways.
fn set_bridge_netfilter(on: bool) {
    let value = if on { "1" } else { "0" };
    // Where the module is not loaded there is no such file, and it is off.
    let _ = std::fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", value);
}

#[test]
fn a_port_is_reached_from_everywhere_and_sees_who_connects() {
    reached_from_everywhere(true);
    reached_from_everywhere(false);
}

fn reached_from_everywhere(bridge_netfilter: bool) {
    on_fresh_host(|host| {
        set_bridge_netfilter(bridge_netfilter);
        let networks = host.open();
        let world = Host::client();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let other = run(&networks, "other", &[]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        let seen = |peer: std::net::SocketAddr| peer.ip();

        // The host by its loopback, by its outside address and by the bridge's.
        assert_eq!(
            seen(tcp(&host.netns, (Ipv4Addr::LOCALHOST, 8080), &server).unwrap()),
            GATEWAY
        );
        let from_host = tcp(&host.netns, (HOST_OUTSIDE, 8080), &server).unwrap();
        assert_eq!(seen(from_host), HOST_OUTSIDE);
        assert_eq!(
            seen(tcp(&host.netns, (GATEWAY, 8080), &server).unwrap()),
            GATEWAY
        );
        // Another machine: its own address arrives.
        assert_eq!(
            seen(tcp(&world, (HOST_OUTSIDE, 8080), &server).unwrap()),
            CLIENT
        );
        // Another container and the container itself, through the host.
        assert_eq!(
            seen(tcp(&other.sandbox, (HOST_OUTSIDE, 8080), &server).unwrap()),
            GATEWAY
        );
        assert_eq!(
            seen(tcp(&web.sandbox, (HOST_OUTSIDE, 8080), &server).unwrap()),
            GATEWAY
        );
        assert_eq!(
            seen(tcp(&other.sandbox, (GATEWAY, 8080), &server).unwrap()),
            GATEWAY
        );

        networks.disconnect(&web.endpoint.state).unwrap();
        assert!(tcp(&world, (HOST_OUTSIDE, 8080), &server).is_err());
    });
}

#[test]
fn the_first_container_is_reached_at_once() {
    quick_on_a_fresh_host(|host| {
        let networks = host.open();
        let web = run(&networks, "web", &[publish(Protocol::Tcp, 8080, 80)]);
        let server = listen(&web.sandbox, "0.0.0.0:80");
        let start = std::time::Instant::now();
        tcp(&host.netns, (Ipv4Addr::LOCALHOST, 8080), &server).unwrap();
        start.elapsed()
    });
}

#[test]
fn udp_answers_come_from_where_they_were_asked() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let dns = run(&networks, "dns", &[publish(Protocol::Udp, 5353, 53)]);
        let server = udp_socket(&dns.sandbox, "0.0.0.0:53");
        let client = udp_socket(&world, "0.0.0.0:0");
        assert_eq!(
            udp(&client, (HOST_OUTSIDE, 5353), &server).unwrap().ip(),
            CLIENT
        );
        let local = udp_socket(&host.netns, "0.0.0.0:0");
        udp(&local, (Ipv4Addr::LOCALHOST, 5353), &server).unwrap();
    });
}

#[test]
fn a_udp_client_that_never_pauses_follows_to_the_next_container() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let client = udp_socket(&world, "0.0.0.0:0");
        let to = (HOST_OUTSIDE, 5353);
        // It sends before anything is published.
        client
            .send_to(b"?", std::net::SocketAddr::from(to))
            .unwrap();
        let first = run(&networks, "first", &[publish(Protocol::Udp, 5353, 53)]);
        udp(&client, to, &udp_socket(&first.sandbox, "0.0.0.0:53")).unwrap();
        networks.disconnect(&first.endpoint.state).unwrap();
        drop(first);
        let second = run(&networks, "second", &[publish(Protocol::Udp, 5353, 53)]);
        udp(&client, to, &udp_socket(&second.sandbox, "0.0.0.0:53")).unwrap();
    });
}

#[test]
fn a_port_is_waited_for_while_its_last_holder_ends() {
    on_fresh_host(|host| {
        let networks = host.open();
        let first = run(&networks, "first", &[publish(Protocol::Tcp, 8080, 80)]);
        networks.disconnect(&first.endpoint.state).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                drop(first);
            });
            run(&networks, "second", &[publish(Protocol::Tcp, 8080, 80)]);
        });
    });
}

#[test]
fn a_port_of_one_address_is_that_addresses_only() {
    on_fresh_host(|host| {
        let networks = host.open();
        let world = Host::client();
        let on = |host_ip: Ipv4Addr| PortRequest {
            host_ip: Some(IpAddr::from(host_ip)),
            ..publish(Protocol::Tcp, 8080, 80)
        };
        let private = run(&networks, "private", &[on(Ipv4Addr::LOCALHOST)]);
        let public = run(&networks, "public", &[on(HOST_OUTSIDE)]);
        let (inner, outer) = (
            listen(&private.sandbox, "0.0.0.0:80"),
            listen(&public.sandbox, "0.0.0.0:80"),
        );
        tcp(&host.netns, (Ipv4Addr::LOCALHOST, 8080), &inner).unwrap();
        tcp(&world, (HOST_OUTSIDE, 8080), &outer).unwrap();
        networks.disconnect(&public.endpoint.state).unwrap();
        assert!(tcp(&world, (HOST_OUTSIDE, 8080), &inner).is_err());
    });
}

#[test]
fn free_ports_are_found() {
    on_fresh_host(|host| {
        let networks = host.open();
        let any = |container_port| PortRequest {
            host_port: HostPort::Any,
            ..publish(Protocol::Tcp, 0, container_port)
        };
        let container = run(&networks, "a", &[any(80), any(81)]);
        let ports = &container.endpoint.state.ports;
        assert!(ports.iter().all(|port| port.host_port >= 32_768));
        // Each on both families, under one number.
        let numbers: HashSet<u16> = ports.iter().map(|port| port.host_port).collect();
        assert_eq!((numbers.len(), ports.len()), (2, 4), "{ports:?}");
        assert_eq!(container.endpoint.reserved.len(), 4);

        let ranged = PortRequest {
            host_port: HostPort::Range(9000, 9001),
            ..publish(Protocol::Tcp, 0, 80)
        };
        let (b, c) = (
            run(&networks, "b", &[ranged]),
            run(&networks, "c", &[ranged]),
        );
        assert_eq!((b.port().host_port, c.port().host_port), (9000, 9001));
        let sandbox = networks.create_sandbox().unwrap();
        let request = crate::host::request("d", &[ranged]);
        let error = networks
            .connect(std::os::fd::AsFd::as_fd(&sandbox), request)
            .unwrap_err();
        assert!(error.to_string().contains("9000-9001"), "{error}");
    });
}

#[test]
fn a_thousand_ports_are_published_at_once() {
    on_fresh_host(|host| {
        let networks = host.open();
        let range = |first: u16| -> Vec<PortRequest> {
            let ports = first..first + 1000;
            ports
                .map(|port| publish(Protocol::Tcp, port, port))
                .collect()
        };
        let start = std::time::Instant::now();
        let web = run(&networks, "web", &range(20_000));
        let took = start.elapsed();
        // Docker takes half a minute for as many: two processes and some rules for each.
        assert!(took.as_secs() < 5, "{took:?}");
        let server = listen(&web.sandbox, "0.0.0.0:20999");
        tcp(&host.netns, (Ipv4Addr::LOCALHOST, 20_999), &server).unwrap();
        // Somebody else's port in a range is found, and nothing of the range stays.
        let _taken = std::net::TcpListener::bind("127.0.0.1:30500").unwrap();
        let sandbox = networks.create_sandbox().unwrap();
        let request = crate::host::request("b", &range(30_000));
        let error = networks
            .connect(std::os::fd::AsFd::as_fd(&sandbox), request)
            .unwrap_err();
        assert!(error.to_string().contains("30500"), "{error}");
        std::net::TcpListener::bind("127.0.0.1:30499").unwrap();
        let start = std::time::Instant::now();
        networks.disconnect(&web.endpoint.state).unwrap();
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    });
}

#[test]
fn more_ports_than_files_can_be_open_are_published() {
    on_fresh_host(|host| {
        let networks = host.open();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let open = limit.current.unwrap_or(u64::MAX) / 2;
        // Each takes two sockets, one of each family.
        let count = u16::try_from(open / 2 + 500).unwrap_or(20_000).min(20_000);
        let ports: Vec<PortRequest> = (10_000..10_000 + count)
            .map(|port| publish(Protocol::Udp, port, port))
            .collect();
        let rtp = run(&networks, "rtp", &ports);
        assert!(rtp.endpoint.reserved.len() as u64 <= open);
        let last = 10_000 + count - 1;
        let server = udp_socket(&rtp.sandbox, &format!("0.0.0.0:{last}"));
        let client = udp_socket(&host.netns, "127.0.0.1:0");
        udp(&client, (Ipv4Addr::LOCALHOST, last), &server).unwrap();
        let sandbox = networks.create_sandbox().unwrap();
        let again = [publish(Protocol::Udp, last, 1)];
        let error = networks
            .connect(
                std::os::fd::AsFd::as_fd(&sandbox),
                crate::host::request("b", &again),
            )
            .unwrap_err();
        assert!(error.to_string().contains("container rtp"), "{error}");
    });
}
