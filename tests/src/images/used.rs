//! `system df`, `search`, `distribution`, and copies between containers.

use std::fs;

use super::registries::{ADDRESS, Writable};
use crate::harness::{Client, through_both};

through_both!(
    disk_usage_counts_what_is_there,
    a_registry_is_searched,
    a_registry_is_asked_about_an_image,
    a_copy_and_a_start_take_turns,
);

fn disk_usage_counts_what_is_there(client: &Client) {
    client.ok("run --name box -v data:/data busybox sh -c 'head -c 5000 /dev/zero > /file; head -c 7000 /dev/zero > /data/file'");
    let text = client.ok("system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}'");
    let line = |kind: &str| {
        let found = text.lines().find(|line| line.starts_with(kind));
        found.unwrap_or_else(|| panic!("{kind}: {text}")).to_owned()
    };
    assert!(line("Images").starts_with("Images|2|1|"), "{text}");
    assert_eq!(line("Containers"), "Containers|1|0|5kB");
    assert_eq!(line("Local Volumes"), "Local Volumes|1|1|7kB");
    assert_eq!(line("Build Cache"), "Build Cache|0|0|0B");
    let whole = client.ok("system df -v");
    for wanted in ["busybox", "box", "data", "SHARED SIZE", "Build cache usage"] {
        assert!(whole.contains(wanted), "{wanted}: {whole}");
    }
    let api = |path: &str| {
        client
            .script(
                &format!("curl -s --unix-socket ${{DOCKER_HOST#unix://}} 'http://d/{path}'"),
                "",
            )
            .ok()
            .to_owned()
    };
    assert!(api("v1.24/system/df").contains("\"LayersSize\":"));
    let only: serde_json::Value =
        serde_json::from_str(&api("v1.51/system/df?type=volume")).unwrap();
    assert_eq!(only["Volumes"][0]["UsageData"]["Size"], 7000);
    assert!(only["Images"].is_null() && only["Containers"].is_null());
}

/// An index that knows one repository.
const INDEX: &str = r#"
import http.server, json, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        hit = {"name": "team/" + query["q"][0], "description": "a thing", "star_count": 7, "is_official": False}
        body = json.dumps({"results": [hit], "num_results": 1}).encode()
        self.send_response(200 if self.path.startswith("/v1/search") else 404)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", 5005), Handler).serve_forever()
"#;

fn a_registry_is_searched(client: &Client) {
    let program = client.daemon.world.folder().join("index.py");
    fs::write(&program, INDEX).unwrap();
    let found = client.script(
        &format!(
            "python3 {} & server=$!; until echo > /dev/tcp/127.0.0.1/5005; do :; done 2>/dev/null; \
             $C search --format '{{{{.Name}}}} {{{{.StarCount}}}}' 127.0.0.1:5005/app; \
             $C search --filter stars=10 --format '{{{{.Name}}}}' 127.0.0.1:5005/app; kill $server",
            program.display()
        ),
        "",
    );
    assert_eq!(found.ok(), "team/app 7");
    let _registry = Writable::serve(client);
    client
        .run(&format!("search {ADDRESS}/app"))
        .exits(1)
        .says("Unexpected status code 404");
    client
        .run("search --limit 1000 x")
        .exits(1)
        .says("outside the range");
}

fn a_registry_is_asked_about_an_image(client: &Client) {
    let _registry = Writable::serve(client);
    client.ok("pull busybox");
    client.ok(&format!("tag busybox {ADDRESS}/app:v1"));
    client.ok(&format!("push {ADDRESS}/app:v1"));
    let url = format!("http://d/v1.51/distribution/{ADDRESS}/app:v1/json");
    let script = format!("curl -s --unix-socket ${{DOCKER_HOST#unix://}} {url}");
    let body: serde_json::Value = serde_json::from_str(client.script(&script, "").ok()).unwrap();
    assert_eq!(body["Platforms"][0]["os"], "linux");
    let digest = body["Descriptor"]["digest"].as_str().unwrap();
    assert!(
        client
            .inspect(&format!("{ADDRESS}/app:v1"), "json .RepoDigests")
            .contains(digest)
    );
    let manifest = client.ok(&format!("manifest inspect --insecure {ADDRESS}/app:v1"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["schemaVersion"], 2);
    let verbose = client.ok(&format!("manifest inspect -v --insecure {ADDRESS}/app:v1"));
    let verbose: serde_json::Value = serde_json::from_str(&verbose).unwrap();
    assert_eq!(verbose["Descriptor"]["digest"], digest);
    client
        .run(&format!("manifest inspect --insecure {ADDRESS}/app:none"))
        .exits(1)
        .says("no such manifest");
}

fn a_copy_and_a_start_take_turns(client: &Client) {
    let file = client.daemon.world.folder().join("file");
    fs::write(&file, vec![b'x'; 4 << 20]).unwrap();
    client.ok("create --name box busybox wc -c /big");
    client.ok(&format!("cp {} box:/big", file.display()));
    // Several copies from a container that does not run, and its start, all at once.
    let script =
        "for i in 1 2 3; do $C cp box:/big - | tar -xO | wc -c & done; $C start -a box; wait";
    let run = client.script(script, "");
    let mut lines: Vec<&str> = run.ok().lines().map(str::trim).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["4194304", "4194304", "4194304", "4194304 /big"]);
    // A copy into itself does not wait for itself.
    client
        .script("$C cp box:/big - | $C cp - box:/tmp", "")
        .ok();
    client.ok("commit box copied:v1");
    assert_eq!(
        client.ok("run --rm copied:v1 wc -c /tmp/big"),
        "4194304 /tmp/big"
    );
}

#[test]
fn copied_from_one_container_to_another() {
    let client = Client::gantry();
    client.ok("run -d --name one busybox sleep 1000");
    client.ok("create --name two busybox cat /there/inner/file /renamed");
    client.ok("exec one sh -c 'mkdir -p /tree/inner; echo deep > /tree/inner/file; ln -s inner /tree/link; chown -R 5:6 /tree'");
    client.ok("cp -a one:/tree two:/there");
    client.ok("cp one:/tree/inner/file two:/renamed");
    assert_eq!(client.ok("start -a two"), "deep\ndeep");
    client.ok("commit two made:v1");
    assert_eq!(
        client.ok("run --rm made:v1 sh -c 'stat -c %u:%g /there/inner/file; readlink /there/link'"),
        "5:6\ninner"
    );
    client.ok("cp one:/tree/. one:/copied-does-not-exist");
    assert_eq!(
        client.ok("exec one cat /copied-does-not-exist/inner/file"),
        "deep"
    );
    client
        .run("cp one:/none two:/x")
        .exits(1)
        .says("Could not find the file /none in container one");
}
