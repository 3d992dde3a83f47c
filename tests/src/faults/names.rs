//! Names and ports that are wrong or taken.

use crate::harness::{Client, Daemon, through_both};

through_both!(
    an_unknown_image,
    an_invalid_reference,
    names_and_ports_that_are_taken,
);

fn an_unknown_image(client: &Client) {
    let run = client.run("run --rm no-such-image");
    run.exits(125)
        .says("Unable to find image 'no-such-image:latest' locally")
        .says("manifest for no-such-image:latest not found: manifest unknown");
    client
        .run("run --rm busybox:no-such-tag")
        .exits(125)
        .says("busybox:no-such-tag");
    client.run("pull no-such-image").exits(1);
    assert_eq!(client.ok("ps -aq"), "");
}

fn an_invalid_reference(client: &Client) {
    for name in ["UPPER", "a/../b", "name:", "name@sha256:12"] {
        let run = client.run(&format!("run --rm {name}"));
        run.exits(125).says("invalid reference format");
    }
}

fn names_and_ports_that_are_taken(client: &Client) {
    let id = client.ok("run -d --name mine -p 8080:80 busybox sleep 1000");
    client
        .run("run -d --name mine busybox true")
        .exits(125)
        .says("The container name \"/mine\" is already in use by container")
        .says(&id);
    client
        .run("run -d --name second -p 8080:80 busybox true")
        .exits(125)
        .says("8080")
        .says(&format!("is held by container {}", &id[..12]));
    // It was created and could not be started, as with Docker.
    assert_eq!(client.inspect("second", ".State.Status"), "created");
    let script = "python3 -m http.server 8090 >/dev/null 2>&1 & server=$!; \
        until (exec 3<>/dev/tcp/127.0.0.1/8090) 2>/dev/null; do :; done; \
        $C run -d -p 8090:80 busybox true; code=$?; kill $server; exit $code";
    client
        .script(script, "")
        .exits(125)
        .says("8090")
        .says("python3");
}

#[test]
fn an_unreachable_registry() {
    let daemon = Daemon::with_config(r#"{"registry-mirrors": ["http://127.0.0.1:9"]}"#);
    let run = daemon.docker("run --rm 127.0.0.1:9/nothing");
    run.exits(125).says("127.0.0.1:9").says("onnection refused");
    daemon.gantry("run --rm busybox").exits(125);
    assert_eq!(daemon.gantry("ps -aq").ok(), "");
    daemon.gantry("run --rm gantry/hello").ok();
}
