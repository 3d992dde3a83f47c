//! A full disk.

use crate::harness::{Daemon, Run, eventually};

#[test]
fn a_full_disk_is_said_and_survived() {
    let daemon = Daemon::on_small_disk();
    let data = daemon.world.folder().join("data");
    // All but some blocks, which what the daemon writes first may still take.
    let fill = format!(
        "dd if=/dev/zero of={0}/filler bs=4k 2>/dev/null; truncate -s -64k {0}/filler",
        data.display()
    );
    daemon.world.sh(&fill);
    let pull = daemon.docker("pull busybox");
    assert_ne!(pull.code, 0);
    assert!(
        pull.stderr.to_lowercase().contains("no space left"),
        "{}",
        pull.stderr
    );
    assert_eq!(daemon.gantry("images -q busybox").ok(), "");
    let run = daemon.gantry("run --rm busybox true");
    run.exits(125);
    assert!(
        run.stderr.to_lowercase().contains("no space left"),
        "{}",
        run.stderr
    );
    assert_eq!(daemon.gantry("ps -aq").ok(), "");
    daemon
        .world
        .sh(&format!("rm {}/filler", data.display()))
        .ok();
    assert_eq!(
        daemon.gantry("run --rm busybox echo works again").ok(),
        "works again"
    );
}

/// As after an error of the disk, when the kernel mounts it read-only.
#[test]
fn a_read_only_data_root_is_said_and_containers_go_on() {
    let mut daemon = Daemon::with_registry();
    let ok = |daemon: &Daemon, args: &str| daemon.gantry(args).ok().to_owned();
    ok(
        &daemon,
        "run -d --name ticks busybox sh -c 'while :; do echo tick; sleep 0.1; done'",
    );
    ok(&daemon, "run -d --name ends busybox sleep 1000");
    ok(&daemon, "run --name done busybox true");
    let data = daemon.world.folder().join("data").display().to_string();
    let read_only = format!("mount --bind {data} {data} && mount -o remount,bind,ro {data}");
    daemon.world.sh(&read_only).ok();

    for refused in [
        "create busybox true",
        "start done",
        "pull nginx",
        "volume create new",
        "network create new",
        "rm done",
    ] {
        let run = daemon.gantry(refused);
        assert_ne!(run.code, 0, "{refused}");
        let said = run.stderr.to_lowercase();
        assert!(said.contains("read-only"), "{refused}: {}", run.stderr);
    }
    assert_eq!(ok(&daemon, "exec ticks echo alive"), "alive");
    let lines = ok(&daemon, "logs ticks").lines().count();
    eventually("the log goes on", || {
        daemon.gantry("logs ticks").stdout.lines().count() > lines
    });
    ok(&daemon, "stop -t 0 ends");
    let ended = "inspect -f '{{.State.Status}} {{.State.ExitCode}}' ends";
    assert_eq!(ok(&daemon, ended), "exited 137");

    // A daemon that cannot write does not begin, and says why.
    daemon.kill_9();
    let refused = Run::of(daemon.daemon_command());
    assert_ne!(refused.code, 0);
    refused.says("Read-only file system").says(&data);
    daemon.world.sh(&format!("umount {data}")).ok();
    daemon.run();
    assert_eq!(ok(&daemon, ended), "exited 137");
    assert_eq!(ok(&daemon, "exec ticks echo alive"), "alive");
    assert_eq!(
        ok(&daemon, "ps -a --format '{{.Names}}'"),
        "done\nends\nticks"
    );
    ok(&daemon, "rm -f ticks ends done");
}
