//! What a container may do, and what is taken from it or given to it.

use crate::harness::{Client, through_both};

through_both!(
    the_root_can_be_read_only_with_a_tmpfs_in_it,
    capabilities_are_dockers_and_can_be_changed,
    limits_are_in_the_kernels_files,
    the_host_is_out_of_reach,
);

fn shell(client: &Client, options: &str, script: &str) -> String {
    client.ok(&format!("run --rm {options} busybox sh -c '{script}'"))
}

fn the_root_can_be_read_only_with_a_tmpfs_in_it(client: &Client) {
    let script = "touch /file 2>&1; touch /scratch/file && grep \" /scratch \" /proc/mounts";
    let said = shell(client, "--read-only --tmpfs /scratch:size=1m", script);
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains("tmpfs /scratch tmpfs rw"), "{said}");
    assert!(said.contains("size=1024k"), "{said}");
}

fn capabilities_are_dockers_and_can_be_changed(client: &Client) {
    let effective = |options: &str| {
        let line = shell(client, options, "grep CapEff /proc/self/status");
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    // What Docker gives: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
    // net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
    let usual = 0xa804_25fb;
    assert_eq!(effective(""), usual);
    assert_eq!(effective("--cap-drop ALL"), 0);
    assert_eq!(effective("--cap-drop ALL --cap-add CHOWN"), 1);
    assert_eq!(effective("--cap-add SYS_ADMIN"), usual | 1 << 21);
    assert!(effective("--privileged") & (1 << 21 | 1 << 12) != 0);
    shell(client, "--privileged", "mount -t tmpfs none /tmp");
    let denied = client.run("run --rm busybox mount -t tmpfs none /tmp");
    assert_ne!(denied.code, 0);
}

fn limits_are_in_the_kernels_files(client: &Client) {
    client.ok("run -d --name limited -m 64m --cpus 0.5 --pids-limit 100 busybox sleep 1000");
    assert_eq!(client.inspect("limited", ".HostConfig.Memory"), "67108864");
    assert_eq!(
        client.inspect("limited", ".HostConfig.NanoCpus"),
        "500000000"
    );
    assert_eq!(client.inspect("limited", ".HostConfig.PidsLimit"), "100");
    // cgroup v1 and v2 name them differently.
    let read = |v1: &str, v2: &str| {
        client.ok(&format!(
            "exec limited sh -c 'cat /sys/fs/cgroup/{v1} 2>/dev/null || cat /sys/fs/cgroup/{v2}'"
        ))
    };
    assert_eq!(
        read("memory/memory.limit_in_bytes", "memory.max"),
        "67108864"
    );
    assert_eq!(read("pids/pids.max", "pids.max"), "100");
    let quota = read("cpu/cpu.cfs_quota_us", "cpu.max");
    assert!(quota == "50000" || quota == "50000 100000", "{quota}");
}

fn the_host_is_out_of_reach(client: &Client) {
    let script = "ls /proc | grep -c \"^[0-9]*$\"; \
        (echo x > /proc/sys/kernel/hostname) 2>&1; \
        cat /proc/kcore | head -c 1 | wc -c; ls /dev/mem 2>&1; ls -A /proc/acpi 2>/dev/null | wc -l; \
        cat /proc/1/comm; touch /sys/x 2>&1; true";
    let said = shell(client, "", script);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].parse::<u32>().unwrap() <= 4,
        "sees only its own processes: {said}"
    );
    assert!(lines[1].contains("Read-only file system"), "{said}");
    assert_eq!(lines[2], "0", "{said}");
    assert!(lines[3].contains("No such file"), "{said}");
    assert_eq!(lines[4], "0", "{said}");
    assert_eq!(lines[5], "sh", "{said}");
    assert!(lines[6].contains("Read-only file system"), "{said}");
}
