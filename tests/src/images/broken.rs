//! Registries that break off or lie, seen through the real daemon.

use std::fs;

use crate::harness::{Client, through_both};

through_both!(
    a_download_that_breaks_is_gone_on_with,
    bytes_that_are_not_what_was_promised_leave_nothing,
);

/// Hands on what the registry says. Of a blob that is larger than a configuration it gives half and
/// hangs up, the first time; while the file `lie` is there, it changes a byte of it instead.
const PROXY: &str = r#"
import http.server, os, sys, urllib.request, urllib.error
folder = sys.argv[1]
broken = set()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("accept", "range")}
        request = urllib.request.Request("http://127.0.0.1:5000" + self.path, headers=headers, method=self.command)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        body = answer.read()
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            if key.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(key, value)
        self.end_headers()
        large = "/blobs/" in self.path and len(body) > 100000
        if large and os.path.exists(folder + "/lie"):
            body = bytes([body[0]]) + body[1:50000] + bytes([body[50000] ^ 1]) + body[50001:]
        elif large and self.path not in broken:
            broken.add(self.path)
            open(folder + "/broke", "w").close()
            body = body[:len(body) // 2]
            self.close_connection = True
        elif "Range" in self.headers:
            open(folder + "/resumed", "w").close()
        self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 5006), Handler).serve_forever()
"#;

/// Starts the proxy in the background of the script's world; it ends with the world.
fn proxy(client: &Client) {
    let folder = client.daemon.world.folder();
    fs::write(folder.join("proxy.py"), PROXY).unwrap();
    let script = format!(
        "setsid python3 {0}/proxy.py {0} >/dev/null 2>&1 </dev/null & \
         until echo > /dev/tcp/127.0.0.1/5006; do :; done 2>/dev/null",
        folder.display()
    );
    client.script(&script, "").ok();
}

fn a_download_that_breaks_is_gone_on_with(client: &Client) {
    proxy(client);
    let folder = client.daemon.world.folder();
    client.ok("pull 127.0.0.1:5006/library/busybox");
    assert!(folder.join("broke").exists() && folder.join("resumed").exists());
    assert_eq!(
        client.ok("run --rm 127.0.0.1:5006/library/busybox echo whole"),
        "whole"
    );
}

fn bytes_that_are_not_what_was_promised_leave_nothing(client: &Client) {
    proxy(client);
    let folder = client.daemon.world.folder();
    fs::write(folder.join("lie"), "").unwrap();
    let pull = client.run("pull 127.0.0.1:5006/library/busybox");
    assert_ne!(pull.code, 0, "{}", pull.stdout);
    assert!(pull.stderr.contains("sha256:"), "{}", pull.stderr);
    assert_eq!(client.ok("images -q 127.0.0.1:5006/library/busybox"), "");
    fs::remove_file(folder.join("lie")).unwrap();
    client.ok("pull 127.0.0.1:5006/library/busybox");
    assert_eq!(
        client.ok("run --rm 127.0.0.1:5006/library/busybox echo whole"),
        "whole"
    );
}
