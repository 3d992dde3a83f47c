//! Real groups on the machine's own hierarchy; needs root. They run on v1, hybrid and v2 alike.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its fixtures too"
)]

use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gantry_cgroups::{Cgroup, Controller, Hierarchy, Layout, Pid};
use gantry_oci::{Cpu, DeviceRule, Memory, Pids, Resources};
use rustix::event::{PollFd, PollFlags, poll};

const MIB: i64 = 1 << 20;

/// A group that goes with its processes when the test ends, however it ends.
struct Group(Cgroup);

impl Group {
    fn new(resources: &Resources) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = format!("/gantry-test-{}-{n}", std::process::id());
        Self(
            Hierarchy::detect()
                .unwrap()
                .create(&path, resources)
                .unwrap(),
        )
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = wait_until(|| self.0.procs().is_ok_and(|procs| procs.is_empty()));
        let removed = self.0.remove();
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

impl std::ops::Deref for Group {
    type Target = Cgroup;
    fn deref(&self) -> &Cgroup {
        &self.0
    }
}

/// A shell that runs a script once it is told to go; killed and reaped in the end.
struct Shell(Child);

impl Shell {
    fn new(script: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", &format!("read go; {script}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn inside(group: &Cgroup, script: &str) -> Self {
        let shell = Self::new(script);
        group.add(shell.pid()).unwrap();
        shell
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    fn go(&mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    fn succeeds(mut self) -> bool {
        self.go();
        self.0.wait().unwrap().success()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > Duration::from_secs(60) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

fn memory(limit: i64) -> Resources {
    let memory = Memory {
        limit: Some(limit),
        swap: Some(limit),
        ..Memory::default()
    };
    Resources {
        memory: Some(memory),
        ..Resources::default()
    }
}

#[test]
fn limits_are_read_back_and_can_change() {
    let mut resources = memory(64 * MIB);
    resources.pids = Some(Pids { limit: 20 });
    resources.cpu = Some(Cpu {
        shares: Some(512),
        quota: Some(50_000),
        period: Some(100_000),
        cpus: Some("0".to_owned()),
        ..Cpu::default()
    });
    let group = Group::new(&resources);
    let stats = group.stats().unwrap();
    assert_eq!((stats.memory.limit, stats.pids.limit), (64 << 20, 20));

    // Upwards swap goes first, downwards memory does.
    for limit in [128 * MIB, 32 * MIB] {
        group.update(&memory(limit)).unwrap();
        assert_eq!(group.stats().unwrap().memory.limit, limit as u64);
    }
    let unlimited = Resources {
        pids: Some(Pids { limit: -1 }),
        ..Resources::default()
    };
    group.update(&unlimited).unwrap();
    assert_eq!(group.stats().unwrap().pids.limit, u64::MAX);
}

#[test]
fn a_group_can_be_opened_and_a_removed_one_is_gone() {
    let hierarchy = Hierarchy::detect().unwrap();
    let group = Group::new(&Resources::default());
    let mut shell = Shell::inside(&group, "sleep 100");
    let opened = hierarchy.open(group.path()).unwrap();
    assert_eq!(opened.procs().unwrap(), [shell.pid()]);
    assert!(
        opened
            .remove()
            .unwrap_err()
            .to_string()
            .contains("1 processes")
    );
    shell.go();
    drop(shell);
    opened.kill().unwrap();
    assert!(wait_until(|| opened.procs().unwrap().is_empty()));
    opened.remove().unwrap();
    opened.remove().unwrap();
    assert!(hierarchy.open(group.path()).is_err());
}

#[test]
fn a_process_moves_itself_by_the_join_descriptors() {
    let group = Group::new(&Resources::default());
    let fds = group.join_fds().unwrap();
    assert_eq!(fds.is_empty(), group.layout() == Layout::V2);
    let own = std::process::id();
    let moves: Vec<_> = fds
        .iter()
        .map(|fd| format!("echo 0 >/proc/{own}/fd/{};", fd.as_raw_fd()))
        .collect();
    let moves = moves.concat();
    let mut shell = Shell::new(&format!("{moves} exec sleep 100"));
    if group.layout() == Layout::V2 {
        group.add(shell.pid()).unwrap();
    }
    shell.go();
    assert!(wait_until(|| group.procs().unwrap() == [shell.pid()]));
    assert!(group.into_fd().is_some() || group.layout() == Layout::V1);
}

#[test]
fn too_much_memory_kills_and_is_told() {
    let group = Group::new(&memory(16 * MIB));
    let neighbour = Group::new(&memory(16 * MIB));
    let events = group.oom_events().unwrap().unwrap();
    assert!(!group.oom_killed().unwrap());
    assert!(!Shell::inside(&group, "exec tail /dev/zero").succeeds());
    let mut fds = [PollFd::new(&events, PollFlags::IN)];
    let timeout = rustix::time::Timespec {
        tv_sec: 10,
        tv_nsec: 0,
    };
    assert_eq!(poll(&mut fds, Some(&timeout)).unwrap(), 1);
    events.acknowledge().unwrap();
    assert!(wait_until(|| group.oom_killed().unwrap()));
    assert!(!neighbour.oom_killed().unwrap());
    let mut fds = [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::IN)];
    let now = rustix::time::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    assert_eq!(poll(&mut fds, Some(&now)).unwrap(), 0, "acknowledged");
}

#[test]
fn a_frozen_group_stands_still() {
    let group = Group::new(&Resources::default());
    let mut shell = Shell::inside(&group, "while :; do :; done");
    shell.go();
    assert!(wait_until(|| group.stats().unwrap().cpu.total > 1_000_000));
    group.freeze().unwrap();
    assert!(group.is_frozen().unwrap());
    let before = group.stats().unwrap().cpu.total;
    std::thread::sleep(Duration::from_millis(50));
    // A last bit may have been accounted late.
    assert!(group.stats().unwrap().cpu.total < before + 5_000_000);
    group.thaw().unwrap();
    assert!(wait_until(
        || group.stats().unwrap().cpu.total > before + 20_000_000
    ));
}

#[test]
fn too_many_processes_stay_inside_and_die() {
    let limit = Resources {
        pids: Some(Pids { limit: 30 }),
        ..Resources::default()
    };
    let group = Group::new(&limit);
    // Without the limit this machine would pay for it.
    assert!(group.warnings().is_empty(), "{:?}", group.warnings());
    let fork = "for n in 1 2 3 4 5 6 7 8 9 10; do (sleep 100 & sleep 100 & sleep 100 &) & done";
    let mut shell = Shell::inside(&group, &format!("{fork}; {fork}; {fork}; sleep 100"));
    shell.go();
    assert!(wait_until(|| group.stats().unwrap().pids.current > 20));
    assert!(group.stats().unwrap().pids.current <= 30);
    group.kill().unwrap();
    shell.0.wait().unwrap();
    assert!(wait_until(|| group.procs().unwrap().is_empty()));
}

#[test]
fn a_frozen_group_can_be_killed() {
    let group = Group::new(&Resources::default());
    let mut shell = Shell::inside(&group, "sleep 100");
    group.freeze().unwrap();
    group.kill().unwrap();
    // v1 delivers the signal when the group is thawed.
    group.thaw().unwrap();
    shell.0.wait().unwrap();
}

#[test]
fn devices_that_no_rule_allows_cannot_be_opened() {
    let allow = |minor| DeviceRule {
        allow: true,
        kind: Some("c".to_owned()),
        major: Some(1),
        minor: Some(minor),
        access: Some("rwm".to_owned()),
    };
    // /dev/null, and /dev/full but not /dev/zero.
    let devices = vec![DeviceRule::default(), allow(3), allow(7)];
    let group = Group::new(&Resources {
        devices,
        ..Resources::default()
    });
    assert_eq!(group.warnings(), []);
    assert!(Shell::inside(&group, "head -c1 </dev/full >/dev/null").succeeds());
    assert!(!Shell::inside(&group, "head -c1 </dev/zero >/dev/null").succeeds());
    // Widening a living group works too.
    let everything = vec![DeviceRule {
        allow: true,
        ..DeviceRule::default()
    }];
    group
        .update(&Resources {
            devices: everything,
            ..Resources::default()
        })
        .unwrap();
    assert!(Shell::inside(&group, "head -c1 </dev/zero >/dev/null").succeeds());
}

#[test]
fn what_the_machine_lacks_is_a_warning() {
    // Swappiness is v1's alone, the unified files are v2's alone.
    let swappiness = Memory {
        swappiness: Some(10),
        ..Memory::default()
    };
    let unified = [("memory.high".to_owned(), "max".to_owned())];
    let group = Group::new(&Resources {
        memory: Some(swappiness),
        unified: unified.into(),
        ..Resources::default()
    });
    assert_eq!(group.warnings().len(), 1, "{:?}", group.warnings());
    assert!(
        group.warnings()[0]
            .to_string()
            .ends_with("Limitation discarded.")
    );
}

#[test]
fn groups_below_go_with_their_parent() {
    let group = Group::new(&Resources::default());
    let below = format!("{}/left/behind", group.path());
    let hierarchy = Hierarchy::detect().unwrap();
    let inner = hierarchy.create(&below, &Resources::default()).unwrap();
    let _shell = Shell::inside(&inner, "sleep 100");
    assert_eq!(group.procs().unwrap().len(), 1);
    // The guard kills through the outer group and removes the inner ones.
}

#[test]
fn a_parent_goes_when_it_is_empty() {
    let hierarchy = Hierarchy::detect().unwrap();
    let parent = format!("/gantry-test-{}-parent", std::process::id());
    let group = hierarchy
        .create(&format!("{parent}/child"), &Resources::default())
        .unwrap();
    hierarchy.remove_if_empty(&parent).unwrap();
    assert!(hierarchy.open(&parent).is_ok(), "it has a child");
    group.remove().unwrap();
    hierarchy.remove_if_empty(&parent).unwrap();
    assert!(hierarchy.open(&parent).is_err());
    hierarchy.remove_if_empty(&parent).unwrap();
}

#[test]
fn a_refused_limit_leaves_nothing() {
    let hierarchy = Hierarchy::detect().unwrap();
    let path = format!("/gantry-test-{}-refused", std::process::id());
    let cpu = Cpu {
        cpus: Some("99999".to_owned()),
        ..Cpu::default()
    };
    let resources = Resources {
        cpu: Some(cpu),
        ..Resources::default()
    };
    assert!(hierarchy.has(Controller::Cpuset));
    let error = hierarchy.create(&path, &resources).unwrap_err().to_string();
    assert!(error.contains("cpuset.cpus"), "{error}");
    assert!(hierarchy.open(&path).is_err());
}

/// Not a promise, figures: `cargo test -p gantry-cgroups -- --nocapture how_long`.
#[test]
fn how_long_a_group_takes() {
    let rule = |major, minor| DeviceRule {
        allow: true,
        kind: Some("c".to_owned()),
        major: Some(major),
        minor: Some(minor),
        access: Some("rwm".to_owned()),
    };
    let mut devices = vec![DeviceRule::default()];
    devices.extend((1..10).map(|minor| rule(1, minor)));
    let resources = Resources {
        devices,
        ..memory(64 * MIB)
    };
    let mut best = [Duration::MAX; 4];
    let mut took = |step: usize, since: Instant| best[step] = best[step].min(since.elapsed());
    for round in 0..20 {
        let start = Instant::now();
        let hierarchy = Hierarchy::detect().unwrap();
        took(0, start);
        let path = format!("/gantry-test-{}-timed-{round}", std::process::id());
        let start = Instant::now();
        let group = hierarchy.create(&path, &resources).unwrap();
        took(1, start);
        let start = Instant::now();
        drop(group.join_fds().unwrap());
        took(2, start);
        let start = Instant::now();
        group.remove().unwrap();
        took(3, start);
    }
    println!("detect, create, open to join, remove: {best:?}");
}
