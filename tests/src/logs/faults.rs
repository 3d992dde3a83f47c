//! Logs when things break.

use crate::harness::{Daemon, eventually};

#[test]
fn a_full_disk_stops_the_log_and_not_the_container() {
    let daemon = Daemon::on_small_disk();
    let data = daemon.world.folder().join("data");
    let program = "sh -c 'n=0; while true; do n=$((n+1)); echo line $n; echo $n > /dev/shm/n; \
                   sleep 0.02; done'";
    daemon
        .docker(&format!("run -d --name writes busybox {program}"))
        .ok();
    eventually("it writes", || {
        daemon.docker("logs writes").stdout.contains("line 3\n")
    });
    daemon.world.sh(&format!(
        "dd if=/dev/zero of={0}/filler bs=1k 2>/dev/null; true",
        data.display()
    ));
    let count = || -> u64 {
        let run = daemon.docker("exec writes cat /dev/shm/n");
        run.ok().parse().unwrap_or(0)
    };
    let full = count();
    eventually("it goes on on a full disk", || count() > full + 100);
    daemon
        .world
        .sh(&format!("rm {}/filler", data.display()))
        .ok();
    eventually("the log says what it lost and goes on", || {
        let logs = daemon.docker("logs writes");
        let said = logs.stderr.contains("lines of output are lost");
        let last = logs
            .stdout
            .lines()
            .next_back()
            .unwrap_or_default()
            .to_owned();
        said && last
            .strip_prefix("line ")
            .and_then(|n| n.parse::<u64>().ok())
            .is_some_and(|n| n > full + 100)
    });
}

#[test]
fn killed_monitors_leave_a_log_that_can_be_read_and_continued() {
    let daemon = Daemon::with_registry();
    for driver in ["json-file", "local"] {
        let program = "sh -c 'while true; do echo 0123456789 0123456789; done'";
        daemon
            .docker(&format!(
                "run -d --name {driver} --log-driver {driver} --log-opt max-size=200k busybox {program}"
            ))
            .ok();
        for _ in 0..3 {
            eventually("it writes", || {
                daemon
                    .docker(&format!("logs -n 1 {driver}"))
                    .stdout
                    .contains("0123456789")
            });
            let kill = "for m in $(pgrep -x gantry-monitor); do kill -9 $m; done";
            daemon.world.sh(kill);
            let status = format!("inspect -f {{{{.State.Status}}}} {driver}");
            eventually("the container has ended with it", || {
                daemon.docker(&status).ok() == "exited"
            });
            let logs = daemon.docker(&format!("logs {driver}"));
            let whole = |line: &&str| *line != "0123456789 0123456789";
            let broken = logs.exits(0).stdout.lines().filter(whole).count();
            assert_eq!(broken, 0);
            daemon.docker(&format!("start {driver}")).ok();
        }
        daemon.docker(&format!("rm -f {driver}")).ok();
    }
}

#[test]
fn a_follower_can_go_on_after_the_daemon_was_killed() {
    let mut daemon = Daemon::with_registry();
    let program = "sh -c 'n=0; while true; do n=$((n+1)); echo $n; sleep 0.01; done'";
    daemon
        .docker(&format!("run -d --name counts busybox {program}"))
        .ok();
    let numbers = |daemon: &Daemon| -> Vec<u64> {
        let logs = daemon.docker("logs counts");
        logs.ok().lines().map(|n| n.parse().unwrap()).collect()
    };
    for _ in 0..3 {
        let before = numbers(&daemon).len();
        daemon.kill_9();
        daemon.run();
        eventually("it counts on", || numbers(&daemon).len() > before + 10);
    }
    let all = numbers(&daemon);
    let expected: Vec<u64> = (1..=all.len() as u64).collect();
    assert_eq!(all, expected);
}
