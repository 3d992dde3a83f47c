//! Each namespace: new, shared with the host, joined.

use std::fs;
use std::os::fd::AsFd;

use crate::fixture::{Fixture, Live, pipes};
use gantry_oci::{IdMapping, Namespace, NamespaceKind as Kind};
use gantry_runtime::{Launch, Root};

fn own(name: &str) -> String {
    let link = fs::read_link(format!("/proc/thread-self/ns/{name}")).unwrap();
    link.to_str().unwrap().to_owned()
}

const NAMES: [(&str, Kind); 5] = [
    ("net", Kind::Network),
    ("uts", Kind::Uts),
    ("pid", Kind::Pid),
    ("ipc", Kind::Ipc),
    ("cgroup", Kind::Cgroup),
];

#[test]
fn every_namespace_is_new() {
    let fixture = Fixture::shell(
        "cd /proc/self/ns; for n in mnt net uts pid ipc cgroup; do readlink $n; done; echo $$",
    );
    let text = fixture.run().text();
    assert!(text.ends_with("\n1"), "{text}");
    for name in ["mnt", "net", "uts", "pid", "ipc", "cgroup"] {
        assert!(!text.contains(&own(name)), "{name}: {text}");
    }
}

#[test]
fn a_namespace_that_is_not_asked_for_is_the_hosts() {
    for (name, kind) in NAMES {
        let mut fixture = Fixture::shell(&format!("readlink /proc/self/ns/{name}"));
        fixture.spec.hostname = None;
        fixture.without_namespace(kind);
        assert_eq!(fixture.run().text(), own(name));
    }
}

#[test]
fn the_hostname_is_the_containers() {
    let mut fixture = Fixture::shell("hostname; cat /proc/sys/kernel/domainname");
    fixture.spec.domainname = Some("example".into());
    assert_eq!(fixture.run().text(), "box\nexample");
    fixture.without_namespace(Kind::Uts);
    let message = fixture.refused().to_string();
    assert!(message.contains("without a private UTS namespace"));
}

#[test]
fn a_new_network_has_only_loopback_and_it_is_up() {
    let text = Fixture::shell("ip -o link").run().text();
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains("lo: <LOOPBACK,UP"), "{text}");
}

#[test]
fn a_given_network_wins() {
    let namespace = gantry_sys::namespaces::in_private_mounts(|| {
        gantry_sys::namespaces::unshare(gantry_sys::namespaces::bits::NETWORK).unwrap();
        (
            fs::File::open("/proc/thread-self/ns/net").unwrap(),
            own("net"),
        )
    });
    let (file, name) = namespace.unwrap();
    let fixture = Fixture::shell("readlink /proc/self/ns/net");
    let (stdio, stdout, _) = pipes(b"");
    let launch = Launch {
        id: "net",
        spec: &fixture.spec,
        root: Root::Path(fixture.root.path()),
        mounts: &[],
        network: Some(file.as_fd()),
        cgroup: &fixture.cgroup,
        stdio,
        bundle: fixture.root.path(),
        init: None,
        manner: gantry_runtime::Manner::default(),
    };
    let running = gantry_runtime::create(launch).unwrap().start().unwrap();
    crate::fixture::reap(&running.child);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut fs::File::from(stdout), &mut text).unwrap();
    assert_eq!(text.trim_end(), name);
}

fn path_of(live: &Live, name: &str) -> String {
    format!("/proc/{}/ns/{name}", live.child.pid.as_raw_nonzero())
}

#[test]
fn another_containers_namespaces_are_joined() {
    let first = Fixture::shell("sleep 60");
    let live = first.start();
    let mut second =
        Fixture::shell("cd /proc/self/ns; for n in net uts pid ipc; do readlink $n; done");
    second.spec.hostname = None;
    for (name, kind) in NAMES {
        if kind == Kind::Cgroup {
            continue;
        }
        second.without_namespace(kind);
        let path = Some(path_of(&live, name));
        second.linux().namespaces.push(Namespace { kind, path });
    }
    let before = own("pid");
    let text = second.run().text();
    for name in ["net", "uts", "pid", "ipc"] {
        let theirs = fs::read_link(path_of(&live, name)).unwrap();
        assert!(text.contains(theirs.to_str().unwrap()), "{name}: {text}");
    }
    assert_eq!(
        fs::read_link("/proc/thread-self/ns/pid_for_children")
            .unwrap()
            .to_str(),
        Some(&*before)
    );
    live.signal(libc::SIGKILL);
    live.wait();
}

/// A container whose root is user 100000 of the host.
fn mapped(script: &str) -> Fixture {
    let mut fixture = Fixture::shell(script);
    fixture.linux().namespaces.push(Namespace {
        kind: Kind::User,
        path: None,
    });
    let map = vec![IdMapping {
        container_id: 0,
        host_id: 100_000,
        size: 65_536,
    }];
    fixture.linux().uid_mappings.clone_from(&map);
    fixture.linux().gid_mappings = map;
    fixture
}

#[test]
fn root_of_a_user_namespace_is_nobody_outside() {
    let fixture = mapped(
        "id -u; cat /proc/self/uid_map; echo x > /dev/null && echo ok; ls -ln /dev/zero; \
         touch /dev/shm/mine && stat -c %u /dev/shm/mine; touch /bin/x 2>&1; mount | grep -c ' /sys '",
    );
    let output = fixture.run();
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!(lines[0], "0", "{output:?}");
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["0", "100000", "65536"]
    );
    assert_eq!(lines[2], "ok");
    assert!(lines[3].contains("1,   5"), "{output:?}");
    assert_eq!(lines[4], "0");
    assert!(lines[5].contains("Permission denied"), "{output:?}");
    assert_eq!(lines[6], "1");
}

#[test]
fn a_user_namespace_enters_a_network_of_the_host() {
    let mut fixture = mapped("readlink /proc/self/ns/net; id -u");
    fixture.without_namespace(Kind::Network);
    let path = Some("/proc/self/ns/net".to_owned());
    fixture.linux().namespaces.push(Namespace {
        kind: Kind::Network,
        path,
    });
    assert_eq!(fixture.run().text(), format!("{}\n0", own("net")));
}

#[test]
fn a_user_namespace_is_joined() {
    let first = mapped("sleep 60");
    let live = first.start();
    let mut second =
        Fixture::shell("readlink /proc/self/ns/user; readlink /proc/self/ns/net; id -u");
    second.without_namespace(Kind::Network);
    for (name, kind) in [("user", Kind::User), ("net", Kind::Network)] {
        let path = Some(path_of(&live, name));
        second.linux().namespaces.push(Namespace { kind, path });
    }
    let text = second.run().text();
    let link = |name| fs::read_link(path_of(&live, name)).unwrap();
    let (user, net) = (link("user"), link("net"));
    assert_eq!(text, format!("{}\n{}\n0", user.display(), net.display()));
    live.signal(libc::SIGKILL);
    live.wait();
}

#[test]
fn a_container_without_mounts_of_its_own_is_refused() {
    let mut fixture = Fixture::shell("true");
    fixture.without_namespace(Kind::Mount);
    let error = fixture.refused();
    assert_eq!(error.kind(), gantry_runtime::Kind::Unsupported);
}
