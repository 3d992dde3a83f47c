//! Namespaces of one's own, of the host and of other containers.

use crate::harness::{Client, through_both};

through_both!(
    processes_of_another_container_are_seen,
    memory_is_shared_with_who_asks_for_it,
    private_memory_is_not_shared,
    the_hosts_namespaces_can_be_had,
    names_of_the_container,
    kernel_parameters_are_the_containers,
);

fn processes_of_another_container_are_seen(client: &Client) {
    client.ok("run -d --name first busybox sleep 4321");
    let said = client.ok("run --rm --pid container:first busybox ps");
    assert!(said.contains("sleep 4321"), "{said}");
    client.ok("create --name second --pid container:first busybox true");
    let id = client.inspect("first", ".Id");
    assert_eq!(
        client.inspect("second", ".HostConfig.PidMode"),
        format!("container:{id}")
    );
    client.ok("rm -f first");
    let refused = client.run("start second");
    assert_ne!(refused.code, 0);
}

fn memory_is_shared_with_who_asks_for_it(client: &Client) {
    client.ok(
        "run -d --name donor --ipc shareable --shm-size 4m busybox sh -c \
         'echo shared > /dev/shm/note; sleep 1000'",
    );
    client.ok("exec donor sh -c 'until [ -s /dev/shm/note ]; do :; done'");
    let said = client.ok("run --rm --ipc container:donor busybox sh -c \
         'cat /dev/shm/note; readlink /proc/self/ns/ipc; echo back > /dev/shm/answer'");
    let donors = client.ok("exec donor sh -c 'cat /dev/shm/answer; readlink /proc/self/ns/ipc'");
    let (note, theirs) = said.split_once('\n').unwrap();
    assert_eq!(note, "shared");
    assert_eq!(donors, format!("back\n{theirs}"));
}

fn private_memory_is_not_shared(client: &Client) {
    client.ok("run -d --name alone busybox sleep 1000");
    let refused = client.run("run --rm --ipc container:alone busybox true");
    assert!(
        refused
            .stderr
            .contains("non-shareable IPC (hint: use IpcMode:shareable for the donor container)"),
        "{}",
        refused.stderr
    );
    let said = client.ok("run --rm --ipc none busybox sh -c 'grep -c /dev/shm /proc/mounts; true'");
    assert_eq!(said, "0");
}

fn the_hosts_namespaces_can_be_had(client: &Client) {
    let of_world = |kind: &str| {
        client
            .script(&format!("readlink /proc/self/ns/{kind}"), "")
            .ok()
            .to_owned()
    };
    for (option, kind) in [
        ("--pid host", "pid"),
        ("--ipc host", "ipc"),
        ("--uts host", "uts"),
        ("--network host", "net"),
        ("--userns host", "user"),
        ("--cgroupns host", "cgroup"),
    ] {
        let inside = client.ok(&format!(
            "run --rm {option} busybox readlink /proc/self/ns/{kind}"
        ));
        assert_eq!(inside, of_world(kind), "{option}");
    }
    let private = client.ok("run --rm --cgroupns private busybox readlink /proc/self/ns/cgroup");
    assert_ne!(private, of_world("cgroup"));
}

fn names_of_the_container(client: &Client) {
    let said = client.ok("run --rm --hostname box --domainname lan busybox sh -c \
         'hostname; cat /proc/sys/kernel/domainname; cat /etc/hostname'");
    assert_eq!(said, "box\nlan\nbox");
    let refused = client.run("run --rm --uts host --hostname box busybox true");
    assert!(
        refused
            .stderr
            .contains("conflicting options: hostname and the UTS mode"),
        "{}",
        refused.stderr
    );
}

fn kernel_parameters_are_the_containers(client: &Client) {
    let said = client.ok(
        "run --rm --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=9000 busybox sh -c \
         'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax'",
    );
    assert_eq!(said, "1\n9000");
    let refused = client.run("run --rm --network host --sysctl net.ipv4.ip_forward=1 busybox true");
    assert!(
        refused
            .stderr
            .contains("sysctl 'net.ipv4.ip_forward' not allowed in host network namespace"),
        "{}",
        refused.stderr
    );
    assert_ne!(
        client
            .run("run --rm --sysctl kernel.panic=1 busybox true")
            .code,
        0
    );
}
