//! A container's life: from create to rm.

use crate::harness::{Client, eventually, through_both};

through_both!(
    created_started_stopped_and_started_again,
    killed_by_the_signal_that_was_asked_for,
    paused_containers_stand_still,
    renamed_and_removed,
    waited_for_and_told_by_events,
    described_by_version_and_info,
);

const TRAPS: &str = "trap \"echo bye; exit 4\" TERM; echo ready; while :; do sleep 0.01; done";

fn created_started_stopped_and_started_again(client: &Client) {
    let id = client.ok(&format!("create --name one busybox sh -c '{TRAPS}'"));
    assert_eq!(client.inspect("one", ".State.Status"), "created");
    assert_eq!(client.ok("start one"), "one");
    eventually("it runs its loop", || {
        client.run("logs one").stdout == "ready\n"
    });
    assert_eq!(client.ok("stop one"), "one");
    assert_eq!(client.inspect("one", ".State.ExitCode"), "4");
    client.ok("restart one");
    assert_eq!(client.inspect("one", ".State.Running"), "true");
    assert_eq!(client.inspect("one", ".Id"), id);
    client.ok("kill one");
    client.ok("create --name two busybox sh -c 'echo said; exit 6'");
    let attached = client.run("start -a two");
    assert_eq!(attached.exits(6).stdout, "said\n");
    assert_eq!(client.run("start -a two").exits(6).stdout, "said\n");
    assert!(client.ok("ps -a --filter name=two").contains("Exited (6)"));
}

fn killed_by_the_signal_that_was_asked_for(client: &Client) {
    client.ok(&format!("run -d --name traps busybox sh -c '{TRAPS}'"));
    eventually("the trap is set", || {
        client.run("logs traps").stdout == "ready\n"
    });
    client.ok("kill -s TERM traps");
    assert_eq!(client.ok("wait traps"), "4");
    client.ok("run -d --name hard busybox sleep 1000");
    client.ok("stop -t 0 hard");
    assert_eq!(client.inspect("hard", ".State.ExitCode"), "137");
    client.run("kill hard").exits(1).says("is not running");
}

fn paused_containers_stand_still(client: &Client) {
    client.ok("run -d --name still busybox sleep 1000");
    client.ok("pause still");
    assert_eq!(client.inspect("still", ".State.Status"), "paused");
    assert!(client.ok("ps").contains("(Paused)"));
    client.run("exec still true").exits(1).says("is paused");
    client.ok("unpause still");
    client.ok("exec still true");
    client.run("unpause still").exits(1).says("is not paused");
}

fn renamed_and_removed(client: &Client) {
    client.ok("run -d --name before busybox sleep 1000");
    client.ok("rename before after");
    assert_eq!(client.inspect("after", ".Name"), "/after");
    client.run("inspect before").exits(1);
    let taken = client.run("run -d --name after busybox true");
    taken
        .exits(125)
        .says("The container name \"/after\" is already in use by container");
    client.run("rm after").exits(1).says("container is running");
    assert_eq!(client.ok("rm -f after"), "after");
    assert_eq!(client.ok("ps -aq"), "");
    client.ok("run -d --name after busybox true");
}

fn waited_for_and_told_by_events(client: &Client) {
    client.ok("run -d --name counts busybox sh -c 'exit 12'");
    assert_eq!(client.ok("wait counts"), "12");
    client.ok("rm counts");
    let script = "$C events --since 5m --until $(($(date +%s) + 1)) --filter type=container --format '{{.Action}}'";
    let events = client.script(script, "").ok().to_owned();
    let actions: Vec<&str> = events.lines().collect();
    assert_eq!(actions, ["create", "start", "die", "destroy"]);
}

fn described_by_version_and_info(client: &Client) {
    let version = client.ok("version");
    assert!(version.contains("Server: Gantry"), "{version}");
    assert!(
        client
            .ok("version --format '{{.Client.Version}}'")
            .contains('.')
    );
    client.ok("run -d busybox sleep 1000");
    assert_eq!(client.ok("info --format '{{.ContainersRunning}}'"), "1");
    let info = client.run("info");
    assert!(
        info.ok().contains("Cgroup Driver: cgroupfs"),
        "{}",
        info.stdout
    );
}
