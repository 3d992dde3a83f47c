//! Nothing is left behind.

use crate::harness::Daemon;

/// Everything that containers need and a host should not keep.
const TRACES: &str = "cat /proc/self/mountinfo | cut -d' ' -f5- | sort; \
    ip -o link | cut -d: -f2; ls /run/netns 2>/dev/null; nft list tables 2>/dev/null; \
    find /sys/fs/cgroup -maxdepth 3 -type d -path \"*$NAME*\" | sort; \
    ls /proc | grep '^[0-9]' | while read p; do tr '\\0' ' ' < /proc/$p/cmdline 2>/dev/null | grep -E 'gantry|sleep 1234' | grep -v mountinfo; done; true";

#[test]
fn nothing_is_left_after_the_last_container_and_the_daemon() {
    let mut daemon = Daemon::with_registry();
    daemon.stop();
    let name = daemon.world.name().to_owned();
    let traces = |daemon: &Daemon| {
        daemon
            .world
            .sh(&format!("NAME={name}; {TRACES}"))
            .ok()
            .to_owned()
    };
    let before = traces(&daemon);
    daemon.run();
    let during = traces(&daemon);
    daemon.gantry("run -d -p 8080:80 nginx").ok();
    daemon
        .gantry("run -d --network host busybox sleep 1234")
        .ok();
    daemon
        .gantry("run -d --init -v data:/data --tmpfs /t busybox sleep 1234")
        .ok();
    daemon.gantry("run --rm -m 32m busybox true").ok();
    daemon.gantry("run busybox no-such-command").exits(127);
    daemon
        .gantry("run -d --name killed busybox sleep 1234")
        .ok();
    daemon.kill_9();
    daemon.run();
    assert_ne!(traces(&daemon), during);
    daemon.script("$GANTRY rm -f $($GANTRY ps -aq)", "").ok();
    daemon.stop();
    let after = traces(&daemon);
    assert_eq!(after, before);
}
