//! Descriptors of the runtime that a container gets to see (CVE-2024-21626, CVE-2016-9962).

use crate::harness::Client;

#[test]
fn a_program_has_its_three_streams_and_no_other_file() {
    let client = Client::gantry();
    client.ok("run -d --name box busybox sleep 1000");
    // The shell opens nothing; `ls` opens the directory that it lists.
    for command in [
        "run --rm",
        "run --rm --init",
        "exec box",
        "run --rm --privileged",
    ] {
        let image = if command.starts_with("exec") {
            ""
        } else {
            "busybox"
        };
        let said = client.ok(&format!("{command} {image} ls -l /proc/self/fd"));
        let open = said.lines().filter(|line| line.starts_with('l')).count();
        assert_eq!(open, 4, "{command}: {said}");
    }
}

#[test]
fn no_descriptor_is_a_way_to_the_host() {
    let client = Client::gantry();
    client
        .daemon
        .world
        .sh("mount -t tmpfs none /mnt && touch /mnt/outside")
        .ok();
    client.ok("run -d --name box busybox sleep 1000");
    for number in 3..24 {
        for command in ["run --rm", "exec"] {
            let on = if command == "exec" { "box" } else { "busybox" };
            let got = client.run(&format!(
                "{command} -w /proc/self/fd/{number} {on} sh -c 'pwd; ls ../mnt ../../mnt /mnt'"
            ));
            assert!(!got.stdout.contains("outside"), "{command} {number}");
            assert!(
                got.code != 0 || got.stdout.starts_with('/'),
                "{command} {number}: {}",
                got.stdout
            );
        }
    }
}
