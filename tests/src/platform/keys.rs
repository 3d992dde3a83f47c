//! More keys of `daemon.json`, each seen by its effect.

use std::fs;

use serde_json::json;

use crate::harness::{Daemon, Run, eventually};

/// Lays down files of the world's folder before its daemon starts.
fn prepared(keys: impl Fn(&str) -> serde_json::Value) -> Daemon {
    let daemon = Daemon::prepared("{}");
    let folder = daemon.world.folder().display().to_string();
    daemon.configure(&keys(&folder));
    daemon
}

#[test]
fn the_default_bridge_and_networks_are_as_told() {
    let mut daemon = prepared(|_| {
        json!({
            "bridge": "own0",
            "ip-forward": false,
            "default-address-pools": [{"base": "10.50.0.0/16", "size": 26}],
            "host-gateway-ips": ["10.1.2.4"],
        })
    });
    daemon
        .world
        .sh("ip link add own0 type bridge && ip addr add 10.66.0.1/24 dev own0")
        .ok();
    daemon.run();
    daemon.gantry("network create shop").ok();
    let subnet = daemon.gantry("network inspect -f '{{(index .IPAM.Config 0).Subnet}}' shop");
    assert_eq!(subnet.ok().trim(), "10.50.0.0/26");
    daemon
        .gantry("create --name box --add-host gw:host-gateway gantry/hello")
        .ok();
    daemon.gantry("start -a box").ok();
    let hosts = daemon.script("cat $($GANTRY inspect -f '{{.HostsPath}}' box)", "");
    assert!(hosts.ok().contains("10.1.2.4\tgw"), "{}", hosts.stdout);
    let network =
        daemon.gantry("network inspect -f '{{json .IPAM.Config}} {{json .Options}}' bridge");
    let network = network.ok();
    assert!(
        network.contains("10.66.0.0/24") && network.contains("\"own0\""),
        "{network}"
    );
    let forwarding = daemon.world.sh("cat /proc/sys/net/ipv4/ip_forward");
    assert_eq!(forwarding.ok().trim(), "0", "it is left as it was");
}

#[test]
fn forwarding_is_switched_on_unless_told_otherwise() {
    let daemon = Daemon::start();
    daemon.gantry("run --rm gantry/hello").ok();
    let forwarding = daemon.world.sh("cat /proc/sys/net/ipv4/ip_forward");
    assert_eq!(forwarding.ok().trim(), "1");
}

#[test]
fn files_logs_and_storage_are_where_they_are_told_to_be() {
    let mut daemon = prepared(|folder| {
        json!({
            "group": "daemon",
            "log-level": "error",
            "log-driver": "local",
            "storage-driver": "overlay",
            "secrets-key-file": format!("{folder}/key"),
            "cdi-spec-dirs": [format!("{folder}/cdi")],
        })
    });
    let folder = daemon.world.folder().to_path_buf();
    fs::create_dir(folder.join("cdi")).unwrap();
    let described = json!({
        "cdiVersion": "0.6.0",
        "kind": "example.test/thing",
        "devices": [{"name": "one", "containerEdits": {"env": ["THING=one"]}}],
    });
    fs::write(folder.join("cdi/thing.json"), described.to_string()).unwrap();
    daemon.run();
    let owner = daemon.script("stat -c '%G %a' ${DOCKER_HOST#unix://}", "");
    assert_eq!(owner.ok().trim(), "daemon 660");
    assert_eq!(
        daemon.gantry("info -f '{{.LoggingDriver}}'").ok().trim(),
        "local"
    );
    let driver = daemon.gantry("info -f '{{.Driver}}'");
    assert!(
        driver.ok().trim().starts_with("overlay"),
        "{}",
        driver.stdout
    );
    daemon
        .gantry("run --name box --device example.test/thing=one gantry/hello")
        .ok();
    let said = daemon
        .gantry("inspect -f '{{.HostConfig.LogConfig.Type}} {{.HostConfig.DeviceRequests}}' box");
    assert!(said.ok().starts_with("local "), "{}", said.stdout);
    let unknown = daemon.gantry("run --device example.test/thing=two gantry/hello");
    assert!(unknown.stderr.contains("thing=two"), "{}", unknown.stderr);
    daemon
        .script("echo x | $GANTRY secret create one -", "")
        .ok();
    assert!(folder.join("key").exists());
    assert!(!folder.join("data/secrets.key").exists());
    let log = daemon.log_text();
    assert!(!log.contains("INFO") && !log.contains("WARN"), "{log}");
}

