//! User, groups, capabilities, filter.

use crate::fixture::Fixture;
use gantry_oci::{Seccomp, SeccompRule};

#[test]
fn user_groups_and_umask() {
    let mut fixture =
        Fixture::shell("id -u; id -g; id -G; umask; touch /tmp/x && stat -c %a /tmp/x");
    fixture.file("/tmp/.keep", "", 0o644);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std::fs::set_permissions(fixture.path("/tmp"), open).unwrap();
    let user = &mut fixture.process().user;
    user.uid = 1000;
    user.gid = 1001;
    user.additional_gids = vec![5, 6];
    user.umask = Some(0o077);
    assert_eq!(fixture.run().text(), "1000\n1001\n1001 5 6\n0077\n600");
}

fn capabilities(fixture: &Fixture) -> Vec<u64> {
    let text = fixture.run().text();
    let parse = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16);
    text.lines().map(|line| parse(line).unwrap()).collect()
}

const STATUS: &[&str] = &["grep", "^Cap", "/proc/self/status"];
/// The bits of Docker's fourteen.
const DOCKERS: u64 = 0xa804_25fb;

#[test]
fn dockers_capabilities() {
    let fixture = Fixture::command(STATUS);
    // Inheritable, permitted, effective, bounding, ambient.
    assert_eq!(capabilities(&fixture), [0, DOCKERS, DOCKERS, DOCKERS, 0]);
}

#[test]
fn a_user_keeps_what_is_given_to_it() {
    let mut fixture = Fixture::command(STATUS);
    fixture.process().user.uid = 1000;
    // What is permitted does not survive the exec of a user but by the ambient set.
    assert_eq!(capabilities(&fixture), [0, 0, 0, DOCKERS, 0]);
    let net = vec!["CAP_NET_BIND_SERVICE".to_owned()];
    let sets = fixture.process().capabilities.as_mut().unwrap();
    sets.inheritable.clone_from(&net);
    sets.ambient = net;
    let bit = 1 << 10;
    assert_eq!(capabilities(&fixture), [bit, bit, bit, DOCKERS, bit]);
}

#[test]
fn no_capabilities_at_all() {
    let mut fixture = Fixture::command(STATUS);
    fixture.process().capabilities = Some(gantry_oci::Capabilities::default());
    assert_eq!(capabilities(&fixture), [0, 0, 0, 0, 0]);
}

#[test]
fn what_the_machine_lacks_is_left_out_with_a_warning() {
    let mut fixture = Fixture::command(STATUS);
    let sets = fixture.process().capabilities.as_mut().unwrap();
    sets.bounding.push("CAP_NONESUCH".into());
    let output = fixture.run();
    assert_eq!(output.code, 0);
    assert!(
        output.warnings[0].contains("CAP_NONESUCH"),
        "{:?}",
        output.warnings
    );
}

#[test]
fn no_new_privileges_is_set_on_demand() {
    let mut fixture = Fixture::command(&["grep", "NoNewPrivs", "/proc/self/status"]);
    assert!(fixture.run().text().ends_with('0'));
    fixture.process().no_new_privileges = true;
    assert!(fixture.run().text().ends_with('1'));
}

fn deny(names: &[&str], errno: u32) -> Seccomp {
    Seccomp {
        default_action: "SCMP_ACT_ALLOW".into(),
        architectures: vec!["SCMP_ARCH_X86_64".into()],
        syscalls: vec![SeccompRule {
            names: names.iter().map(|&n| n.to_owned()).collect(),
            action: "SCMP_ACT_ERRNO".into(),
            errno_ret: Some(errno),
            args: Vec::new(),
        }],
        ..Seccomp::default()
    }
}

#[test]
fn a_filter_holds_with_and_without_no_new_privileges() {
    for no_new_privileges in [false, true] {
        for uid in [0, 1000] {
            let mut fixture = Fixture::shell("mkdir /tmp/x; grep Seccomp: /proc/self/status");
            fixture.process().no_new_privileges = no_new_privileges;
            fixture.process().user.uid = uid;
            fixture.linux().seccomp = Some(deny(&["mkdir", "mkdirat"], 95));
            let output = fixture.run();
            assert!(output.stderr.contains("not supported"), "{output:?}");
            assert!(output.stdout.trim_end().ends_with('2'), "{output:?}");
        }
    }
}

#[test]
fn a_filter_may_forbid_all_of_the_set_up() {
    // Only what comes after the filter must be allowed.
    let mut fixture = Fixture::shell("echo in");
    let names = [
        "mount",
        "fsopen",
        "move_mount",
        "pivot_root",
        "setns",
        "unshare",
        "sethostname",
        "setuid",
        "setresuid",
        "setgid",
        "setgroups",
        "chdir",
        "recvmsg",
        "close_range",
        "mknodat",
    ];
    fixture.linux().seccomp = Some(deny(&names, 1));
    assert_eq!(fixture.run().text(), "in");
}

#[test]
fn dockers_filter_lets_a_shell_run() {
    let mut fixture =
        Fixture::shell("mount -t tmpfs t /tmp; echo $?; grep Seccomp: /proc/self/status");
    let capabilities = fixture.process().capabilities.clone().unwrap().bounding;
    let kernel = gantry_seccomp::KernelVersion::running();
    fixture.linux().seccomp = Some(gantry_seccomp::default_profile(&capabilities, kernel));
    let output = fixture.run();
    assert!(output.stdout.starts_with("1\n"), "{output:?}");
}
