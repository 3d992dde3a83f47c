//! The daemon and the monitors are killed at random moments while containers come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::harness::{Daemon, PATIENCE, Run, eventually};

#[test]
fn nothing_is_lost_or_leaked_in_a_storm() {
    Storm {
        time: Duration::from_secs(15),
        workers: 4,
        slots: 4,
    }
    .blow();
}

#[test]
#[ignore = "five minutes with 200 containers: cargo xtask soak a_long_storm"]
fn a_long_storm_with_200_containers() {
    Storm {
        time: Duration::from_secs(300),
        workers: 8,
        slots: 25,
    }
    .blow();
}

struct Storm {
    time: Duration,
    /// How many come and go at once.
    workers: u16,
    /// Containers of each.
    slots: u16,
}

/// What a worker knows of one of its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was removed, or never made.
    Gone,
    /// It was started, and nobody asked it to stop.
    Started,
    /// It was stopped.
    Stopped,
    /// The last command failed half way.
    Unsure,
}

/// Pseudo-random numbers, the same for the same seed.
struct Dice(AtomicU64);

impl Dice {
    fn throw(&self, sides: u64) -> u64 {
        let step = |x: u64| {
            x.wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407)
        };
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |x| Some(step(x)));
        (before.unwrap_or_default() >> 33) % sides
    }
}

impl Storm {
    fn blow(&self) {
        let seed = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_nanos() as u64;
        let dice = Dice(AtomicU64::new(seed));
        let mut daemon = Daemon::with_registry();
        daemon.gantry("pull -q busybox").ok();
        let traces = Traces::of(&daemon);
        let daemon_lock = RwLock::new(daemon);
        let over = AtomicBool::new(false);
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        let mut kills = 0;
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.workers)
                .map(|worker| {
                    let (daemon, over, dice) = (&daemon_lock, &over, &dice);
                    let slots = self.slots;
                    scope.spawn(move || work(daemon, over, dice, worker, slots))
                })
                .collect();
            let end = Instant::now() + self.time;
            while Instant::now() < end {
                std::thread::sleep(Duration::from_millis(200 + dice.throw(1200)));
                kill(&mut daemon_lock.write().unwrap(), dice.throw(3));
                kills += 1;
            }
            over.store(true, Ordering::Relaxed);
            for worker in workers {
                known.extend(worker.join().unwrap());
            }
        });
        daemon = daemon_lock.into_inner().unwrap();
        assert!(kills > 5, "{kills} kills with seed {seed}");
        check(&daemon, &known);
        daemon
            .script("$GANTRY ps -aq | xargs -r $GANTRY rm -f", "")
            .ok();
        eventually("nothing is left of all that", || {
            Traces::of(&daemon) == traces
        });
        self.ports_are_free(&daemon);
        daemon.stop();
    }

    fn ports_are_free(&self, daemon: &Daemon) {
        let ports = (0..self.workers).flat_map(|w| (0..self.slots).map(move |s| port(w, s)));
        let publish: Vec<String> = ports.map(|port| format!("-p {port}:80")).collect();
        daemon
            .gantry(&format!("run --rm {} busybox true", publish.join(" ")))
            .ok();
    }
}

fn port(worker: u16, slot: u16) -> u16 {
    20_000 + worker * 100 + slot
}

/// Runs a command through a daemon that may be killed meanwhile.
fn run(daemon: &RwLock<Daemon>, args: &str) -> Run {
    let program = crate::harness::gantry_binary().display().to_string();
    let mut command: Command = daemon.read().unwrap().client_command("bash");
    // A client whose daemon dies ends with an error; none may hang.
    command.args(["-uc", &format!("exec timeout 60 {program} {args}")]);
    Run::of(command)
}

fn work(
    daemon: &RwLock<Daemon>,
    over: &AtomicBool,
    dice: &Dice,
    worker: u16,
    slots: u16,
) -> BTreeMap<String, Known> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    while !over.load(Ordering::Relaxed) {
        let slot = dice.throw(u64::from(slots)) as u16;
        let name = name(worker, slot);
        let state = known.entry(name.clone()).or_insert(Known::Gone);
        let (args, then) = match (*state, dice.throw(3)) {
            (Known::Gone, _) => (create(worker, slot), Known::Started),
            (Known::Unsure, _) | (_, 0) => (format!("rm -f {name}"), Known::Gone),
            (Known::Started, _) => (format!("stop -t 0 {name}"), Known::Stopped),
            (Known::Stopped, _) => (format!("start {name}"), Known::Started),
        };
        let done = run(daemon, &args);
        assert_ne!(done.code, 124, "gantry {args} hangs");
        *state = if done.code == 0 { then } else { Known::Unsure };
    }
    known
}

