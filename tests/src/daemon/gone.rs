//! A command and a daemon that has ended, whose socket its containers keep open.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Daemon, PATIENCE, gantry_binary};

#[test]
fn a_command_does_not_wait_for_ever() {
    let mut daemon = Daemon::with_registry();
    daemon.gantry("run -d --name box busybox sleep 1000").ok();
    daemon.kill_9();
    let begun = Instant::now();
    for command in ["ps", "run --rm busybox true"] {
        let run = daemon.gantry(command);
        run.fails()
            .says("Cannot connect to the Docker daemon at unix://")
            .says("Is the docker daemon running?");
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

/// One that is typed while a daemon is replaced is answered by the next.
#[test]
fn a_command_waits_for_the_next_daemon() {
    let mut daemon = Daemon::with_registry();
    daemon.gantry("run -d --name box busybox sleep 1000").ok();
    daemon.kill_9();
    let mut command = daemon.client_command(&gantry_binary().display().to_string());
    let command = command
        .args(["ps", "--format", "{{.Names}}"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    daemon.run();
    let output = command.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "box\n");
}
