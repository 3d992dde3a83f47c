//! `--link`.

use serde_json::json;

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    a_linked_container_is_known_by_its_alias,
    on_other_networks_an_alias_is_one_container_s_own,
);

fn a_linked_container_is_known_by_its_alias(client: &Client) {
    client.ok("run -d --name db --expose 5432 -e SECRET=x busybox sleep 1000");
    let address = client.inspect("db", ".NetworkSettings.IPAddress");
    let said = client.ok("run --rm --name web --link db:my-sql busybox sh -c \
         'env | grep ^MY_SQL | sort; grep my-sql /etc/hosts | head -1'");
    let lines: Vec<&str> = said.lines().collect();
    let url = format!("tcp://{address}:5432");
    assert_eq!(
        lines[..7],
        [
            "MY_SQL_ENV_SECRET=x",
            "MY_SQL_NAME=/web/my-sql",
            &format!("MY_SQL_PORT={url}"),
            &format!("MY_SQL_PORT_5432_TCP={url}"),
            &format!("MY_SQL_PORT_5432_TCP_ADDR={address}"),
            "MY_SQL_PORT_5432_TCP_PORT=5432",
            "MY_SQL_PORT_5432_TCP_PROTO=tcp",
        ],
        "{said}"
    );
    assert!(
        lines[7].starts_with(&format!("{address}\tmy-sql")),
        "{said}"
    );
    let missing = client.run("run --rm --link nobody:x busybox true");
    assert!(
        missing
            .stderr
            .contains("could not get container for nobody: No such container: nobody"),
        "{}",
        missing.stderr
    );
    client.ok("create --name late --link db busybox true");
    client.ok("stop -t 0 db");
    let stopped = client.run("start late");
    assert!(
        stopped
            .stderr
            .contains("Cannot link to a non running container: /db AS /late/db"),
        "{}",
        stopped.stderr
    );
}

/// On networks with names, a link is a name that only the container with the link knows.
fn on_other_networks_an_alias_is_one_container_s_own(client: &Client) {
    client.ok("network create one");
    client.ok("network create two");
    client.ok("run -d --name db --network one busybox sleep 1000");
    client.ok("network connect two db");
    client.ok("run -d --name web --network one --link db:store busybox sleep 1000");
    client.ok("run -d --name other --network one busybox sleep 1000");
    let on = |network: &str| {
        let template = format!("(index .NetworkSettings.Networks \"{network}\").IPAddress");
        client.inspect("db", &template)
    };
    let found = |who: &str, name: &str| {
        let run = client.run(&format!("exec {who} ping -c1 -W5 {name}"));
        let end = run.stdout.find("):").unwrap_or_default();
        let start = run.stdout.find('(').map_or(0, |at| at + 1);
        run.stdout.get(start..end).unwrap_or_default().to_owned()
    };
    assert_eq!(found("web", "store"), on("one"));
    assert_eq!(found("web", "db"), on("one"));
    assert_eq!(found("other", "store"), "");
    // No variables there, as in Docker.
    assert!(!client.ok("exec web env").contains("STORE"));
    // The link belongs to its network, and the alias means the other one there.
    client.ok("network connect --link db:twin two other");
    assert_eq!(found("other", "twin"), on("two"));
    assert_eq!(found("other", "db"), on("one"));
    assert_eq!(found("web", "twin"), "");
    let links = |who: &str, network: &str| {
        client.inspect(
            who,
            &format!("json (index .NetworkSettings.Networks \"{network}\").Links"),
        )
    };
    assert_eq!(links("other", "two"), "[\"db:twin\"]");
    // The alias goes where the container goes.
    client.ok("restart -t 0 db");
    assert_eq!(found("web", "store"), on("one"));
    client.ok("network disconnect two other");
    assert_eq!(found("other", "twin"), "");
    // The default bridge links only to what is on it.
    let refused = client.run("run --rm --link db:x busybox true");
    refused.fails().says("default");
}

/// Where the default bridge keeps its containers apart, a link opens what the other one exposes, and
/// nothing else, to nobody else.
fn a_link_opens_exposed_ports(bridged_frames_meet_rules: u8) {
    let daemon = Daemon::prepared("{}");
    let switch = "/proc/sys/net/bridge/bridge-nf-call-ip";
    let set = format!(
        "for t in tables 6tables; do [ ! -e {switch}$t ] || echo {bridged_frames_meet_rules} > {switch}$t; done"
    );
    daemon.world.sh(&set).ok();
    let mut daemon = daemon.with_mirror_and(&json!({"icc": false}));
    let serve = r#"
import http.server, os, socket, threading
os.makedirs("/www", exist_ok=True); os.chdir("/www"); open("index.html", "w").write("page\n")
for port in 80, 81:
    server = http.server.HTTPServer(("", port), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever).start()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 53))
