//! `--pids-limit`.

use crate::harness::Daemon;

#[test]
fn a_fork_bomb_stays_inside() {
    let daemon = Daemon::with_registry();
    daemon
        .gantry("run -d --name neighbour busybox sleep 1000")
        .ok();
    // Lights the fuse only where the limit is in force, and only a bounded one.
    let bomb = "limit=$(cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max); \
        [ \"$limit\" = 100 ] || exit 99; \
        i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; echo not stopped";
    daemon
        .gantry(&format!(
            "run -d --name bomb --pids-limit 100 busybox sh -c '{bomb}; sleep 1000'"
        ))
        .ok();
    let counted =
        "cat /sys/fs/cgroup/pids/pids.current 2>/dev/null || cat /sys/fs/cgroup/pids.current";
    let daemons = || daemon.gantry("top bomb").stdout.lines().count();
    crate::harness::eventually("the limit is met", || {
        let logs = daemon.gantry("logs bomb");
        logs.stderr.contains("fork")
    });
    assert!(daemons() <= 101, "{}", daemons());
    assert_ne!(
        daemon.gantry("inspect -f '{{.State.ExitCode}}' bomb").ok(),
        "99"
    );
    assert!(
        daemon
            .gantry(&format!("exec neighbour sh -c '{counted}'"))
            .ok()
            .parse::<u32>()
            .unwrap()
            < 20
    );
    daemon.gantry("kill neighbour").ok();
    daemon.gantry("rm -f bomb neighbour").ok();
    let left = "cat /proc/[0-9]*/comm 2>/dev/null | grep -cx -e sleep -e sh";
    crate::harness::eventually("nothing of it is left", || {
        // The world's own first process sleeps too.
        daemon.world.sh(left).stdout.trim() == "1"
    });
}
