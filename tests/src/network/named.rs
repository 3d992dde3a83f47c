//! Users' networks through both clients.

use crate::harness::{Client, eventually, through_both};

through_both!(
    names_and_aliases_lead_to_containers,
    a_running_container_joins_and_leaves_networks,
    networks_are_listed_inspected_and_removed,
    fixed_addresses_and_interfaces_are_as_asked,
    a_four_tier_application_is_wired_by_names,
);

const SERVE: &str = "mkdir /www; hostname > /www/index.html; exec httpd -f -p 80 -h /www";

fn names_and_aliases_lead_to_containers(client: &Client) {
    client.ok("network create front");
    client.ok("network create back");
    client.ok(&format!(
        "run -d --name web --hostname page --network front --network-alias www busybox sh -c '{SERVE}'"
    ));
    let fetch = |name: &str| {
        client.run(&format!(
            "run --rm --network front busybox wget -qO- http://{name}/"
        ))
    };
    eventually("the server answers", || fetch("web").stdout == "page\n");
    let id = client.inspect("web", ".Id");
    for name in ["www", "WEB", "page", "web.front", &id[..12]] {
        assert_eq!(fetch(name).ok(), "page", "{name}");
    }
    // Another network knows nothing of it, neither by name nor by address.
    let address = client.inspect("web", ".NetworkSettings.Networks.front.IPAddress");
    let back = |args: &str| client.run(&format!("run --rm --init --network back busybox {args}"));
    assert_ne!(back("timeout 3 nslookup web").code, 0);
    assert_ne!(
        back(&format!("timeout 1 wget -qO- http://{address}/")).code,
        0
    );
    // An address has a name too.
    let reverse = client.ok(&format!(
        "run --rm --network front busybox nslookup {address}"
    ));
    assert!(reverse.contains("web.front"), "{reverse}");
    // Several containers under one name: each is met.
    for name in ["app1", "app2"] {
        let run = "run -d --network front --network-alias app";
        client.ok(&format!("{run} --name {name} busybox sleep 1000"));
    }
    let found = client.ok("run --rm --network front busybox nslookup -type=a app");
    assert_eq!(found.matches("Address: 172.").count(), 2, "{found}");
    // A new name counts at once, the old one no longer.
    client.ok("rename web site");
    assert_eq!(fetch("site").ok(), "page");
    assert_eq!(
        client.inspect("site", "json .NetworkSettings.Networks.front.Aliases"),
        r#"["www"]"#
    );
    client.ok("rm -f site app1 app2");
    assert_ne!(
        client
            .run("run --rm --init --network front busybox timeout 3 nslookup site")
            .code,
        0
    );
    client.ok("network rm front back");
}