#[test]
fn the_default_bridge_has_its_own_rules() {
    let daemon = Daemon::with_registry_and(&json!({
        "bip": "10.44.0.1/16",
        "fixed-cidr": "10.44.9.0/28",
        "default-gateway": "10.44.0.7",
        "icc": false,
        "ip-masq": false,
        "default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1333"}},
    }));
    daemon
        .gantry("run -d --name web busybox sh -c 'echo hi > /index.html; httpd -f -p 80 -h /'")
        .ok();
    let inspect = |what: &str, template: &str| {
        let run = daemon.gantry(&format!("inspect -f '{{{{{template}}}}}' {what}"));
        run.ok().trim().to_owned()
    };
    let address = inspect("web", ".NetworkSettings.Networks.bridge.IPAddress");
    assert!(address.starts_with("10.44.9."), "{address}");
    let route = daemon.gantry("exec web ip route show default");
    assert!(route.ok().contains("via 10.44.0.7"), "{}", route.stdout);
    let bridge = daemon.gantry("network inspect bridge");
    let bridge = bridge.ok();
    for shown in [
        "\"IPRange\": \"10.44.9.0/28\"",
        "\"DefaultGatewayIPv4\": \"10.44.0.7\"",
        "\"com.docker.network.bridge.enable_icc\": \"false\"",
        "\"com.docker.network.bridge.enable_ip_masquerade\": \"false\"",
    ] {
        assert!(bridge.contains(shown), "{shown}: {bridge}");
    }
    // The host reaches the container, its neighbours do not.
    let host = daemon
        .world
        .sh(&format!("curl -s --max-time 20 http://{address}/"));
    assert_eq!(host.ok().trim(), "hi");
    let neighbour = daemon.gantry(&format!(
        "run --rm busybox timeout 4 wget -qO- http://{address}/"
    ));
    assert_ne!(neighbour.code, 0, "{}", neighbour.stdout);
    // A network of one's own has the defaults, unless it says otherwise.
    daemon.gantry("network create plain").ok();
    daemon
        .gantry("network create -o com.docker.network.driver.mtu=1444 own")
        .ok();
    for (network, mtu) in [("plain", "1333"), ("own", "1444")] {
        let run = daemon.gantry(&format!(
            "run --rm --network {network} busybox cat /sys/class/net/eth0/mtu"
        ));
        assert_eq!(run.ok().trim(), mtu, "{network}");
    }
    // On those, neighbours see each other.
    daemon
        .gantry("run -d --network plain --name other busybox sh -c 'echo there > /index.html; httpd -f -p 80 -h /'")
        .ok();
    eventually("the neighbour answers", || {
        let there =
            daemon.gantry("run --rm --network plain busybox timeout 4 wget -qO- http://other/");
        there.code == 0 && there.stdout.trim() == "there"
    });
}

#[test]
fn what_is_outside_of_the_bridge_is_refused() {
    for (key, value) in [
        ("fixed-cidr", "10.9.0.0/24"),
        ("default-gateway", "10.9.0.1"),
    ] {
        let daemon = Daemon::prepared("{}");
        daemon.configure(&json!({"bip": "10.44.0.1/16", key: value}));
        let run = Run::of(daemon.daemon_command());
        assert_ne!(run.code, 0);
        assert!(
            run.stderr.contains(key)
                && run
                    .stderr
                    .contains("not within the default bridge's subnet"),
            "{}",
            run.stderr
        );
    }
}

/// Registries are asked through the proxy, so many layers at once and so often as told.
#[test]
fn registries_are_reached_as_told() {
    const SERVER: &str = r#"
import http.server, json, sys, threading, time
lock, running, most, asked = threading.Lock(), 0, 0, 0
layer = lambda n: {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 9, "digest": "sha256:" + str(n) * 64}
config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + str(n) * 64 for n in range(1, 6)]}}).encode()
import hashlib
digest = "sha256:" + hashlib.sha256(config).hexdigest()
manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)},
    "layers": [layer(n) for n in range(1, 6)]}).encode()
class Proxy(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        self.send_error(502)
    def do_GET(self):
        global running, most, asked
        if "/manifests/" in self.path or digest in self.path:
            body = manifest if "/manifests/" in self.path else config
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        with lock:
            running += 1; asked += 1; most = max(most, running)
        time.sleep(0.5)
        with lock:
            running -= 1
            open(sys.argv[1], "w").write("%s %d %d" % (self.path.split("/v2/")[0], most, asked))
        self.send_error(503)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 3129), Proxy).serve_forever()
"#;
    let mut daemon = prepared(|_| {
        json!({
            "insecure-registries": ["reg.test"],
            "proxies": {"http-proxy": "http://127.0.0.1:3129", "https-proxy": "http://127.0.0.1:3129"},
            "max-concurrent-downloads": 2,
            "max-download-attempts": 1,
        })
    });
    let folder = daemon.world.folder().display().to_string();
    fs::write(format!("{folder}/proxy.py"), SERVER).unwrap();
    daemon.run();
    let run: Run = daemon.script(
        &format!(
            "python3 {folder}/proxy.py {folder}/seen >/dev/null 2>&1 & server=$!; \
             until echo > /dev/tcp/127.0.0.1/3129; do :; done 2>/dev/null; \
             $GANTRY pull reg.test/app:1; code=$?; sleep 1; kill $server; exit $code"
        ),
        "",
    );
    assert_eq!(run.code, 1, "{} {}", run.stdout, run.stderr);
    let seen = fs::read_to_string(format!("{folder}/seen")).unwrap_or_default();
    let seen: Vec<&str> = seen.split(' ').collect();
    assert_eq!(
        seen[0], "http://reg.test",
        "through the proxy: {}",
        run.stderr
    );
    assert_eq!(seen[1], "2", "layers at once");
    let asked: u32 = seen[2].parse().unwrap();
    assert!(asked <= 5, "each layer once at most: {asked}");
}

/// A size for all layers needs quotas, which not every file system has: the daemon says so and
/// does not pretend. That a size is kept to, the virtual machine with quotas sees.
#[test]
fn a_size_for_all_layers_needs_quotas() {
    let daemon = Daemon::prepared("{}");
    let refused = |options: serde_json::Value| {
        daemon.configure(&json!({ "storage-opts": options }));
        Run::of(daemon.daemon_command()).fails().stderr.clone()
    };
    let has_quotas = daemon
        .world
        .sh("findmnt -no OPTIONS -T . | grep -qE 'prjquota|pquota'")
        .code
        == 0;
    if !has_quotas {
        assert!(refused(json!(["size=8m"])).contains("quotas"));
    }
    for (options, words) in [
        (json!(["speed=9"]), "unknown option"),
        (json!(["size=much"]), "storage-opts"),
        (json!(["size"]), "unknown option"),
    ] {
        let said = refused(options);
        assert!(said.contains(words), "{words}: {said}");
    }
}
