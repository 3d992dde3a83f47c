//! `save`, `load`, `export` and `import`.

use std::fs;

use crate::harness::{Client, Daemon, through_both};

through_both!(
    saved_and_loaded_again,
    exported_and_imported,
    what_is_not_there_is_not_saved,
);

fn saved_and_loaded_again(client: &Client) {
    let file = client.daemon.world.folder().join("images.tar");
    let file = file.display();
    client.ok("pull busybox");
    client.ok("tag busybox mine:v1");
    client.ok("run --name changed busybox sh -c 'rm /bin/vi; echo x > /etc/x'");
    client.ok("commit changed changed:v1");
    let ids: Vec<String> = ["busybox", "changed:v1"]
        .map(|name| client.inspect(name, ".Id"))
        .into();
    client.ok(&format!("save -o {file} busybox mine:v1 changed:v1"));
    let names = client.script(&format!("tar -tf {file}"), "");
    for name in ["index.json", "manifest.json", "oci-layout", "repositories"] {
        assert!(
            names.ok().lines().any(|line| line == name),
            "{name}: {}",
            names.ok()
        );
    }
    let again = client.script(
        &format!("$C save busybox mine:v1 changed:v1 | cmp - {file}"),
        "",
    );
    again.ok();
    client.ok("rm changed");
    client.ok("rmi busybox mine:v1 changed:v1");
    let text = client.ok(&format!("load -i {file}"));
    for name in ["busybox:latest", "mine:v1", "changed:v1"] {
        assert!(text.contains(&format!("Loaded image: {name}")), "{text}");
    }
    assert_eq!(client.inspect("mine:v1", ".Id"), ids[0]);
    assert_eq!(client.inspect("changed:v1", ".Id"), ids[1]);
    assert_eq!(
        client.ok("run --rm changed:v1 sh -c 'test ! -e /bin/vi && cat /etc/x'"),
        "x"
    );
    // By id there is no name in it.
    client.ok("rmi changed:v1");
    let by_id = client.script(&format!("$C save {} | $C load", ids[0]), "");
    assert!(
        by_id.ok().contains(&format!("Loaded image ID: {}", ids[0])),
        "{}",
        by_id.ok()
    );
}

fn exported_and_imported(client: &Client) {
    let folder = client.daemon.world.folder();
    let file = folder.join("root.tar");
    let file = file.display();
    client.ok(
        "run -d --name box -v data:/data busybox sh -c 'echo v > /data/v; echo f > /f; sleep 1000'",
    );
    client.ok("exec box sh -c 'until test -e /f; do :; done'");
    client.ok(&format!("export -o {file} box"));
    let names = client.script(&format!("tar -tf {file}"), "");
    let names = names.ok();
    assert!(
        names.lines().any(|line| line == "f") && names.lines().any(|line| line == "bin/busybox")
    );
    // Neither volumes nor what the kernel shows are the container's own files.
    for not in ["data/v", "proc/1/", "sys/kernel/"] {
        assert!(!names.lines().any(|line| line == not), "{not}");
    }
    let id = client.ok(&format!(
        "import -m said -c 'CMD [\"cat\", \"/f\"]' -c 'ENV A=b' {file} mine:flat"
    ));
    assert_eq!(client.inspect("mine:flat", ".Id"), id);
    assert_eq!(client.inspect("mine:flat", ".Comment"), "said");
    assert_eq!(client.ok("run --rm mine:flat"), "f");
    assert_eq!(client.ok("run --rm mine:flat sh -c 'echo $A'"), "b");
    let piped = client.script(&format!("gzip -c {file} | $C import -"), "");
    assert!(piped.ok().starts_with("sha256:"), "{}", piped.ok());
    let served = client.script(
        &format!(
            "cd {}; python3 -m http.server -b 127.0.0.1 8000 >/dev/null 2>&1 & server=$!; \
             until echo > /dev/tcp/127.0.0.1/8000; do :; done 2>/dev/null; \
             $C import http://127.0.0.1:8000/root.tar mine:url; code=$?; kill $server; exit $code",
            folder.display()
        ),
        "",
    );
    assert!(served.ok().contains("sha256:"), "{}", served.ok());
    assert_eq!(client.ok("run --rm mine:url cat /f"), "f");
    client
        .run("import /no/such/file x:y")
        .exits(1)
        .says("no such file");
    fs::write(folder.join("bad"), [7; 2000]).unwrap();
    let bad = client.run(&format!("import {}/bad x:y", folder.display()));
    assert_ne!(bad.code, 0);
    assert_eq!(client.ok("images -q x:y"), "");
}

fn what_is_not_there_is_not_saved(client: &Client) {
    let file = client.daemon.world.folder().join("none.tar");
    client
        .run(&format!("save -o {} busybox:no", file.display()))
        .exits(1)
        .says("No such image: busybox:no");
    assert!(!file.exists());
}

/// The driver that unpacks layers gives their archives back all the same.
#[test]
fn unpacked_layers_can_be_saved() {
    let daemon = Daemon::with_config(r#"{"storage-driver": "overlay2"}"#);
    let file = daemon.world.folder().join("hello.tar");
    let file = file.display();
    daemon.gantry("create --name box gantry/hello").ok();
    daemon
        .script(
            &format!("echo text > {file}.txt; $GANTRY cp {file}.txt box:/text"),
            "",
        )
        .ok();
    assert_eq!(daemon.gantry("diff box").ok(), "A /text");
    daemon.gantry("commit box mine:v1").ok();
    daemon.gantry(&format!("save -o {file} mine:v1")).ok();
    daemon.gantry("rm box").ok();
    daemon.gantry("rmi mine:v1").ok();
    assert_eq!(
        daemon.gantry(&format!("load -i {file}")).ok(),
        "Loaded image: mine:v1"
    );
    daemon.gantry("create --name box mine:v1").ok();
    assert_eq!(
        daemon.script("$GANTRY cp box:/text - | tar -xO", "").ok(),
        "text"
    );
}
