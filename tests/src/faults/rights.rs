//! Who may run a daemon, and how many.

use crate::harness::{Daemon, Run, World, gantry_binary};

#[test]
fn a_second_daemon_on_the_same_data_root_is_refused() {
    let daemon = Daemon::start();
    let second = Run::of(daemon.daemon_command());
    assert_ne!(second.code, 0);
    second
        .says("daemon")
        .says(&daemon.world.folder().join("data").display().to_string());
    second.says(&daemon.pid().to_string());
    daemon.gantry("run --rm gantry/hello").ok();
}

#[test]
fn without_root_rights_the_message_says_what_to_do() {
    let world = World::new();
    // A copy where everybody may read it.
    let copy = "mkdir -p /run/for-all && mount -t tmpfs -o mode=755 none /run/for-all && cp $0 /run/for-all/gantry";
    let mut command = world.command("bash");
    command.args(["-euc", copy]).arg(gantry_binary());
    Run::of(command).ok();
    let plain = "setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/ /run/for-all/gantry";
    let daemon = world.sh(&format!("{plain} daemon --data-root /tmp/nobodys"));
    assert_ne!(daemon.code, 0);
    assert!(daemon.stderr.contains("root"), "{}", daemon.stderr);
    let run = world.sh(&format!(
        "{plain} -H unix:///run/no-such.sock run --rm gantry/hello"
    ));
    run.exits(125);
    assert!(
        run.stderr.contains("sudo") || run.stderr.contains("Is the docker daemon running"),
        "{}",
        run.stderr
    );
}
