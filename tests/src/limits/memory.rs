//! `-m`.

use crate::harness::{Daemon, eventually};

#[test]
fn who_eats_too_much_is_killed_and_neighbours_live() {
    let daemon = Daemon::with_registry();
    daemon
        .gantry("run -d --name neighbour -m 64m busybox sleep 1000")
        .ok();
    // A string that doubles: 256 MiB at most, should the limit not hold.
    let eat =
        "x=0123456789abcdef; i=0; while [ $i -lt 24 ]; do x=$x$x; i=$((i+1)); done; echo survived";
    let run = daemon.docker(&format!(
        "run --name eater -m 64m --memory-swap 64m busybox sh -c '{eat}'"
    ));
    assert_eq!(run.exits(137).stdout, "");
    let state = daemon
        .gantry("inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' eater");
    assert_eq!(state.ok(), "true 137 exited");
    let neighbour = daemon.gantry("inspect -f '{{.State.OOMKilled}} {{.State.Status}}' neighbour");
    assert_eq!(neighbour.ok(), "false running");
    assert_eq!(daemon.gantry("exec neighbour echo alive").ok(), "alive");
    let script = "$GANTRY events --since 5m --until $(($(date +%s) + 1)) --filter container=eater --format '{{.Action}}'";
    eventually("the event was told", || {
        daemon
            .script(script, "")
            .stdout
            .lines()
            .any(|line| line == "oom")
    });
}
