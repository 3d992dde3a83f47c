//! Further processes in a running container.

use std::os::fd::AsFd;

use crate::fixture::{Fixture, Live, reap};
use gantry_oci::{IdMapping, Namespace, NamespaceKind, Seccomp, SeccompRule};
use gantry_runtime::{Exec, Kind, Stdio};

fn end(live: Live) {
    live.signal(libc::SIGKILL);
    live.wait();
}

#[test]
fn it_is_in_all_of_the_containers_namespaces() {
    let fixture = Fixture::shell("sleep 60");
    let live = fixture.start();
    let names = "mnt net uts pid ipc cgroup user";
    let script = format!(
        "cd /proc/self/ns; for n in {names}; do test $(readlink $n) = $(readlink /proc/1/ns/$n) || \
         echo $n; done; hostname; pwd; ps | grep -c '[s]leep 60'"
    );
    let mut process = fixture.further(&script);
    process.cwd = "/etc".into();
    let output = fixture.exec(&live, &process).unwrap();
    assert_eq!(output.text(), "box\n/proc/self/ns\n1");
    end(live);
}

#[test]
fn it_is_the_callers_child_in_the_containers_cgroup() {
    let fixture = Fixture::shell("sleep 60");
    let live = fixture.start();
    let before = std::fs::read_link("/proc/thread-self/ns/pid_for_children").unwrap();
    let output = fixture
        .exec(&live, &fixture.further("cat /proc/self/cgroup; exit 5"))
        .unwrap();
    assert_eq!(output.code, 5);
    assert!(
        !output.stdout.contains("gantry-runtime-test"),
        "{}",
        output.stdout
    );
    assert_eq!(
        std::fs::read_link("/proc/thread-self/ns/pid_for_children").unwrap(),
        before
    );
    end(live);
}

#[test]
fn it_gets_the_same_security() {
    let mut fixture = Fixture::shell("sleep 60");
    fixture.linux().seccomp = Some(Seccomp {
        default_action: "SCMP_ACT_ALLOW".into(),
        syscalls: vec![SeccompRule {
            names: vec!["mkdir".into(), "mkdirat".into()],
            action: "SCMP_ACT_ERRNO".into(),
            ..SeccompRule::default()
        }],
        ..Seccomp::default()
    });
    let live = fixture.start();
    let mut process =
        fixture.further("grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; mkdir /x; id -u");
    process.user.uid = 1000;
    process.no_new_privileges = true;
    let output = fixture.exec(&live, &process).unwrap();
    let words: Vec<_> = output.stdout.split_whitespace().collect();
    assert_eq!(
        words,
        [
            "CapBnd:",
            "00000000a80425fb",
            "NoNewPrivs:",
            "1",
            "Seccomp:",
            "2",
            "1000"
        ]
    );
    assert!(output.stderr.contains("not permitted"), "{output:?}");
    end(live);
}

#[test]
fn only_the_streams_are_open_in_it() {
    let _held = std::fs::File::open("/etc/hostname").unwrap();
    let fixture = Fixture::shell("sleep 60");
    let live = fixture.start();
    let mut process = fixture.further("");
    process.args = ["ls", "/proc/self/fd"].map(str::to_owned).into();
    assert_eq!(fixture.exec(&live, &process).unwrap().text(), "0\n1\n2\n3");
    for number in 3..12 {
        process.cwd = format!("/proc/self/fd/{number}");
        fixture.exec(&live, &process).unwrap_err();
    }
    end(live);
}

#[test]
fn what_cannot_run_is_said() {
    let fixture = Fixture::shell("sleep 60");
    let live = fixture.start();
    let mut process = fixture.further("");
    let mut refused = |command: &str, cwd: &str| {
        process.args = vec![command.into()];
        process.cwd = cwd.into();
        let error = fixture.exec(&live, &process).unwrap_err();
        (error.to_string(), error.kind())
    };
    let missing = "exec: \"nope\": executable file not found in $PATH".to_owned();
    assert_eq!(refused("nope", "/"), (missing, Kind::CommandNotFound));
    let denied = "exec: \"/etc/passwd\": permission denied".to_owned();
    assert_eq!(
        refused("/etc/passwd", "/"),
        (denied, Kind::CommandNotExecutable)
    );
    let cwd = "chdir to cwd (\"/no\") set in config.json failed: no such file or directory";
    assert_eq!(refused("true", "/no").0, cwd);
    end(live);
}

