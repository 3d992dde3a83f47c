//! `top`.

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(processes_as_ps_shows_them);

fn processes_as_ps_shows_them(client: &Client) {
    client.ok("run -d --name two busybox sh -c 'sleep 1234 & sleep 5678'");
    eventually("both run", || client.ok("top two").lines().count() == 3);
    let table = client.ok("top two");
    assert!(table.starts_with("UID"), "{table}");
    assert!(
        table.contains("sleep 1234") && table.contains("sleep 5678"),
        "{table}"
    );
    assert!(!table.contains("docker-registry"), "{table}");
    let chosen = client.ok("top two -o pid,args");
    assert_eq!(
        chosen
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["PID", "COMMAND"]
    );
    assert_eq!(chosen.lines().count(), 3, "{chosen}");
    client.run("top two -o pid=X").exits(1).says("not allowed");
    client.run("top two -o args").exits(1).says("PID");
    client.ok("stop -t 0 two");
    client.run("top two").exits(1).says("is not running");
}

#[test]
fn without_a_ps_the_common_forms_work() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run -d --name one busybox sleep 4321").ok();
    // Only in this test's own mount namespace.
    daemon
        .world
        .sh("mount --bind /dev/null $(readlink -f $(command -v ps))")
        .ok();
    let run = daemon.gantry("top one");
    assert!(
        run.code == 1 || run.stdout.contains("sleep 4321"),
        "{}",
        run.stderr
    );
}
