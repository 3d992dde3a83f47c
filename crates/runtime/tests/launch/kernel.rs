//! What runtime-spec 1.2 says of clocks, owners, execution domain and scheduling.

use gantry_oci::{
    CpuAffinity, IdMapping, IoPriority, Namespace, NamespaceKind, Personality, Scheduler,
    TimeOffset,
};

use super::fixture::Fixture;

#[test]
fn a_time_namespace_has_its_own_clocks() {
    let mut fixture = Fixture::shell("cut -d. -f1 /proc/uptime; readlink /proc/self/ns/time");
    fixture.file("/bin/cut", "#!/bin/sh\nread a b; echo $a\n", 0o755);
    fixture.process().args[2] =
        "read up rest < /proc/uptime; echo ${up%.*}; readlink /proc/self/ns/time".into();
    let own = fixture.linux();
    own.namespaces.push(Namespace {
        kind: NamespaceKind::Time,
        path: None,
    });
    let day = TimeOffset {
        secs: 1_000_000_000,
        nanosecs: 0,
    };
    own.time_offsets = [("boottime".to_owned(), day)].into();
    let output = fixture.run();
    let mut lines = output.stdout.lines();
    let uptime: u64 = lines.next().unwrap().parse().unwrap();
    assert!(uptime > 1_000_000_000, "{output:?}");
    let host = std::fs::read_link("/proc/self/ns/time").unwrap();
    assert_ne!(lines.next().unwrap(), host.to_str().unwrap());

    fixture.linux().namespaces.pop();
    assert!(fixture.refused().to_string().contains("time namespace"));
}

#[test]
fn an_idmapped_mount_shows_other_owners() {
    // Not below /tmp: a tmpfs may be older than idmapped mounts there (6.3).
    let source = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(source.path().join("file"), "x").unwrap();
    let mut fixture = Fixture::shell("stat -c %u:%g /mapped/file");
    fixture.mount("/mapped", source.path(), &["bind"]);
    let mapping = vec![IdMapping {
        container_id: 0,
        host_id: 4242,
        size: 10,
    }];
    let mount = fixture.spec.mounts.last_mut().unwrap();
    mount.uid_mappings.clone_from(&mapping);
    mount.gid_mappings = mapping;
    assert_eq!(fixture.run().stdout, "4242:4242\n");
}

#[test]
fn the_execution_domain_is_the_specs() {
    let mut fixture = Fixture::shell("cat /proc/self/personality");
    fixture.linux().personality = Some(Personality {
        domain: "LINUX32".into(),
        flags: Vec::new(),
    });
    assert_eq!(fixture.run().stdout, "00000008\n");
    fixture.linux().personality = Some(Personality {
        domain: "VMS".into(),
        flags: Vec::new(),
    });
    assert!(fixture.refused().to_string().contains("VMS"));
}

#[test]
fn scheduler_and_priorities() {
    let mut fixture = Fixture::shell("set -- $(cat /proc/self/stat); echo ${19} ${41}");
    fixture.process().scheduler = Some(Scheduler {
        policy: "SCHED_BATCH".into(),
        nice: 3,
        ..Scheduler::default()
    });
    fixture.process().io_priority = Some(IoPriority {
        class: "IOPRIO_CLASS_BE".into(),
        priority: 6,
    });
    assert_eq!(fixture.run().stdout, "3 3\n");
}

#[test]
fn a_further_process_runs_on_the_processors_it_was_given() {
    let fixture = Fixture::shell("sleep 100");
    let live = fixture.start();
    let mut process = fixture.further("grep Cpus_allowed_list /proc/self/status");
    process.exec_cpu_affinity = Some(CpuAffinity {
        initial: String::new(),
        last: "0".into(),
    });
    let output = fixture.exec(&live, &process).unwrap();
    assert_eq!(output.stdout, "Cpus_allowed_list:\t0\n");
    super::fixture::kill(&live.child);
}

/// What `--ipc container:` needs: a mount of another container, though no path leads to it.
#[test]
fn a_mount_of_another_container_is_shared() {
    let mut first = Fixture::shell("echo mine > /dev/shm/note; sleep 100");
    first.spec.mounts.push(gantry_oci::Mount {
        destination: "/dev/shm".into(),
        kind: Some("tmpfs".into()),
        source: Some("shm".into()),
        ..gantry_oci::Mount::default()
    });
    let live = first.start();
    let shm = format!("/proc/{}/root/dev/shm", live.child.pid.as_raw_nonzero());
    while std::fs::read_to_string(format!("{shm}/note")).unwrap_or_default() != "mine\n" {
        std::thread::yield_now();
    }
    let mut second = Fixture::shell("cat /dev/shm/note");
    second.mount("/dev/shm", std::path::Path::new(&shm), &["bind"]);
    assert_eq!(second.run().stdout, "mine\n");
    super::fixture::kill(&live.child);
}
