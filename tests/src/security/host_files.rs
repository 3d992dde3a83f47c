//! Files of the kernel by which the host would be ruled.

use crate::harness::Client;

#[test]
fn the_kernels_switches_are_out_of_reach() {
    let client = Client::gantry();
    let script = "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe \
        /proc/sysrq-trigger /proc/sys/vm/drop_caches /proc/irq/default_smp_affinity \
        /sys/kernel/uevent_helper /sys/fs/cgroup/release_agent \
        /sys/fs/cgroup/memory/release_agent; do \
        (echo x > $f) 2>/dev/null && echo WRITTEN $f; done; \
        cat /proc/keys /proc/timer_list /proc/sched_debug 2>/dev/null | wc -c; \
        ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | wc -w";
    for options in [
        "",
        "--cap-drop ALL",
        "--cap-add SYS_PTRACE --cap-add NET_ADMIN",
    ] {
        let said = client.ok(&format!("run --rm {options} busybox sh -c '{script}'"));
        assert_eq!(said, "0\n0", "{options}");
    }
}

#[test]
fn system_calls_that_no_program_needs_are_denied() {
    let client = Client::gantry();
    for (command, words) in [
        ("mount -t tmpfs none /tmp", "ermission denied"),
        ("unshare -m true", "Operation not permitted"),
        ("unshare -U true", "Operation not permitted"),
        ("pivot_root / /tmp", "Operation not permitted"),
        ("swapon /etc/hostname", "Operation not permitted"),
        ("hostname other", "Operation not permitted"),
    ] {
        let got = client.run(&format!("run --rm busybox {command}"));
        assert_ne!(got.code, 0, "{command}");
        assert!(got.stderr.contains(words), "{command}: {}", got.stderr);
    }
    // Privileges that set-user-ID would give are not given where that was said.
    let said = client
        .ok("run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status");
    assert_eq!(said, "NoNewPrivs:\t1");
}

#[test]
fn a_filter_of_ones_own_holds() {
    let client = Client::gantry();
    let folder = client.daemon.world.folder().display();
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}"#;
    client
        .daemon
        .world
        .sh(&format!(
            "cat > {folder}/filter.json <<'END'\n{profile}\nEND"
        ))
        .ok();
    let got = client.run(&format!(
        "run --rm --security-opt seccomp={folder}/filter.json busybox mkdir /x"
    ));
    assert!(got.stderr.contains("not supported"), "{}", got.stderr);
    let said = client
        .ok("run --rm --security-opt seccomp=unconfined busybox grep ^Seccomp: /proc/self/status");
    assert_eq!(said, "Seccomp:\t0");
    let said = client.ok(
        "run --rm --security-opt systempaths=unconfined busybox sh -c \
         'grep -c \"/proc/sys \\|/proc/kcore\" /proc/mounts; true'",
    );
    assert_eq!(said, "0");
}