fn a_running_container_joins_and_leaves_networks(client: &Client) {
    client.ok("network create one");
    client.ok("network create --subnet 10.77.1.0/24 two");
    client.ok(&format!(
        "run -d --name web -p 8080:80 busybox sh -c '{SERVE}'"
    ));
    client.ok("run -d --name peer --network two busybox sleep 1000");
    // One that was just taken out of use is there, under another name, for a moment.
    let interfaces = || {
        let all = client.ok("exec web ls /sys/class/net");
        let used = all.lines().filter(|name| !name.starts_with("gone"));
        used.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(interfaces(), "eth0 lo");
    client.ok("network connect --alias site --ip 10.77.1.99 two web");
    assert_eq!(interfaces(), "eth0 eth1 lo");
    assert_eq!(
        client.inspect("web", ".NetworkSettings.Networks.two.IPAddress"),
        "10.77.1.99"
    );
    eventually("it answers by its alias", || {
        client
            .run("exec peer timeout 20 wget -qO- http://site/")
            .code
            == 0
    });
    // And it finds others by name itself.
    client.ok("exec web ping -c 1 -W 30 peer");
    assert!(client.ok("exec web cat /etc/hosts").contains("10.77.1.99"));
    assert!(
        client
            .ok("exec web cat /etc/resolv.conf")
            .contains("127.0.0.11")
    );
    client
        .run("network connect two web")
        .exits(1)
        .says("endpoint with name web already exists in network two");
    let world = &client.daemon.world;
    let page = || world.sh("curl -fs --max-time 30 http://127.0.0.1:8080/");
    assert_eq!(page().code, 0);
    // The published port follows to the network that is left.
    client.ok("network disconnect bridge web");
    assert_eq!(interfaces(), "eth1 lo");
    assert_eq!(page().code, 0);
    client.ok("network disconnect two web");
    assert_eq!(interfaces(), "lo");
    assert_ne!(
        client
            .run("exec peer timeout 1 wget -qO- http://site/")
            .code,
        0
    );
    client
        .run("network disconnect two web")
        .exits(1)
        .says("is not connected to");
    // A stopped one remembers where it belongs.
    client.ok("stop -t 0 web");
    client.ok("network connect one web");
    client.ok("start web");
    assert!(
        client
            .inspect("web", ".NetworkSettings.Networks.one.IPAddress")
            .starts_with("172.")
    );
    client
        .run("network rm one")
        .exits(1)
        .says("has active endpoints (name:\"web\"");
    client.ok("rm -f web peer");
    client.ok("network rm one two");
}

fn networks_are_listed_inspected_and_removed(client: &Client) {
    let id = client.ok(
        "network create --label tier=db --subnet 10.78.0.0/16 --ip-range 10.78.5.0/24 --gateway 10.78.0.254 --aux-address router=10.78.5.1 -o com.docker.network.driver.mtu=1400 data",
    );
    assert_eq!(id.len(), 64);
    client.ok("run -d --name db --network data busybox sleep 1000");
    let list = |args: &str| client.ok(&format!("network ls --format '{{{{.Name}}}}' {args}"));
    assert_eq!(list(""), "bridge\ndata\nhost\nnone");
    assert_eq!(list("-f type=custom"), "data");
    assert_eq!(list("-f label=tier=db"), "data");
    assert_eq!(list("-f label=tier=web"), "");
    assert_eq!(list("-f driver=null"), "none");
    assert_eq!(list("-f dangling=true"), "");
    assert_eq!(list(&format!("-f id={}", &id[..8])), "data");
    let show = |template: &str| client.ok(&format!("network inspect -f '{{{{{template}}}}}' data"));
    assert_eq!(
        show("json .IPAM.Config"),
        r#"[{"Subnet":"10.78.0.0/16","IPRange":"10.78.5.0/24","Gateway":"10.78.0.254","AuxiliaryAddresses":{"router":"10.78.5.1"}}]"#
    );
    assert_eq!(
        show("range .Containers}}{{.Name}} {{.IPv4Address}}{{end"),
        "db 10.78.5.0/16"
    );
    assert_eq!(client.ok("exec db cat /sys/class/net/eth0/mtu"), "1400");
    assert_eq!(
        client.ok("ps --filter network=data --format '{{.Names}} {{.Networks}}'"),
        "db data"
    );
    assert_eq!(client.ok("ps -q --filter network=bridge"), "");
    client
        .run("network create data")
        .exits(1)
        .says("network with name data already exists");
    client
        .run("network create --subnet 10.78.9.0/24 other")
        .exits(1)
        .says("Pool overlaps with other one on this address space");
    client
        .run("network rm bridge")
        .exits(1)
        .says("bridge is a pre-defined network and cannot be removed");
    client
        .run("network rm nowhere")
        .exits(1)
        .says("network nowhere not found");
    client.ok("network create unused");
    let pruned = client.ok("network prune -f");
    assert!(
        pruned.contains("unused") && !pruned.contains("data"),
        "{pruned}"
    );
    client.ok("rm -f db");
    client.ok("network rm data");
    assert_eq!(list("-f type=custom"), "");
}

fn fixed_addresses_and_interfaces_are_as_asked(client: &Client) {
    client.ok("network create --subnet 10.79.0.0/24 fixed");
    client.ok("network create free");
    let own = "run --rm --network fixed --ip 10.79.0.42 --mac-address 02:00:00:00:00:42";
    let shown = client.ok(&format!("{own} busybox ip addr show eth0"));
    assert!(
        shown.contains("10.79.0.42/24") && shown.contains("02:00:00:00:00:42"),
        "{shown}"
    );
    client
        .run("run --rm --network free --ip 172.18.0.9 busybox true")
        .exits(125)
        .says("user configured subnets");
    client
        .run("run --rm --network fixed --ip 10.80.0.1 busybox true")
        .exits(125)
        .says("10.80.0.1");
    client.ok("run -d --name holder --network fixed --ip 10.79.0.42 busybox sleep 1000");
    client
        .run("run --rm --network fixed --ip 10.79.0.42 busybox true")
        .exits(125)
        .says("already in use");
    // Two networks at once: the priority says which one leads outside.
    let route = |first: i64, second: i64| {
        client.ok(&format!(
            "run --rm --network name=fixed,gw-priority={first} --network name=free,gw-priority={second} busybox ip route show default"
        ))
    };
    assert!(route(1, 0).contains("via 10.79.0.1"), "{}", route(1, 0));
    assert!(route(0, 1).contains("via 172.18.0.1"), "{}", route(0, 1));
    client.ok("rm -f holder");
    client.ok("network rm fixed free");
}

fn a_four_tier_application_is_wired_by_names(client: &Client) {
    client.ok("network create edge");
    client.ok("network create --internal data");
    client.ok("run -d --name cache --network data redis");
    let app = r#"
import http.server, socket
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        c = socket.create_connection(("cache", 6379), 5); c.sendall(b"INCR hits\r\n"); n = c.recv(64)
        self.send_response(200); self.end_headers(); self.wfile.write(b"hit " + n.strip())
http.server.HTTPServer(("0.0.0.0", 8000), H).serve_forever()
"#;
    let folder = client.daemon.world.folder().join("app");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("app.py"), app).unwrap();
    let proxy =
        "events {} http { server { listen 80; location / { proxy_pass http://app:8000; } } }";
    std::fs::write(folder.join("nginx.conf"), proxy).unwrap();
    let shared = folder.display();
    client.ok(&format!(
        "run -d --name app --network edge --network data -v {shared}:/app:ro python python3 /app/app.py"
    ));
    client.ok(&format!(
        "run -d --name proxy --network edge -p 8080:80 -v {shared}/nginx.conf:/etc/nginx/nginx.conf:ro nginx"
    ));
    let world = &client.daemon.world;
    let page = || {
        world
            .sh("curl -fs --max-time 60 http://127.0.0.1:8080/")
            .stdout
    };
    eventually("the page is there", || page().starts_with("hit :"));
    let count = |text: String| {
        text.trim_start_matches("hit :")
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    let first = count(page());
    assert_eq!(count(page()), first + 1);
    // Only the application reaches the cache.
    assert_ne!(client.run("exec proxy getent hosts cache").code, 0);
    client.ok("rm -f proxy app cache");
    client.ok("network rm edge data");
}
