//! `container prune`.

use crate::harness::{Client, through_both};

through_both!(stopped_ones_go);

fn stopped_ones_go(client: &Client) {
    client.ok("run -d --name lives busybox sleep 1000");
    client.ok("run --name wrote -l keep=no busybox sh -c 'head -c 2000000 /dev/zero > /two'");
    client.ok("create --name kept -l keep=yes busybox true");
    client.ok("create --name fresh busybox true");
    assert!(
        client
            .ok("container prune -f --filter until=1h")
            .ends_with("Total reclaimed space: 0B")
    );
    let gone = client.ok("container prune -f --filter 'label=keep=no'");
    assert!(gone.starts_with("Deleted Containers:\n"), "{gone}");
    assert!(gone.contains("Total reclaimed space: 2"), "{gone}");
    client.ok("container prune -f --filter 'label!=keep=yes'");
    let left = client.ok("ps -a --format '{{.Names}}'");
    assert_eq!(left, "kept\nlives");
    client
        .run("container prune -f --filter status=exited")
        .exits(1)
        .says("invalid filter 'status'");
    client
        .run("container prune -f --filter until=soon")
        .exits(1);
    client.ok("container prune -f");
    assert_eq!(client.ok("ps -a --format '{{.Names}}'"), "lives");
    let script = "$C events --since 5m --until $(($(date +%s) + 1)) --filter event=prune --format '{{.Type}} {{.Actor.Attributes.reclaimed}}'";
    let events = client.script(script, "").ok().to_owned();
    assert!(
        events.lines().any(|line| line.starts_with("container 2")),
        "{events}"
    );
}
