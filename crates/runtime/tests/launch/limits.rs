//! Resource limits, kernel parameters, the cgroup.

use crate::fixture::Fixture;
use gantry_oci::{NamespaceKind, Rlimit};

#[test]
fn limits_are_set_and_cut_where_they_cannot_be_raised() {
    let mut fixture = Fixture::shell("ulimit -S -n; ulimit -H -n; ulimit -c");
    let limit = |kind: &str, soft, hard| Rlimit {
        kind: kind.into(),
        soft,
        hard,
    };
    fixture.process().rlimits = vec![limit("RLIMIT_NOFILE", 100, 200), limit("RLIMIT_CORE", 0, 0)];
    assert_eq!(fixture.run().text(), "100\n200\n0");
    fixture.process().rlimits = vec![limit("RLIMIT_NOFILE", 1 << 19, 1 << 19)];
    let output = fixture.run();
    assert_eq!(output.code, 0);
    let lacking = output
        .warnings
        .iter()
        .any(|w| w.contains("CAP_SYS_RESOURCE"));
    assert_eq!(
        lacking,
        !output.stdout.starts_with("524288\n524288"),
        "{output:?}"
    );
}

#[test]
fn limits_hold_for_a_user_too() {
    let mut fixture = Fixture::shell("ulimit -n");
    fixture.process().user.uid = 1000;
    fixture.process().rlimits = vec![Rlimit {
        kind: "RLIMIT_NOFILE".into(),
        soft: 64,
        hard: 64,
    }];
    assert_eq!(fixture.run().text(), "64");
}

#[test]
fn the_oom_score_is_set_or_warned_of() {
    let mut fixture = Fixture::shell("cat /proc/self/oom_score_adj");
    fixture.process().oom_score_adj = Some(500);
    assert_eq!(fixture.run().text(), "500");
    fixture.process().oom_score_adj = Some(-999);
    let output = fixture.run();
    assert_eq!(output.code, 0);
    assert_ne!(
        output.warnings.is_empty(),
        output.stdout != "-999\n",
        "{output:?}"
    );
}

#[test]
fn kernel_parameters_are_the_containers() {
    let mut fixture = Fixture::shell(
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced \
         /proc/sys/net/ipv4/ping_group_range",
    );
    let before = std::fs::read("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    for (key, value) in [
        ("net.ipv4.ip_unprivileged_port_start", "0"),
        ("net.ipv4.ping_group_range", "0 2147483647"),
        ("kernel.shm_rmid_forced", "1"),
    ] {
        fixture.linux().sysctl.insert(key.into(), value.into());
    }
    assert_eq!(fixture.run().text(), "0\n1\n0\t2147483647");
    let after = std::fs::read("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_kernel_parameter_that_does_not_exist_is_named() {
    let mut fixture = Fixture::shell("true");
    fixture
        .linux()
        .sysctl
        .insert("net.no.such".into(), "1".into());
    assert_eq!(
        fixture.refused().to_string(),
        "write sysctl net.no.such=1: no such file or directory"
    );
    fixture.without_namespace(NamespaceKind::Network);
    let message = fixture.refused().to_string();
    assert!(message.contains("not in a separate kernel namespace"));
}

#[test]
fn the_container_sees_its_cgroup_as_the_root() {
    let fixture = Fixture::shell(
        "cat /proc/self/cgroup; ls /sys/fs/cgroup; find /sys/fs/cgroup -name cgroup.procs | head -n 1",
    );
    let text = fixture.run().text();
    let (groups, mounts): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains(":/"));
    assert!(
        groups.iter().filter(|line| line.ends_with(":/")).count() > 0,
        "{text}"
    );
    assert!(!text.contains("gantry-runtime-test"), "{text}");
    assert!(mounts.len() > 1, "{text}");
}

#[test]
fn without_a_cgroup_namespace_it_sees_its_own_group() {
    let mut fixture =
        Fixture::shell("cat /sys/fs/cgroup/pids/cgroup.procs /sys/fs/cgroup/pids.max");
    fixture.without_namespace(NamespaceKind::Cgroup);
    let output = fixture.run();
    // v1: the group's own directory is bound; v2: the host's tree.
    assert!(
        output.stdout.starts_with("1\n") || output.stderr.contains("pids.max"),
        "{output:?}"
    );
}
