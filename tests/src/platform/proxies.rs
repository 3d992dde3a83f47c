//! Proxies: the daemon's own, which registries are reached through, and those that a user's
//! configuration file gives to containers.

use std::fs;

use serde_json::json;

use crate::harness::{Client, Daemon, through_both};

through_both!(containers_get_the_users_proxies);

/// Answers 404 to everything and notes what it was asked for, at which port.
const SERVER: &str = r#"
import http.server, sys, threading
class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(sys.argv[1], "a") as seen:
            print(self.server.server_port, self.path, file=seen)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_GET
    def log_message(self, *args):
        pass
for port in (3129, 5001):
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Server)
    threading.Thread(target=server.serve_forever).start()
"#;

#[test]
fn registries_that_need_no_proxy_are_asked_directly() {
    let mut daemon = Daemon::prepared("{}");
    daemon.configure(&json!({
        "insecure-registries": ["10.9.8.0/24", "inner.test:5001", "outer.test:5001"],
        "proxies": {"http-proxy": "http://127.0.0.1:3129", "https-proxy": "http://127.0.0.1:3129",
                    "no-proxy": "10.9.8.7,.inner.test,inner.test"},
    }));
    let folder = daemon.world.folder().display().to_string();
    fs::write(format!("{folder}/server.py"), SERVER).unwrap();
    fs::write(
        format!("{folder}/hosts"),
        "127.0.0.1 localhost\n10.9.8.7 inner.test\n",
    )
    .unwrap();
    daemon
        .world
        .sh(&format!(
            "ip addr add 10.9.8.7/32 dev lo && ip addr add 10.9.8.8/32 dev lo && mount --bind {folder}/hosts /etc/hosts"
        ))
        .ok();
    daemon.run();
    daemon.script(
        &format!(
            "python3 {folder}/server.py {folder}/seen >/dev/null 2>&1 & server=$!; \
             for p in 3129 5001; do until echo > /dev/tcp/127.0.0.1/$p; do :; done 2>/dev/null; done; \
             for r in 10.9.8.7 10.9.8.8 inner.test outer.test; do $GANTRY pull $r:5001/app:1; done; kill -9 $server"
        ),
        "",
    );
    let seen = fs::read_to_string(format!("{folder}/seen")).unwrap_or_default();
    let asked = |start: &str| seen.lines().any(|line| line.starts_with(start));
    for through in ["10.9.8.8", "outer.test"] {
        assert!(
            asked(&format!("3129 http://{through}:5001/")),
            "{through}: {seen}"
        );
    }
    for directly in ["10.9.8.7", "inner.test"] {
        assert!(
            !asked(&format!("3129 http://{directly}")),
            "{directly}: {seen}"
        );
    }
    assert!(asked("5001 /v2/"), "{seen}");
}

fn containers_get_the_users_proxies(client: &Client) {
    let socket = client.daemon.socket().display().to_string();
    let folder = client.daemon.world.folder().join("docker");
    fs::create_dir_all(&folder).unwrap();
    let write = |proxies: &serde_json::Value| {
        let text = json!({ "proxies": proxies }).to_string();
        fs::write(folder.join("config.json"), text).unwrap();
    };
    let seen = |options: &str| {
        let said = client.ok(&format!("run --rm {options} busybox env"));
        let mut lines: Vec<String> = said
            .lines()
            .filter(|line| line.to_lowercase().contains("proxy"))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    write(
        &json!({"default": {"httpProxy": "http://p:1", "httpsProxy": "http://s:2", "noProxy": "x,y",
                              "ftpProxy": "f:3", "allProxy": "a:4"}}),
    );
    assert_eq!(
        seen(""),
        [
            "ALL_PROXY=a:4",
            "FTP_PROXY=f:3",
            "HTTPS_PROXY=http://s:2",
            "HTTP_PROXY=http://p:1",
            "NO_PROXY=x,y",
            "all_proxy=a:4",
            "ftp_proxy=f:3",
            "http_proxy=http://p:1",
            "https_proxy=http://s:2",
            "no_proxy=x,y",
        ]
    );
    // What is typed counts more; those of this daemon count more than the usual ones.
    write(&json!({
        "default": {"httpProxy": "http://p:1"},
        format!("unix://{socket}"): {"httpProxy": "http://own:5"},
    }));
    assert_eq!(
        seen("-e http_proxy=typed"),
        ["HTTP_PROXY=http://own:5", "http_proxy=typed"]
    );
    write(&json!({}));
    assert_eq!(seen(""), [""; 0]);
}
