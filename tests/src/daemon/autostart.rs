//! The daemon starts by itself.

use crate::harness::{World, gantry_binary};

#[test]
fn a_command_starts_the_daemon_it_needs() {
    let world = World::new();
    let folder = world.folder().display().to_string();
    let gantry = gantry_binary().display().to_string();
    // Docker's socket is looked for below /run and /var/run: this world has its own.
    let script = format!(
        "mount -t tmpfs none /run; unset DOCKER_HOST; export HOME={folder} \
         GANTRY_RUN_ROOT={folder}/run GANTRY_DATA_ROOT={folder}/data GANTRY_CGROUP_PARENT={}
         out=$(timeout 90 {gantry} run --rm gantry/hello) || exit 1
         echo \"$out\" | grep -c 'Hello from Gantry!'
         {gantry} ps -q | wc -l
         {gantry} daemon stop --data-root {folder}/data
         {gantry} --no-autostart ps 2>&1",
        world.name()
    );
    let run = world.sh(&script);
    run.exits(1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[..2], ["1", "0"], "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("daemon running"), "{}", run.stdout);
}