while True:
    data, peer = s.recvfrom(100)
    s.sendto(data[::-1], peer)
"#;
    let ask = r#"
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)
s.sendto(b"olleh", ("db", 53))
print(s.recv(100).decode())
"#;
    let folder = daemon.world.folder().display().to_string();
    for (name, text) in [("serve.py", serve), ("ask.py", ask)] {
        std::fs::write(daemon.world.folder().join(name), text).unwrap();
    }
    let serve = format!(
        "run -d --name db --expose 80 --expose 53/udp -v {folder}/serve.py:/serve.py python python3 /serve.py"
    );
    daemon.gantry(&serve).ok();
    daemon
        .gantry("run -d --name web --link db busybox sleep 1000")
        .ok();
    daemon.gantry("run -d --name other busybox sleep 1000").ok();
    let reaches = |daemon: &Daemon, who: &str, where_to: &str| {
        let fetch = format!("exec {who} timeout 2 wget -qO- http://{where_to}/");
        daemon.gantry(&fetch).stdout.trim() == "page"
    };
    let address = |daemon: &Daemon, who: &str| {
        let template = "inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}'";
        daemon
            .gantry(&format!("{template} {who}"))
            .ok()
            .trim()
            .to_owned()
    };
    let (db, web) = (address(&daemon, "db"), address(&daemon, "web"));
    eventually("the linked one reaches it", || {
        reaches(&daemon, "web", "db")
    });
    let ask = format!("run --rm --link db -v {folder}/ask.py:/ask.py python python3 /ask.py");
    assert_eq!(daemon.gantry(&ask).ok(), "hello", "datagrams too");
    assert!(
        !reaches(&daemon, "web", "db:81"),
        "what is not exposed stays shut"
    );
    assert!(
        !reaches(&daemon, "other", &db),
        "who is not linked does not"
    );
    // The other direction has only answers.
    daemon
        .gantry("exec web sh -c 'echo page > /index.html; httpd -p 80 -h /'")
        .ok();
    assert!(!reaches(&daemon, "db", &web));
    // It goes on without the daemon and with the next one.
    daemon.kill_9();
    daemon.run();
    assert!(reaches(&daemon, "web", "db"));
    assert!(!reaches(&daemon, "other", &db));
    // The other one comes back under another address: the link follows.
    daemon.gantry("stop -t 0 db").ok();
    daemon.gantry("run -d --name taker busybox sleep 1000").ok();
    daemon.gantry("start db").ok();
    let now = address(&daemon, "db");
    eventually("it is reached where it is now", || {
        reaches(&daemon, "web", &now)
    });
    let opened = |daemon: &Daemon| {
        let tables = daemon.world.sh("nft -j list ruleset").ok().to_owned();
        let tables: serde_json::Value = serde_json::from_str(&tables).unwrap();
        let items = tables["nftables"].as_array().unwrap().clone();
        let set = items.iter().find(|i| i["set"]["name"] == "links").unwrap();
        set["set"]["elem"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(opened(&daemon), 2, "a TCP port and a UDP one");
    // Taken back while both run.
    daemon.gantry("rm --link web/db").ok();
    assert!(!reaches(&daemon, "web", &now));
    assert_eq!(opened(&daemon), 0);
    // And closed with the containers.
    daemon
        .gantry("run -d --name late --link db busybox sleep 1000")
        .ok();
    assert!(reaches(&daemon, "late", "db"));
    daemon.gantry("rm -f late").ok();
    assert_eq!(opened(&daemon), 0);
    let answers = "cat /proc/sys/net/ipv4/conf/gantry*/proxy_arp_pvlan";
    assert_eq!(daemon.world.sh(answers).ok(), "0");
}

/// The bridge itself keeps its ports apart: what is linked is routed by the host.
#[test]
fn a_link_opens_exposed_ports_where_the_bridge_keeps_containers_apart() {
    a_link_opens_exposed_ports(0);
}

/// `br_netfilter` has bridged frames meet the firewall's rules, which keep containers apart.
#[test]
fn a_link_opens_exposed_ports_where_the_firewall_keeps_containers_apart() {
    a_link_opens_exposed_ports(1);
}
