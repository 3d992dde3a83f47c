//! Links where the runtime mounts, masks or opens something.

use crate::harness::Client;

/// A directory in a volume becomes a link to `/` while a mount below it is made (CVE-2021-30465).
#[test]
fn a_mount_follows_no_link_out_of_the_root() {
    let client = Client::gantry();
    let world = &client.daemon.world;
    client.ok("volume create trap");
    let trap = client.ok("volume inspect -f '{{.Mountpoint}}' trap");
    let mounts = || world.sh("cat /proc/self/mountinfo | wc -l").stdout;
    let before = mounts();
    let marker = "touch /marker-of-the-test 2>/dev/null; ls /marker-of-the-test 2>/dev/null";
    assert_eq!(world.sh("ls /marker-of-the-test").stdout, "");
    // Exchanged as fast as it can be, while containers start.
    let race = format!(
        "cd {trap}; (while [ ! -e stop ]; do ln -s / l; mv -T l x 2>/dev/null || rm -f l; \
         rm -f x; mkdir -p x/y; rm -rf x; done) & \
         for n in 1 2 3 4 5 6 7 8 9 10; do \
           $C run --rm -v trap:/v --tmpfs /v/x/y busybox sh -c '{marker}'; done; \
         touch stop; wait"
    );
    client.script(&race, "");
    assert_eq!(mounts(), before, "nothing is mounted outside");
    assert_eq!(world.sh("ls /marker-of-the-test").stdout, "");
}

/// What is mounted over masked paths is the container's /dev/null (CVE-2025-31133), whose place an
/// image or volume could take.
#[test]
fn masked_paths_are_covered_by_nothing_that_was_chosen() {
    let client = Client::gantry();
    client.ok(
        "run --rm -v dev:/d busybox sh -c 'mkdir /d/pts /d/shm /d/mqueue; \
         ln -s /proc/sys/kernel/core_pattern /d/null; ln -s /proc/sysrq-trigger /d/console'",
    );
    for options in ["", "-t"] {
        let got = client.run(&format!(
            "run --rm {options} -v dev:/dev busybox sh -c 'cat /proc/keys /proc/timer_list; \
             echo x > /proc/keys; cat /proc/kcore | head -c 1 | wc -c'"
        ));
        assert!(
            got.code != 0 || got.stdout.trim() == "0",
            "{options}: {} {}",
            got.stdout,
            got.stderr
        );
    }
    let pattern = client
        .daemon
        .world
        .sh("cat /proc/sys/kernel/core_pattern")
        .stdout;
    assert_ne!(pattern.trim(), "x");
}

/// Nothing may take the place of the container's /proc, by which labels and parameters would be
/// written (CVE-2019-16884, CVE-2025-52881).
#[test]
fn nothing_is_mounted_over_proc() {
    let client = Client::gantry();
    for target in ["/proc", "/proc/self", "/proc/sys/kernel"] {
        let refused = client.run(&format!("run --rm -v fake:{target} busybox true"));
        assert_ne!(refused.code, 0, "{target}");
        assert!(
            refused.stderr.contains("cannot be mounted because it is"),
            "{}",
            refused.stderr
        );
    }
    // What lxcfs gives is fine.
    let folder = client.daemon.world.folder().display();
    client
        .daemon
        .world
        .sh(&format!("echo 5.0 5.0 > {folder}/uptime"))
        .ok();
    let said = client.ok(&format!(
        "run --rm -v {folder}/uptime:/proc/uptime:ro busybox cat /proc/uptime"
    ));
    assert_eq!(said, "5.0 5.0");
}

/// The files that an exec reads may be anything by now.
#[test]
fn an_exec_into_a_hostile_root_ends() {
    let client = Client::gantry();
    client.ok("run -d --name box busybox sleep 1000");
    for spoil in [
        "rm -f /etc/passwd; mkfifo /etc/passwd",
        "rm -f /etc/passwd; ln -s /dev/zero /etc/passwd",
        "rm -f /etc/passwd; ln -s /proc/self/mem /etc/passwd",
        "rm -f /etc/passwd; mkdir /etc/passwd",
        "rm -rf /etc/passwd; ln -s ../../../../../../../../etc/passwd /etc/passwd",
    ] {
        client.ok(&format!("exec box sh -c '{spoil}'"));
        let got = client.script("timeout 90 $C exec -u somebody box id", "");
        assert!(got.code != 0 && got.code != 124, "{spoil}: {}", got.code);
        let got = client.script("timeout 90 $C exec -u 5:5 box id -u", "");
        assert_ne!(got.code, 124, "{spoil}");
        client.ok("exec box sh -c 'rm -rf /etc/passwd'");
    }
}

/// Files copied in and out stay inside (CVE-2018-15664, CVE-2019-14271).
#[test]
fn copies_follow_no_link_out_of_the_root() {
    let client = Client::gantry();
    let world = &client.daemon.world;
    world
        .sh("mount -t tmpfs none /mnt && echo secret > /mnt/secret")
        .ok();
    client.ok("run -d --name box busybox sh -c 'ln -s ../../../../../../mnt /way; sleep 1000'");
    client.ok("exec box sh -c 'until [ -h /way ]; do :; done; mkdir -p /mnt'");
    let folder = world.folder().display();
    let out = client.run(&format!("cp box:/way/secret {folder}/stolen"));
    assert_ne!(out.code, 0);
    world.sh(&format!("echo planted > {folder}/planted")).ok();
    client.ok(&format!("cp {folder}/planted box:/way/planted"));
    assert_eq!(client.ok("exec box cat /mnt/planted"), "planted");
    assert_ne!(world.sh("test -e /mnt/planted").code, 0);
}
