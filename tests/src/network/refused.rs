//! What makes no sense is refused with what, which and why, and leaves nothing.

use crate::harness::{Client, through_both};

through_both!(
    networks_that_cannot_be,
    endpoints_that_cannot_be,
    ports_that_cannot_be
);

fn networks(client: &Client) -> String {
    client.ok("network ls --format '{{.Name}}'")
}

fn links(client: &Client) -> String {
    client.daemon.world.sh("ip -o link | wc -l").ok().to_owned()
}

fn networks_that_cannot_be(client: &Client) {
    client.ok("network create --subnet 10.77.0.0/16 there");
    let before = (networks(client), links(client));
    let long = "n".repeat(10_000);
    let bridge = "com.docker.network.bridge";
    let cases: Vec<(String, &str)> = vec![
        (
            "--subnet 10.77.3.0/24 x".into(),
            "Pool overlaps with other one",
        ),
        ("--subnet 10.0.0.0/8 x".into(), "of network there"),
        ("--subnet 10.78.0.1/24 x".into(), "10.78.0.0/24"),
        ("--subnet 10.78.0.0/33 x".into(), "10.78.0.0/33"),
        ("--subnet what x".into(), "what"),
        (
            "--subnet 10.78.0.0/24 --subnet 10.79.0.0/24 x".into(),
            "bridge driver doesn't support multiple subnets",
        ),
        (
            "--subnet fd00:1::/64 --subnet fd00:2::/64 x".into(),
            "bridge driver doesn't support multiple subnets",
        ),
        (
            "-d macvlan --subnet 10.78.0.0/16 --subnet 10.78.9.0/24 x".into(),
            "multiple overlapping subnet configuration is not supported",
        ),
        (
            "-d macvlan --subnet 10.78.0.0/24 --subnet 10.77.9.0/24 x".into(),
            "of network there",
        ),
        (
            "--subnet 10.78.0.0/24 --gateway 10.79.0.1 x".into(),
            "10.79.0.1",
        ),
        ("--subnet 10.78.0.0/24 --gateway me x".into(), "me"),
        (
            "--subnet 10.78.0.0/24 --ip-range 10.79.0.0/25 x".into(),
            "10.79.0.0/25",
        ),
        (
            "--subnet 10.78.0.0/24 --aux-address r=10.79.0.9 x".into(),
            "10.79.0.9",
        ),
        ("--subnet fd00:1::/64 --ipv6=false x".into(), "IPv6"),
        ("--subnet 10.78.0.0/24 --ipv4=false --ipv6 x".into(), "IPv4"),
        ("-d overlay x".into(), "swarm"),
        ("-d weave x".into(), "weave"),
        ("-d host x".into(), "host"),
        ("--ipam-driver dhcp x".into(), "dhcp"),
        ("--ipam-opt a=b x".into(), "a=b"),
        ("--scope swarm x".into(), "swarm"),
        ("--ingress x".into(), "Ingress"),
        ("-o colour=red x".into(), "colour=red"),
        ("-o com.docker.network.driver.mtu=big x".into(), "big"),
        (format!("-o {bridge}.enable_icc=maybe x"), "maybe"),
        (
            format!("-o {bridge}.gateway_mode_ipv4=bridged x"),
            "bridged",
        ),
        (
            format!("-o {bridge}.gateway_mode_ipv4=isolated x"),
            "internal",
        ),
        (
            format!("-o {bridge}.name=a-name-that-is-too-long x"),
            "a-name-that-is-too-long",
        ),
        (format!("-o {bridge}.name=lo x"), "lo"),
        ("-d macvlan -o parent=eth77 x".into(), "eth77"),
        ("-d macvlan -o parent=lo.4095 x".into(), "4094"),
        ("-d macvlan -o macvlan_mode=l2 x".into(), "l2"),
        ("-d ipvlan -o ipvlan_mode=bridge x".into(), "bridge"),
        ("-d ipvlan -o ipvlan_flag=loud x".into(), "loud"),
        ("there".into(), "there already exists"),
        ("host".into(), "predefined"),
        ("a/b".into(), "slashes"),
        (long, "255"),
    ];
    for (args, why) in &cases {
        client
            .run(&format!("network create {args}"))
            .fails()
            .says(why);
    }
    assert_eq!((networks(client), links(client)), before);
    client.run("network rm nothing").fails().says("nothing");
    client
        .run("network inspect nothing")
        .fails()
        .says("nothing");
    client.run("network rm bridge").fails().says("pre-defined");
    client.ok("network rm there");
}

