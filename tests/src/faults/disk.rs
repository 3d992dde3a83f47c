//! A full disk.

use crate::harness::Daemon;

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
