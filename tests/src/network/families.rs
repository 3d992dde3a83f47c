//! Ports that are reached by a family of addresses that the container lacks.

use std::process::Stdio;

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    localhost_means_both_families,
    a_network_without_ipv4_is_reached_by_ipv4,
    routed_networks_take_no_ports_of_the_host,
);

const SERVE: &str = "mkdir /www; yes gantry | head -c 8000000 > /www/big; hostname > /www/index.html; exec httpd -f -p 80 -h /www";

fn page(daemon: &Daemon, address: &str) -> String {
    let fetched = daemon
        .world
        .sh(&format!("curl -gfs --max-time 30 http://{address}/"));
    fetched.stdout
}

fn localhost_means_both_families(client: &Client) {
    client.ok(&format!(
        "run -d --name web --hostname web -p 8080:80 -p 127.0.0.1:8082:80 -p [::1]:8083:80 busybox sh -c '{SERVE}'"
    ));
    let daemon = &client.daemon;
    eventually("it answers", || page(daemon, "127.0.0.1:8080") == "web\n");
    for address in [
        "[::1]:8080",
        "127.0.0.1:8082",
        "[::1]:8083",
        "localhost:8080",
    ] {
        assert_eq!(page(daemon, address), "web\n", "{address}");
    }
    for address in ["[::1]:8082", "127.0.0.1:8083"] {
        assert_eq!(page(daemon, address), "", "{address}");
    }
    assert_eq!(
        client.ok("port web 80"),
        "0.0.0.0:8080\n127.0.0.1:8082\n[::1]:8083\n[::]:8080"
    );
    // Much, and several at a time.
    let script = "for i in 1 2 3 4; do curl -gfs --max-time 60 'http://[::1]:8080/big' | md5sum & done; wait; yes gantry | head -c 8000000 | md5sum";
    let sums = daemon.world.sh(script);
    let sums: Vec<&str> = sums.stdout.lines().collect();
    assert_eq!(sums.len(), 5);
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    // Another container cannot have the port, whichever family it asks for.
    client
        .run("run -d --name second -p [::]:8080:80 busybox true")
        .fails()
        .says("port is already allocated");
    client.ok("rm -f web second");
    // Nobody answers for a container that is gone.
    assert_eq!(page(daemon, "[::1]:8080"), "");
    client.ok("run -d --name web -p 8080:80 busybox sleep 1000");
    // Nothing listens in this one, and the client is told: 7 where the reset is there before it looks.
    let refused = daemon
        .world
        .sh("curl -gsS --max-time 30 'http://[::1]:8080/'");
    assert!(matches!(refused.code, 7 | 52 | 56), "{}", refused.stderr);
    client.ok("rm -f web");
}

fn a_network_without_ipv4_is_reached_by_ipv4(client: &Client) {
    client.ok("network create --ipv4=false --ipv6 six");
    client.ok(&format!(
        "run -d --name web --hostname web --network six -p 8080:80 busybox sh -c '{SERVE}'"
    ));
    assert_eq!(
        client.inspect("web", ".NetworkSettings.Networks.six.IPAddress"),
        ""
    );
    let daemon = &client.daemon;
    eventually("it answers", || page(daemon, "[::1]:8080") == "web\n");
    assert_eq!(page(daemon, "127.0.0.1:8080"), "web\n");
    // Names work there too.
    let fetched = client.ok("run --rm --network six busybox wget -qO- http://web/");
    assert_eq!(fetched, "web");
    assert_eq!(
        client.ok("network inspect -f '{{.EnableIPv4}} {{.EnableIPv6}}' six"),
        "false true"
    );
    client.ok("rm -f web");
    client.ok("network rm six");
    client
        .run("network create --ipv4=false nothing")
        .fails()
        .says("IPv4 or IPv6 must be enabled");
}

fn routed_networks_take_no_ports_of_the_host(client: &Client) {
    client.ok(
        "network create --ipv6 -o com.docker.network.bridge.gateway_mode_ipv4=routed -o com.docker.network.bridge.gateway_mode_ipv6=routed open",
    );
    client.ok("run -d --name web --network open -p 80 busybox sleep 1000");
    let ports = client.inspect("web", "json .NetworkSettings.Ports");
    assert_eq!(
        ports,
        r#"{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":""},{"HostIp":"::","HostPort":""}]}"#
    );
    assert_eq!(client.ok("ps --format '{{.Ports}}'"), "80/tcp");
    client
        .run("run -d --name other --network open -p 8080:80 busybox true")
        .fails()
        .says("NAT is disabled");
    client.ok("rm -f web other");
    client.ok("network rm open");
}

