//! macvlan on a wire of the host's: several subnets, and what the kernel refuses.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use gantry_netlink::{Bridge, Changes, Connection};
use gantry_network::{
    Endpoint, EndpointRequest, Error, Kind, NetworkRequest, Networks, PoolRequest, Sandbox,
};

use crate::host::{Host, on_fresh_host, request};

/// Far below the time that containers which end are waited for.
const AT_ONCE: Duration = Duration::from_millis(500);

fn macvlan(name: &str, options: &[(&str, &str)], subnets: &[&str]) -> NetworkRequest {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let pool = |subnet: &&str| PoolRequest {
        subnet: (*subnet).to_owned(),
        ..PoolRequest::default()
    };
    NetworkRequest {
        name: name.to_owned(),
        driver: "macvlan".to_owned(),
        options: options.iter().map(own).collect::<BTreeMap<_, _>>(),
        pools: subnets.iter().map(pool).collect(),
        ..NetworkRequest::default()
    }
}

fn connect(
    networks: &Networks,
    network: &str,
    id: &str,
    ip: Option<&str>,
) -> Result<(Sandbox, Endpoint), Error> {
    let sandbox = networks.create_sandbox().unwrap();
    let wanted = EndpointRequest {
        network: network.to_owned(),
        ip: ip.map(|ip| ip.parse().unwrap()),
        ..request(id, &[])
    };
    let endpoint = networks.connect(sandbox.as_fd(), wanted)?;
    Ok((sandbox, endpoint))
}

#[test]
fn an_address_comes_from_the_first_subnet_that_has_one() {
    on_fresh_host(|host| {
        let _wire = Host::client();
        let networks = host.open();
        let subnets = ["10.77.0.0/30", "10.78.0.0/29", "fd77::/64"];
        let info = networks
            .create(macvlan("wire", &[("parent", "wan0")], &subnets))
            .unwrap();
        assert_eq!(info.subnets.len(), 3);
        let connect = |id, ip| connect(&networks, "wire", id, ip);
        let mut kept = Vec::new();
        for (id, asked, got, gateway) in [
            ("a", None, "10.77.0.2", "10.77.0.1"),
            ("b", None, "10.78.0.2", "10.78.0.1"),
            ("c", Some("10.78.0.5"), "10.78.0.5", "10.78.0.1"),
            ("d", None, "10.78.0.3", "10.78.0.1"),
            ("e", None, "10.78.0.4", "10.78.0.1"),
            ("f", None, "10.78.0.6", "10.78.0.1"),
        ] {
            let (sandbox, endpoint) = connect(id, asked).unwrap();
            let lease = endpoint.state.v4.unwrap();
            assert_eq!(lease.address.address.to_string(), got);
            assert_eq!(lease.gateway.unwrap().to_string(), gateway);
            assert!(endpoint.state.v6.is_some(), "one address of each family");
            let inside = Connection::open_in(sandbox.as_fd()).unwrap();
            let own = inside.addresses().unwrap();
            let own = own
                .iter()
                .find(|(_, address, _)| address.to_string() == got);
            assert_eq!(own.unwrap().2, lease.address.prefix());
            kept.push((sandbox, endpoint));
        }
        let told = |ip| connect("g", ip).unwrap_err().to_string();
        let both = "10.77.0.0/30, 10.78.0.0/29";
        let full = told(None);
        assert!(full.contains("no available IPv4 addresses") && full.contains(both));
        let outside = told(Some("10.79.0.9"));
        assert!(outside.contains("does not belong") && outside.contains(both));
        assert!(told(Some("10.78.0.5")).contains("already in use by container c"));
        // What one leaves another one gets, of whatever subnet.
        let (sandbox, endpoint) = kept.remove(2);
        networks
            .disconnect_now(sandbox.as_fd(), &endpoint.state)
            .unwrap();
        let (_sandbox, endpoint) = connect("h", None).unwrap();
        assert_eq!(endpoint.state.ipv4().unwrap().to_string(), "10.78.0.5");
    });
}

#[test]
fn subnets_of_one_network_must_not_overlap() {
    on_fresh_host(|host| {
        let networks = host.open();
        let overlapping = ["10.77.0.0/16", "10.77.9.0/24"];
        let error = networks
            .create(macvlan("wire", &[("parent", "wan0")], &overlapping))
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Forbidden);
        let text = error.to_string();
        assert!(
            text.contains("10.77.9.0/24 overlaps 10.77.0.0/16"),
            "{text}"
        );
    });
}

fn told_at_once(networks: &Networks, network: &str, why: &str) {
    let begun = Instant::now();
    let error = connect(networks, network, "late", None).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(why), "{text}");
    assert_eq!(error.kind(), Kind::Forbidden, "{text}");
    assert!(begun.elapsed() < AT_ONCE, "{:?}: {text}", begun.elapsed());
}

#[test]
fn what_the_kernel_will_never_do_is_told_at_once() {
    on_fresh_host(|host| {
        let _wire = Host::client();
        let networks = host.open();
        let error = networks
            .create(macvlan("on-lo", &[("parent", "lo")], &[]))
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("loopback interface is not a valid macvlan parent link"));
        let large = [
            ("parent", "wan0"),
            ("com.docker.network.driver.mtu", "9000"),
        ];
        networks
            .create(macvlan("large", &large, &["10.77.0.0/24"]))
            .unwrap();
        told_at_once(
            &networks,
            "large",
            "its MTU is 1500, and the network's 9000",
        );
        networks.remove("large", |_| None).unwrap();

        networks
            .create(macvlan("port", &[("parent", "wan0")], &["10.78.0.0/24"]))
            .unwrap();
        let netlink = Connection::open().unwrap();
        let mut changes = Changes::new();
        changes.add_bridge(&Bridge {
            name: "br9",
            mac: [2, 0, 0, 0, 0, 9],
            mtu: None,
        });
        netlink.apply(changes).unwrap();
        let out = std::process::Command::new("ip")
            .args(["link", "set", "wan0", "master", "br9"])
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
        told_at_once(&networks, "port", "it is a port of a bridge");
    });
}

#[test]
fn a_passed_through_parent_has_one_which_is_waited_for_only_if_it_goes() {
    on_fresh_host(|host| {
        let _wire = Host::client();
        let networks = host.open();
        let options = [("parent", "wan0"), ("macvlan_mode", "passthru")];
        networks
            .create(macvlan("wire", &options, &["10.77.0.0/24"]))
            .unwrap();
        let first = connect(&networks, "wire", "a", None).unwrap();
        // A daemon that has just started does not know who has ended before.
        connect(&networks, "wire", "b", None).unwrap_err();
        told_at_once(&networks, "wire", "one that is passed through");
        networks.disconnect(&first.1.state).unwrap();
        // Its namespace goes a moment later, as a container's does.
        let ending = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(first);
        });
        connect(&networks, "wire", "c", None).unwrap();
        ending.join().unwrap();
    });
}