#[test]
fn a_terminal_of_the_container() {
    let fixture = Fixture::shell("sleep 60");
    let live = fixture.start();
    let process = fixture.further("tty; test -t 0 && test -t 1 && test -t 2 && exit 9");
    let running = gantry_runtime::exec(Exec {
        target: live.child.pidfd.as_fd(),
        process: &process,
        seccomp: None,
        cgroup: &fixture.cgroup,
        stdio: Stdio::Terminal { size: None },
        preserve: 0,
    })
    .unwrap();
    let mut buffer = [0; 64];
    let n = rustix::io::read(running.terminal.as_ref().unwrap(), &mut buffer).unwrap();
    assert_eq!(&buffer[..n], b"/dev/pts/0\r\n");
    assert_eq!(reap(&running.child), 9);
    end(live);
}

#[test]
fn a_false_terminal_multiplexer_is_refused() {
    let mut fixture = Fixture::shell("sleep 60");
    crate::fixture::privileged(&mut fixture);
    let live = fixture.start();
    let script = "mount -t tmpfs t /dev/pts && mknod /dev/pts/ptmx c 1 5 && ls /dev/pts";
    let prepared = fixture.exec(&live, &fixture.further(script)).unwrap();
    assert_eq!(prepared.text(), "ptmx");
    let process = fixture.further("true");
    let error = gantry_runtime::exec(Exec {
        target: live.child.pidfd.as_fd(),
        process: &process,
        seccomp: None,
        cgroup: &fixture.cgroup,
        stdio: Stdio::Terminal { size: None },
        preserve: 0,
    })
    .unwrap_err();
    assert!(error.to_string().contains("pseudo-terminal"), "{error}");
    end(live);
}

#[test]
fn in_a_user_namespace_it_is_root_of_that_only() {
    let mut fixture = Fixture::shell("sleep 60");
    let map = vec![IdMapping {
        container_id: 0,
        host_id: 200_000,
        size: 1000,
    }];
    fixture.linux().namespaces.push(Namespace {
        kind: NamespaceKind::User,
        path: None,
    });
    fixture.linux().uid_mappings.clone_from(&map);
    fixture.linux().gid_mappings = map;
    let live = fixture.start();
    let script = "id -u; readlink /proc/self/ns/user; touch /bin/x 2>&1 | grep -c denied";
    let output = fixture
        .exec(&live, &fixture.further(script))
        .unwrap()
        .text();
    let path = format!("/proc/{}/ns/user", live.child.pid.as_raw_nonzero());
    let namespace = std::fs::read_link(path).unwrap();
    assert_eq!(output, format!("0\n{}\n1", namespace.display()));
    end(live);
}

#[test]
fn a_container_that_ended_is_said_to_have() {
    let fixture = Fixture::shell("sleep 60");
    let live = fixture.start();
    live.signal(libc::SIGKILL);
    let pidfd = live.child.pidfd.try_clone().unwrap();
    live.wait();
    let process = fixture.further("true");
    let (stdio, ..) = crate::fixture::pipes(b"");
    let error = gantry_runtime::exec(Exec {
        target: pidfd.as_fd(),
        process: &process,
        seccomp: None,
        cgroup: &fixture.cgroup,
        stdio,
        preserve: 0,
    })
    .unwrap_err();
    assert_eq!(error.kind(), Kind::NotRunning, "{error}");
}

#[test]
fn a_paused_container_is_left_alone() {
    let fixture = Fixture::shell("sleep 60");
    let live = fixture.start();
    fixture.cgroup.freeze().unwrap();
    let error = fixture.exec(&live, &fixture.further("true")).unwrap_err();
    assert_eq!(error.kind(), Kind::NotRunning);
    fixture.cgroup.thaw().unwrap();
    assert_eq!(
        fixture.exec(&live, &fixture.further("true")).unwrap().code,
        0
    );
    end(live);
}
