//! The first command a user types.

use crate::harness::Daemon;

#[test]
fn the_image_inside_the_binary_runs_without_a_network() {
    let daemon = Daemon::start();
    let run = daemon.gantry("run --rm gantry/hello");
    assert!(run.ok().contains("Hello from Gantry!"), "{}", run.stdout);
    assert_eq!(daemon.gantry("ps -aq").ok(), "");
}