fn name(worker: u16, slot: u16) -> String {
    format!("storm-{worker}-{slot}")
}

fn create(worker: u16, slot: u16) -> String {
    let name = name(worker, slot);
    let policy = ["no", "always", "unless-stopped", "on-failure"][usize::from(slot) % 4];
    let port = port(worker, slot);
    format!(
        "run -d --name {name} --restart {policy} -p {port}:80 -v {name}:/data -m 16m --pids-limit 10 busybox sleep 1000"
    )
}

/// Kills the daemon, some monitors, or both, and starts the daemon again.
fn kill(daemon: &mut Daemon, what: u64) {
    let monitors = "grep -l '^gantry-monitor$' /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3 | shuf -n 2 | xargs -r kill -9; true";
    if what != 0 {
        daemon.world.sh(monitors).ok();
    }
    if what != 1 {
        daemon.kill_9();
        daemon.run();
    }
}

/// What the daemon says must be what the kernel has, and what the workers know.
fn check(daemon: &Daemon, known: &BTreeMap<String, Known>) {
    let state = |name: &str| {
        let run = daemon.gantry(&format!("inspect -f '{{{{.State.Status}}}}' {name}"));
        if run.code == 0 {
            run.ok().to_owned()
        } else {
            "gone".to_owned()
        }
    };
    eventually("nothing is on its way any longer", || {
        let states = daemon.gantry("ps -a --format '{{.State}}'").ok().to_owned();
        states
            .lines()
            .all(|s| matches!(s, "running" | "exited" | "created"))
    });
    for (name, known) in known {
        let found = state(name);
        let slot: usize = name.rsplit('-').next().unwrap().parse().unwrap();
        let always = slot % 4 == 1 || slot % 4 == 2;
        let right = match known {
            Known::Gone => found == "gone",
            // A killed monitor takes its container along; the policy brings it back.
            Known::Started if always => found == "running",
            Known::Started => found == "running" || found == "exited",
            // The restart of the daemon starts what is always to run.
            Known::Stopped => found == "exited" || (slot % 4 == 1 && found == "running"),
            Known::Unsure => true,
        };
        assert!(right, "{name} is {found}, and was {known:?}");
    }
    let running: BTreeSet<String> = lines(daemon, "$GANTRY ps -q --no-trunc");
    // Interfaces and groups of what has just ended go a moment later.
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && !Traces::of(daemon).are_of(&running) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let now = Traces::of(daemon);
    assert!(now.are_of(&running), "{running:?}, and there is {now:?}");
    let addresses = lines(
        daemon,
        "$GANTRY ps -q | xargs -r $GANTRY inspect -f '{{.NetworkSettings.IPAddress}}'",
    );
    assert_eq!(
        addresses.len(),
        running.len(),
        "an address for each that runs"
    );
    for id in &running {
        daemon.gantry(&format!("exec {id} true")).ok();
    }
}

fn lines(daemon: &Daemon, script: &str) -> BTreeSet<String> {
    daemon
        .script(script, "")
        .ok()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// What containers leave on a machine.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    monitors: usize,
    payloads: usize,
    interfaces: usize,
    cgroups: Vec<String>,
    mounts: String,
    snapshots: String,
    runs: String,
}

impl Traces {
    /// Whether these are one of each for each container that runs, and no others.
    fn are_of(&self, running: &BTreeSet<String>) -> bool {
        let counts = [self.monitors, self.payloads, self.interfaces];
        counts.iter().all(|count| *count == running.len()) && self.cgroups.iter().eq(running.iter())
    }

    fn of(daemon: &Daemon) -> Self {
        let sh = |script: &str| daemon.world.sh(script).ok().to_owned();
        let number = |script: &str| sh(script).trim().parse().unwrap();
        let parent = daemon.world.name();
        let folder = daemon.world.folder().display().to_string();
        let cgroups = format!(
            "find /sys/fs/cgroup -maxdepth 3 -type d -path '*/{parent}/*' -printf '%f\\n' | sort -u"
        );
        Self {
            monitors: number("grep -l '^gantry-monitor$' /proc/[0-9]*/comm 2>/dev/null | wc -l"),
            payloads: number("grep -lz '^1000$' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"),
            interfaces: number("ip -o link show type veth | wc -l"),
            cgroups: sh(&cgroups).lines().map(str::to_owned).collect(),
            mounts: sh("cut -d' ' -f5- /proc/self/mountinfo | sort"),
            snapshots: sh(&format!("ls {folder}/data/containers")),
            runs: sh(&format!("ls {folder}/run/containers 2>/dev/null; true")),
        }
    }
}
