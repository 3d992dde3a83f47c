//! Limits, in the kernel's own files.

use serde_json::json;

use crate::harness::{Client, Daemon, Run, through_both};

through_both!(
    processors_and_their_shares,
    memory_in_all_its_forms,
    block_devices_have_rates,
    what_the_kernel_lacks_is_told,
    ulimits_and_scores_are_the_process_own,
    weights_of_block_devices,
);

/// The first of two files that is there: v1's and v2's.
fn read(client: &Client, container: &str, v1: &str, v2: &str) -> String {
    client.ok(&format!(
        "exec {container} sh -c 'cat /sys/fs/cgroup/{v1} 2>/dev/null || cat /sys/fs/cgroup/{v2}'"
    ))
}

fn processors_and_their_shares(client: &Client) {
    client.ok(
        "run -d --name cpus --cpuset-cpus 0 --cpuset-mems 0 --cpu-shares 512 --cpu-period 50000 \
         --cpu-quota 25000 busybox sleep 1000",
    );
    let allowed = client.ok("exec cpus grep Cpus_allowed_list /proc/self/status");
    assert_eq!(allowed, "Cpus_allowed_list:\t0");
    let quota = read(client, "cpus", "cpu/cpu.cfs_quota_us", "cpu.max");
    assert!(quota == "25000" || quota == "25000 50000", "{quota}");
    let shares = read(client, "cpus", "cpu/cpu.shares", "cpu.weight");
    assert!(
        shares == "512" || shares == "20" || shares == "59",
        "{shares}"
    );
    let refused = client.run("create --cpuset-cpus 77 busybox");
    assert!(
        refused
            .stderr
            .contains("Requested CPUs are not available - requested 77, available: "),
        "{}",
        refused.stderr
    );
}

fn memory_in_all_its_forms(client: &Client) {
    client.ok(
        "run -d --name memory -m 64m --memory-reservation 32m --memory-swap 64m --shm-size 8m busybox \
         sleep 1000",
    );
    let limit = read(
        client,
        "memory",
        "memory/memory.limit_in_bytes",
        "memory.max",
    );
    assert_eq!(limit, "67108864");
    let soft = read(
        client,
        "memory",
        "memory/memory.soft_limit_in_bytes",
        "memory.low",
    );
    assert_eq!(soft, "33554432");
    let shm = client.ok("exec memory df -k /dev/shm");
    assert!(shm.contains(" 8192 "), "{shm}");
    assert_eq!(client.inspect("memory", ".HostConfig.ShmSize"), "8388608");
}

fn block_devices_have_rates(client: &Client) {
    // Of a block device of this machine, whichever it is.
    let device = client
        .script(
            "ls /dev/vda /dev/sda /dev/nvme0n1 /dev/loop0 2>/dev/null | head -1",
            "",
        )
        .stdout
        .trim()
        .to_owned();
    if device.is_empty() {
        return;
    }
    client.ok(&format!(
        "run -d --name blocks --device-read-bps {device}:1mb --device-write-iops {device}:100 busybox \
         sleep 1000"
    ));
    let rates = read(
        client,
        "blocks",
        "blkio/blkio.throttle.read_bps_device",
        "io.max",
    );
    assert!(rates.contains("1048576"), "{rates}");
    let rates = read(
        client,
        "blocks",
        "blkio/blkio.throttle.write_iops_device",
        "io.max",
    );
    assert!(rates.contains("100"), "{rates}");
}

/// A limit is set, or its absence is told when the container is made; never neither.
fn what_the_kernel_lacks_is_told(client: &Client) {
    let made = client.run("create --name weight --blkio-weight 300 --kernel-memory 64m busybox");
    made.ok();
    let weight = client.inspect("weight", ".HostConfig.BlkioWeight");
    let warned = made.stderr.contains(
        "WARNING: Your kernel does not support Block I/O weight or the cgroup is not mounted. \
         Weight discarded.",
    );
    assert_eq!(warned, weight == "0", "{}", made.stderr);
    let swappiness = client.run("create --memory-swappiness 10 busybox");
    swappiness.ok();
    let v1 = client.script("test -d /sys/fs/cgroup/memory", "").code == 0;
    assert_ne!(
        swappiness
            .stderr
            .contains("does not support memory swappiness"),
        v1,
        "{}",
        swappiness.stderr
    );
    let disabled = client.run("create --oom-kill-disable busybox");
    assert!(
        disabled.stderr.contains("OOM killer is disabled")
            || disabled.stderr.contains("OomKillDisable discarded"),
        "{}",
        disabled.stderr
    );
}

