//! What is refused, and that nothing half-made stays.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

use gantry_network::{
    EndpointRequest, Error, Holder, Kind, NetworkConfig, Networks, PortRequest, Protocol,
};

use crate::host::{Host, on_fresh_host, publish, request, run};

fn conflict(networks: &Networks, port: PortRequest) -> Error {
    let sandbox = networks.create_sandbox().unwrap();
    let error = networks
        .connect(sandbox.as_fd(), request("late", &[port]))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    error
}

#[test]
fn a_taken_port_names_the_container() {
    on_fresh_host(|host| {
        let networks = host.open();
        let _web = run(
            &networks,
            "0123456789abcdef",
            &[publish(Protocol::Tcp, 8080, 80)],
        );
        let error = conflict(&networks, publish(Protocol::Tcp, 8080, 81));
        let text = error.to_string();
        assert!(
            text.contains("Bind for 0.0.0.0:8080 failed: port is already allocated"),
            "{text}"
        );
        assert!(text.contains("container 0123456789ab"), "{text}");
        // One address collides with all addresses.
        let local = PortRequest {
            host_ip: Some(Ipv4Addr::LOCALHOST.into()),
            ..publish(Protocol::Tcp, 8080, 81)
        };
        conflict(&networks, local);
        // The other protocol is another port.
        run(&networks, "udp", &[publish(Protocol::Udp, 8080, 80)]);
    });
}

#[test]
fn a_taken_port_names_the_program() {
    on_fresh_host(|host| {
        let networks = host.open();
        let _listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let _socket = UdpSocket::bind("0.0.0.0:8080").unwrap();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let error = conflict(&networks, publish(protocol, 8080, 80));
            let Error::PortTaken {
                holder: Holder::Process { pid, .. },
                ..
            } = error
            else {
                panic!("{error}")
            };
            assert_eq!(pid, std::process::id());
        }
    });
}

#[test]
fn a_published_port_is_held_against_other_programs() {
    on_fresh_host(|host| {
        let networks = host.open();
        let web = run(
            &networks,
            "web",
            &[
                publish(Protocol::Tcp, 8080, 80),
                publish(Protocol::Udp, 8080, 80),
            ],
        );
        // The standard library sets SO_REUSEADDR before it binds.
        assert!(TcpListener::bind("0.0.0.0:8080").is_err());
        assert!(UdpSocket::bind("0.0.0.0:8080").is_err());
        networks.disconnect(&web.endpoint.state).unwrap();
        drop(web);
        TcpListener::bind("0.0.0.0:8080").unwrap();
    });
}

#[test]
fn a_failed_connect_leaves_nothing() {
    on_fresh_host(|host| {
        let networks = host.open();
        let before = Host::link_names();
        let _listener = TcpListener::bind("0.0.0.0:8081").unwrap();
        let sandbox = networks.create_sandbox().unwrap();
        let ports = [
            publish(Protocol::Tcp, 8080, 80),
            publish(Protocol::Tcp, 8081, 81),
        ];
        networks
            .connect(sandbox.as_fd(), request("a", &ports))
            .unwrap_err();
        TcpListener::bind("0.0.0.0:8080").unwrap();

        // A second eth0 is refused by the kernel, late in the flow.
        let first = networks
            .connect(sandbox.as_fd(), request("a", &[]))
            .unwrap();
        let twice = networks
            .connect(sandbox.as_fd(), request("b", &ports[..1]))
            .unwrap_err();
        assert!(twice.to_string().contains("eth0"), "{twice}");
        TcpListener::bind("0.0.0.0:8080").unwrap();
        assert_eq!(Host::link_names().len(), before.len() + 1);
        let next = run(&networks, "c", &[]);
        assert_eq!(
            first.state.ipv4(),
            Some(Ipv4Addr::new(172, 17, 0, 2).into())
        );
        assert_eq!(next.ip(), Ipv4Addr::new(172, 17, 0, 3));

        let outside = EndpointRequest {
            ip: Some(Ipv4Addr::LOCALHOST),
            ..request("d", &[])
        };
        let other = networks.create_sandbox().unwrap();
        let error = networks.connect(other.as_fd(), outside).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    });
}

#[test]
fn a_bridge_name_that_is_something_else_is_refused() {
    on_fresh_host(|host| {
        let with_name = |name: &str| NetworkConfig {
            bridge_name: name.to_owned(),
            ..host.config()
        };
        let error = Networks::open(with_name("lo")).unwrap_err();
        assert!(error.to_string().contains("interface lo exists"), "{error}");
        for bad in ["", "a/b", "a b", "sixteen-bytes-16"] {
            assert_eq!(
                Networks::open(with_name(bad)).unwrap_err().kind(),
                Kind::Invalid
            );
        }
    });
}
