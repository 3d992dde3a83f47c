//! `cp`, both ways.

use std::fs;

use crate::harness::{Client, through_both};

through_both!(
    files_and_folders_are_copied_in_and_out,
    stopped_containers_and_streams_are_no_different,
);

fn files_and_folders_are_copied_in_and_out(client: &Client) {
    let host = client.daemon.world.folder().join("copies");
    fs::create_dir_all(host.join("tree/below")).unwrap();
    fs::write(host.join("tree/below/file"), "deep").unwrap();
    let here = host.display();
    client.ok("run -d --name box busybox sleep 1000");
    client.ok(&format!("cp {here}/tree box:/tmp"));
    assert_eq!(client.ok("exec box cat /tmp/tree/below/file"), "deep");
    client.ok(&format!("cp {here}/tree/. box:/home"));
    assert_eq!(client.ok("exec box cat /home/below/file"), "deep");
    client.ok("exec box sh -c 'echo out > /tmp/tree/below/new; ln -s below /tmp/tree/link'");
    client.ok(&format!("cp box:/tmp/tree {here}/back"));
    assert_eq!(
        fs::read_to_string(host.join("back/below/new")).unwrap(),
        "out\n"
    );
    assert!(host.join("back/link").is_symlink());
    client.ok(&format!("cp box:/tmp/tree/below/new {here}/renamed"));
    assert_eq!(fs::read_to_string(host.join("renamed")).unwrap(), "out\n");
    client
        .run(&format!("cp box:/no/such {here}/x"))
        .exits(1)
        .says("Could not find the file /no/such in container box");
    client
        .run(&format!("cp {here}/no-such box:/tmp"))
        .exits(1)
        .says("no such file or directory");
    // A link in the container that points out of it leads to nothing of the host's.
    fs::write(host.join("secret"), "host's").unwrap();
    client.ok(&format!("exec box ln -s {here}/secret /tmp/trap"));
    assert_ne!(
        client
            .run(&format!("cp -L box:/tmp/trap {here}/caught"))
            .code,
        0
    );
    assert!(!host.join("caught").exists());
}

fn stopped_containers_and_streams_are_no_different(client: &Client) {
    let host = client.daemon.world.folder();
    fs::write(host.join("file"), "text").unwrap();
    let here = host.display();
    client.ok("create --name box busybox cat /data");
    client.ok(&format!("cp {here}/file box:/data"));
    assert_eq!(client.ok("start -a box"), "text");
    assert_eq!(
        client.script("$C cp box:/data - | tar -xO", "").ok(),
        "text"
    );
    client
        .script(&format!("tar -C {here} -c file | $C cp - box:/etc"), "")
        .ok();
    client.ok(&format!("cp box:/etc/file {here}/out"));
    assert_eq!(fs::read_to_string(host.join("out")).unwrap(), "text");
}