#[test]
fn relayed_ports_outlive_the_daemon() {
    let mut daemon = Daemon::with_registry();
    let run = format!("run -d --name web --hostname web -p 8080:80 busybox sh -c '{SERVE}'");
    daemon.gantry(&run).ok();
    eventually("it answers", || page(&daemon, "[::1]:8080") == "web\n");
    daemon.kill_9();
    assert_eq!(page(&daemon, "[::1]:8080"), "web\n");
    daemon.run();
    assert_eq!(page(&daemon, "[::1]:8080"), "web\n");
    // Ports that come and go while it runs.
    daemon.gantry("update --publish-add 8081:80 web").ok();
    assert_eq!(page(&daemon, "[::1]:8081"), "web\n");
    daemon.gantry("update --publish-rm 8080:80 web").ok();
    assert_eq!(page(&daemon, "[::1]:8080"), "");
    assert_eq!(page(&daemon, "[::1]:8081"), "web\n");
    // The ports go along to another network.
    daemon.gantry("network create other").ok();
    daemon.gantry("network connect other web").ok();
    daemon.gantry("network disconnect bridge web").ok();
    assert_eq!(page(&daemon, "[::1]:8081"), "web\n");
    daemon.gantry("rm -f web").ok();
    let helpers = || {
        daemon
            .world
            .sh("grep -l gantry-relay /proc/[0-9]*/comm")
            .stdout
    };
    eventually("no helper is left", || helpers().is_empty());
}

#[test]
fn datagrams_are_relayed() {
    let daemon = Daemon::with_registry();
    daemon
        .gantry("run -d --name echo -p 5353:53/udp busybox sleep 1000")
        .ok();
    let pid = daemon
        .gantry("inspect -f '{{.State.Pid}}' echo")
        .ok()
        .to_owned();
    let serve = r#"
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(70000)
    s.sendto(data[::-1], peer)
"#;
    let mut server = daemon.world.command("nsenter");
    server.args(["-t", &pid, "-n", "python3", "-c", serve]);
    server.stdout(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut ready = [0; 6];
    let output = server.stdout.as_mut().unwrap();
    std::io::Read::read_exact(output, &mut ready).unwrap();
    let ask = r#"
import socket
clients = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(3)]
for c in clients: c.settimeout(30); c.connect(("::1", 5353))
for turn in range(20):
    for number, c in enumerate(clients): c.send(b"%d-%d-" % (number, turn) + b"x" * 5000)
    for number, c in enumerate(clients):
        assert c.recv(70000)[::-1].startswith(b"%d-%d-" % (number, turn))
print("all answered")
"#;
    let asked = daemon.world.sh(&format!("python3 - <<'END'\n{ask}\nEND"));
    assert_eq!(asked.ok(), "all answered");
    // A host with several addresses answers from the one that was asked: who is connected to it, or
    // compares, takes no other.
    daemon.world.sh("ip link add wan0 type bridge && ip link set wan0 up && ip -6 addr add fd00:77::1/64 dev wan0 nodad && ip -6 addr add fd00:77::2/64 dev wan0 nodad && ip -6 addr add fd00:78::1/64 dev wan0 nodad").ok();
    let each = r#"
import socket
for own in ["fd00:77::1", "fd00:77::2", "fd00:78::1", "::1"]:
    c = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); c.settimeout(30); c.bind(("fd00:77::1" if own != "::1" else own, 0))
    for turn in range(3):
        c.sendto(b"ab%d" % turn, (own, 5353))
        data, peer = c.recvfrom(100)
        assert (data, peer[0]) == (b"%dba" % turn, own), (own, data, peer)
print("each answered itself")
"#;
    let asked = daemon.world.sh(&format!("python3 - <<'END'\n{each}\nEND"));
    assert_eq!(asked.ok(), "each answered itself");
    server.kill().unwrap();
    server.wait().unwrap();
}
