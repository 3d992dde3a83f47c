//! `max-concurrent-uploads`.

use std::fs;

use serde_json::json;

use crate::harness::Daemon;

/// A registry that takes its time with every blob and notes how many came at once.
const REGISTRY: &str = r#"
import http.server, sys, threading, time, uuid
lock, running, most, all = threading.Lock(), 0, 0, 0
class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
    def do_GET(self):
        self.answer(200 if self.path == "/v2/" else 404)
    def do_HEAD(self):
        self.answer(404)
    def do_POST(self):
        self.body()
        self.answer(202, Location="/v2/app/blobs/uploads/" + uuid.uuid4().hex, Range="0-0")
    def data(self, status):
        global running, most, all
        with lock:
            running += 1; most = max(most, running)
        self.body()
        time.sleep(0.5)
        with lock:
            running -= 1; all += 1
            open(sys.argv[1], "w").write("%d %d" % (most, all))
        self.answer(status, Location=self.path, Range="0-1")
    def do_PATCH(self):
        self.data(202)
    def do_PUT(self):
        if "/manifests/" in self.path:
            self.body()
            return self.answer(201)
        self.data(201)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 5001), Registry).serve_forever()
"#;

#[test]
fn layers_are_uploaded_so_many_at_once_as_told() {
    let daemon = Daemon::with_registry_and(&json!({"max-concurrent-uploads": 2}));
    let folder = daemon.world.folder().display().to_string();
    fs::write(format!("{folder}/registry.py"), REGISTRY).unwrap();
    // An image of six layers.
    daemon
        .script(
            "set -e; from=busybox; for n in 1 2 3 4 5; do $GANTRY run --name c$n $from sh -c \"echo $n > /$n\"; \
             from=$($GANTRY commit c$n); done; $GANTRY tag $from localhost:5001/app:1",
            "",
        )
        .ok();
    let push = |name: &str| {
        daemon
            .script(
                &format!(
                    "python3 {folder}/registry.py {folder}/{name} & server=$!; \
                     until echo > /dev/tcp/127.0.0.1/5001; do :; done 2>/dev/null; \
                     timeout 60 $GANTRY push -q localhost:5001/app:1; code=$?; kill $server; exit $code"
                ),
                "",
            )
            .ok();
        let seen = fs::read_to_string(format!("{folder}/{name}")).unwrap();
        let (most, all) = seen.split_once(' ').unwrap();
        assert!(all.parse::<u32>().unwrap() >= 6, "{seen}");
        most.to_owned()
    };
    assert_eq!(push("two"), "2");
    // A reload takes the key over.
    daemon.configure(
        &json!({"max-concurrent-uploads": 1, "registry-mirrors": ["http://127.0.0.1:5000"]}),
    );
    daemon
        .script(&format!("kill -HUP {}", daemon.pid()), "")
        .ok();
    crate::harness::eventually("the key is taken over", || {
        daemon.log_text().contains("max-concurrent-uploads") || push("one") == "1"
    });
    assert_eq!(push("again"), "1");
}
