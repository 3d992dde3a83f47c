//! Networks of containers: published ports, the bridge, the host's, and none.

use crate::harness::{Client, eventually, through_both};

through_both!(
    a_port_is_published_until_the_container_stops,
    containers_on_the_bridge_reach_each_other,
    the_network_can_be_the_hosts_or_none,
    names_are_resolved_by_the_usual_files,
);

const SERVE: &str = "mkdir /www; echo served > /www/index.html; exec httpd -f -p 80 -h /www";

fn a_port_is_published_until_the_container_stops(client: &Client) {
    let world = &client.daemon.world;
    client.ok(&format!(
        "run -d --name web -p 8080:80 -p 127.0.0.1:8081:80 -p 80 busybox sh -c '{SERVE}'"
    ));
    let fetch = |port: &str| world.sh(&format!("curl -fs http://127.0.0.1:{port}/"));
    eventually("the published port answers", || {
        fetch("8080").stdout == "served\n"
    });
    assert_eq!(fetch("8081").ok(), "served");
    let ports = client.ok("port web");
    assert!(ports.contains("80/tcp -> 0.0.0.0:8080"), "{ports}");
    assert!(ports.contains("80/tcp -> 127.0.0.1:8081"), "{ports}");
    let chosen = ports
        .lines()
        .filter_map(|line| line.strip_prefix("80/tcp -> 0.0.0.0:"))
        .find(|port| *port != "8080")
        .unwrap();
    assert_eq!(fetch(chosen).ok(), "served");
    let taken = client.run("run -d -p 8080:80 busybox true");
    taken.exits(125).says("8080");
    client.ok("kill web");
    assert_ne!(fetch("8080").code, 0);
}

fn containers_on_the_bridge_reach_each_other(client: &Client) {
    client.ok(&format!("run -d --name one busybox sh -c '{SERVE}'"));
    let address = client.inspect("one", ".NetworkSettings.IPAddress");
    assert!(address.starts_with("172."), "{address}");
    let fetch = format!("run --rm busybox wget -qO- http://{address}/");
    eventually("the other container answers", || {
        client.run(&fetch).stdout == "served\n"
    });
    assert_eq!(
        client.ok("run --rm --network bridge busybox sh -c 'ls /sys/class/net | tr \"\\n\" \" \"'"),
        "eth0 lo"
    );
    assert_eq!(
        client.ok(&format!(
            "run --rm --network container:one busybox ip -4 -o addr show eth0 | grep -c {address}"
        )),
        "1"
    );
}

fn the_network_can_be_the_hosts_or_none(client: &Client) {
    assert_eq!(
        client.ok("run --rm --network none busybox ls /sys/class/net"),
        "lo"
    );
    let world = client.daemon.world.sh("readlink /proc/self/ns/net");
    let namespace = client.ok("run --rm --network host busybox readlink /proc/self/ns/net");
    assert_eq!(namespace, world.ok());
    client
        .run("run --rm --network no-such busybox true")
        .exits(125)
        .says("network no-such not found");
}

fn names_are_resolved_by_the_usual_files(client: &Client) {
    let hosts =
        client.ok("run --rm --hostname here --add-host away:10.9.8.7 busybox cat /etc/hosts");
    assert!(hosts.contains("127.0.0.1\tlocalhost"), "{hosts}");
    assert!(hosts.contains("10.9.8.7\taway"), "{hosts}");
    assert!(
        hosts
            .lines()
            .any(|line| line.starts_with("172.") && line.ends_with("\there")),
        "{hosts}"
    );
    let resolv =
        client.ok("run --rm --dns 9.9.9.9 --dns-search example.test busybox cat /etc/resolv.conf");
    assert!(resolv.contains("nameserver 9.9.9.9"), "{resolv}");
    assert!(resolv.contains("search example.test"), "{resolv}");
}