fn ulimits_and_scores_are_the_process_own(client: &Client) {
    let said = client.ok(
        "run --rm --ulimit nofile=64:128 --ulimit core=0 --oom-score-adj 500 busybox sh -c \
         'ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj'",
    );
    assert_eq!(said, "64\n128\n0\n500");
    let refused = client.run("run --rm --oom-score-adj 5000 busybox true");
    assert!(
        refused
            .stderr
            .contains("Invalid value 5000, range for oom score adj is [-1000, 1000]"),
        "{}",
        refused.stderr
    );
}

/// A weight is in the group's files, or it is told that it was discarded; never neither.
fn weights_of_block_devices(client: &Client) {
    let device = client
        .script(
            "ls /dev/vda /dev/sda /dev/nvme0n1 /dev/loop0 2>/dev/null | head -1",
            "",
        )
        .stdout
        .trim()
        .to_owned();
    for (options, warning, files) in [
        (
            "--blkio-weight 300".to_owned(),
            "Block I/O weight or",
            [
                "blkio/blkio.bfq.weight",
                "blkio/blkio.weight",
                "io.bfq.weight",
                "io.weight",
            ],
        ),
        (
            format!("--blkio-weight-device {device}:300"),
            "Block I/O weight_device",
            [
                "blkio/blkio.bfq.weight_device",
                "blkio/blkio.weight_device",
                "io.bfq.weight",
                "io.weight",
            ],
        ),
    ] {
        let made = client.run(&format!(
            "run -d --name weight {options} busybox sleep 1000"
        ));
        let files = files.map(|file| format!("/sys/fs/cgroup/{file}")).join(" ");
        let read = client.run(&format!("exec weight sh -c 'cat {files} 2>/dev/null'"));
        assert_eq!(
            made.code == 0 && read.stdout.contains("300"),
            !made.stderr.contains(warning),
            "{options}: {} {} {}",
            made.stdout,
            made.stderr,
            read.stdout
        );
        client.ok("rm -f weight");
    }
    for (wrong, words) in [
        (
            "--blkio-weight 5",
            "Range of blkio weight is from 10 to 1000",
        ),
        ("--blkio-weight-device /dev/null", "bad format"),
        ("--blkio-weight-device /dev/null:5", "invalid weight"),
        ("--device-read-bps /dev/null:x", "invalid rate"),
    ] {
        client
            .run(&format!("create {wrong} busybox"))
            .fails()
            .says(words);
    }
}

/// Real-time shares: what no group above has cannot be given, unless the daemon has some to give.
#[test]
fn real_time_shares_come_from_the_daemon() {
    let file = "/sys/fs/cgroup/cpu/cpu.rt_runtime_us";
    let keys = json!({"cpu-rt-period": 1_000_000, "cpu-rt-runtime": 100_000});
    let asked =
        "run -d --name rt --cpu-rt-period 1000000 --cpu-rt-runtime 50000 busybox sleep 1000";
    if !std::path::Path::new(file).exists() {
        let daemon = Daemon::prepared("{}");
        daemon.configure(&keys);
        Run::of(daemon.daemon_command())
            .fails()
            .says("no real-time CPU groups");
        let daemon = Daemon::with_registry();
        daemon
            .gantry(asked)
            .fails()
            .says("kernel does not support CPU real-time scheduler");
        return;
    }
    let daemon = Daemon::with_registry_and(&keys);
    daemon.gantry(asked).ok();
    let share = daemon.gantry("exec rt cat /sys/fs/cgroup/cpu/cpu.rt_runtime_us");
    assert_eq!(share.ok().trim(), "50000");
    let parent = daemon.world.sh(&format!(
        "cat /sys/fs/cgroup/cpu/{}/cpu.rt_runtime_us",
        daemon.world.name()
    ));
    assert_eq!(parent.ok().trim(), "100000");
    let more = asked
        .replace("50000", "200000")
        .replace("--name rt", "--name more");
    daemon.gantry(&more).fails();
    daemon.gantry("rm -f rt more").ok();
    let plain = Daemon::with_registry();
    plain.gantry(asked).fails().says("rt_runtime_us");
}