fn endpoints_that_cannot_be(client: &Client) {
    client.ok("network create --subnet 10.77.0.0/30 small");
    client.ok("run -d --name first --network small --ip 10.77.0.2 busybox sleep 1000");
    let long = "n".repeat(10_000);
    let cases: Vec<(String, &str)> = vec![
        ("--network small".into(), "no available IPv4 addresses"),
        (
            "--network small".into(),
            "another network with a larger --subnet",
        ),
        ("--network small --ip 10.77.0.2".into(), "10.77.0.2"),
        ("--network small --ip 10.77.0.1".into(), "gateway"),
        ("--network small --ip 10.78.0.9".into(), "10.78.0.9"),
        ("--network small --ip me".into(), "me"),
        ("--network small --ip6 fd00::9".into(), "IPv6"),
        ("--network small --mac-address what".into(), "what"),
        ("--ip 172.17.0.9".into(), "user defined networks only"),
        ("--network-alias name".into(), "user-defined networks"),
        ("--network nothing".into(), "nothing"),
        ("--network container:nobody".into(), "nobody"),
        ("--link nobody:x".into(), "nobody"),
        (
            "--network name=small,driver-opt=colour=red".into(),
            "colour=red",
        ),
        (format!("--network {long}"), "nnn"),
    ];
    for (args, why) in &cases {
        let run = client.run(&format!("run --name xx {args} busybox true"));
        run.fails().says(why);
        client.run("rm -f xx");
    }
    client
        .run("network connect small first")
        .fails()
        .says("already exists");
    client
        .run("network connect small nobody")
        .fails()
        .says("nobody");
    client
        .run("network disconnect bridge first")
        .fails()
        .says("is not connected");
    client.run("network rm small").fails().says("first");
    // What failed holds no address.
    client.ok("rm -f first");
    client.ok("run --rm --network small busybox true");
    client.ok("network rm small");
}

fn ports_that_cannot_be(client: &Client) {
    let world = &client.daemon.world;
    client.ok("run -d --name web -p 8080:80 -p 9000-9001:80-81/udp busybox sleep 1000");
    let id = client.inspect("web", ".Id");
    let held = format!("held by container {}", &id[..12]);
    let listen =
        "import socket, time; s = socket.create_server(('127.0.0.1', 7777)); time.sleep(1000)";
    let mut listener = world.command("python3");
    let mut listener = listener.args(["-c", listen]).spawn().unwrap();
    crate::harness::eventually("it listens", || {
        world.sh("ss -Hltn | grep -q :7777").code == 0
    });
    let cases: [(&str, &str); 13] = [
        ("-p 8080:80", &held),
        ("-p 127.0.0.1:8080:80", &held),
        ("-p [::1]:8080:80", &held),
        ("-p 9001:80/udp", &held),
        ("-p 7777:80", "python3"),
        ("-p 10.99.99.99:6000:80", "10.99.99.99:6000"),
        ("-p [2001:db8::9]:6000:80", "[2001:db8::9]:6000"),
        ("-p 70000:80", "70000"),
        ("-p 6000:80/icmp", "icmp"),
        ("-p 6000-6002:80-81", "6000-6002"),
        ("-p 8080-8080:80 -p 8080:81", &held),
        (
            "-p [::1]:6000:80/sctp",
            "SCTP is not passed on between families",
        ),
        ("-p 6000:80 -p [::]:6001:80/sctp", "port 80/sctp"),
    ];
    for (args, why) in cases {
        client
            .run(&format!("run --name xx {args} busybox true"))
            .fails()
            .says(why);
        client.run("rm -f xx");
    }
    // A port that another mapping of the same container wants is free again after its failure.
    client
        .run("run --name xx -p 6001:80 -p 7777:81 busybox true")
        .fails()
        .says("7777");
    client.run("rm -f xx");
    client.ok("run --rm -p 6001:80 busybox true");
    // Refused before anything is made, and SCTP within a family is translated.
    client
        .run("create --name xx -p [::1]:6000:80/sctp busybox")
        .fails()
        .says("publish it on an IPv4 address");
    client.ok("run -d --name xx -p 6000:80/sctp busybox sleep 1000");
    assert_eq!(client.ok("port xx"), "80/sctp -> 0.0.0.0:6000");
    client.ok("rm -f xx");
    listener.kill().unwrap();
    listener.wait().unwrap();
    client.ok("rm -f web");
}
