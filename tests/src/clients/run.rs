//! Options of `run` that shape the process.

use crate::harness::{Client, through_both};

through_both!(
    process_options_reach_the_process,
    exit_codes_are_those_of_the_process,
    a_detached_container_is_listed_with_its_options,
    an_init_reaps_and_a_name_is_a_host_name,
);

fn process_options_reach_the_process(client: &Client) {
    let shell = |options: &str, script: &str| {
        client.ok(&format!("run --rm {options} busybox sh -c '{script}'"))
    };
    assert_eq!(shell("-e A=1 -e B='x y'", "echo $A-$B"), "1-x y");
    assert_eq!(shell("-w /var/made/here", "pwd"), "/var/made/here");
    assert_eq!(shell("-u 1234:5678", "id -u; id -g"), "1234\n5678");
    assert_eq!(shell("--hostname somewhere", "hostname"), "somewhere");
    assert_eq!(
        client.ok("run --rm --entrypoint /bin/echo busybox an entry"),
        "an entry"
    );
    assert_eq!(
        client
            .with_input("run --rm -i busybox cat", "in and out")
            .ok(),
        "in and out"
    );
    assert_eq!(client.ok("ps -aq"), "", "--rm leaves nothing");
}

fn exit_codes_are_those_of_the_process(client: &Client) {
    client.run("run --rm busybox sh -c 'exit 42'").exits(42);
    client
        .run("run --rm --init busybox sh -c 'kill -9 $$'")
        .exits(137);
    let missing = client.run("run --rm busybox no-such-command");
    missing
        .exits(127)
        .says("executable file not found in $PATH");
    let folder = client.run("run --rm busybox /etc");
    folder.exits(126).says("is a directory");
    let file = client.run("run --rm busybox /etc/passwd");
    file.exits(126).says("permission denied");
    let place = client.run("run --rm busybox /no/such/path");
    place.exits(127).says("no such file or directory");
    assert_eq!(client.ok("ps -aq"), "", "none is left half made");
}

fn a_detached_container_is_listed_with_its_options(client: &Client) {
    let id = client.ok("run -d --name listed --label kind=a --label other=b busybox sleep 1000");
    assert_eq!(id.len(), 64);
    assert_eq!(client.ok("ps -q --no-trunc"), id);
    assert_eq!(client.ok("ps -q --no-trunc --filter label=kind=a"), id);
    assert_eq!(client.ok("ps -q --filter label=kind=b"), "");
    assert_eq!(
        client.ok("ps --format '{{.Names}} {{.Image}}'"),
        "listed busybox"
    );
    assert_eq!(client.inspect("listed", ".Id"), id);
    assert_eq!(
        client.inspect("listed", "index .Config.Labels \"other\""),
        "b"
    );
    assert_eq!(client.inspect(&id[..12], ".State.Status"), "running");
    client.ok("rm -f listed");
}

fn an_init_reaps_and_a_name_is_a_host_name(client: &Client) {
    let one = client
        .ok("run --rm --init busybox sh -c 'tr \"\\0\" \" \" </proc/1/cmdline; echo; echo $$'");
    let mut lines = one.lines();
    assert!(!lines.next().unwrap().starts_with("sh "), "{one}");
    assert_ne!(lines.next().unwrap(), "1");
    client
        .run("run --rm --init busybox sh -c 'exit 7'")
        .exits(7);
    let id = client.ok("run -d busybox sleep 1000");
    assert_eq!(client.ok(&format!("exec {id} hostname")), id[..12]);
}
