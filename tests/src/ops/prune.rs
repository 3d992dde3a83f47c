//! `container prune`, `system prune`.

use crate::harness::{Client, through_both};

through_both!(stopped_ones_go, all_that_is_unused_goes);

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

fn all_that_is_unused_goes(client: &Client) {
    let cached = || {
        let rows = client.ok("system df --format '{{.Type}}|{{.TotalCount}}'");
        let row = rows.lines().find(|row| row.starts_with("Build Cache"));
        row.unwrap().rsplit('|').next().unwrap().to_owned()
    };
    let build = "export DOCKER_BUILDKIT=0; \
        printf 'FROM busybox\nRUN head -c 3000000 /dev/zero > /x\n' | $C build -q -t made -";
    client.script(build, "").ok();
    client.ok("network create idle");
    client.ok("volume create data");
    client.ok("run -d --name lives busybox sleep 1000");
    client.ok("create --name stopped busybox");
    // Nothing in the cache has a label, so none of it is meant.
    let nothing = client.ok("system prune -af --filter label=nobody.has.this");
    assert_eq!(nothing, "Total reclaimed space: 0B");
    // What an image has, too, stays with it.
    let some = client.ok("system prune -f");
    for title in ["Deleted Containers:", "Deleted Networks:\nidle"] {
        assert!(some.contains(title), "{title}: {some}");
    }
    assert!(!some.contains("build cache"), "{some}");
    assert_eq!(cached(), "1");
    client.ok("rmi made");
    let rest = client.ok("system prune -f --volumes");
    assert!(rest.contains("Deleted build cache objects:"), "{rest}");
    assert!(rest.contains("Total reclaimed space: 3MB"), "{rest}");
    assert_eq!(cached(), "0");
    assert_eq!(client.ok("volume ls -q"), "data");
    assert_eq!(client.ok("ps -a --format '{{.Names}}'"), "lives");
    let question = client.with_input("system prune -a", "n\n");
    assert!(
        question.stdout.contains("  - all build cache\n"),
        "{}",
        question.stdout
    );
}
