//! Many containers, and many clients.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::Daemon;

/// How many lists are measured.
const LISTS: u32 = 20;

#[test]
fn lists_are_quick_with_many_containers() {
    let figures = Crowd {
        stopped: 150,
        running: 20,
        idle: false,
    }
    .measure();
    assert!(figures.list < Duration::from_millis(500), "{figures:?}");
}

#[test]
#[ignore = "minutes: cargo xtask soak with_1000_stopped"]
fn with_1000_stopped_and_300_running_containers() {
    let figures = Crowd {
        stopped: 1000,
        running: 300,
        idle: true,
    }
    .measure();
    show(&format!("{figures:#?}"));
    assert!(figures.list < Duration::from_millis(50), "{figures:?}");
    assert!(
        figures.list_processor < Duration::from_millis(50),
        "{figures:?}"
    );
    assert!(
        figures.last_start < figures.first_start * 2 + Duration::from_millis(20),
        "{figures:?}"
    );
    assert!(
        figures.idle_kib.is_some_and(|kib| kib < 20 << 10),
        "{figures:?}"
    );
    assert!(figures.monitor_kib < 1 << 10, "{figures:?}");
}

#[expect(clippy::print_stdout, reason = "figures for docs/reliability.md")]
fn show(text: &str) {
    println!("{text}");
}

struct Crowd {
    stopped: usize,
    running: usize,
    /// Whether to wait for what the daemon needs when nobody asks it for anything.
    idle: bool,
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown as a whole")]
struct Figures {
    /// The fastest: what else the machine does is no business of ours.
    list: Duration,
    /// The daemon's time on a processor for one list, on average.
    list_processor: Duration,
    first_start: Duration,
    last_start: Duration,
    stats_of_all: Duration,
    daemon_restart: Duration,
    daemon_kib: u64,
    /// After a minute without requests.
    idle_kib: Option<u64>,
    /// Mean of the monitors.
    monitor_kib: u64,
}

impl Crowd {
    fn measure(&self) -> Figures {
        let mut daemon = Daemon::with_registry();
        daemon.gantry("pull -q busybox").ok();
        let make = format!(
            "seq {} | xargs -P 8 -n 10 sh -c 'for i; do $GANTRY create --name s$i busybox true; done' - > /dev/null",
            self.stopped
        );
        daemon.script(&make, "").ok();
        let mut starts = Vec::new();
        for number in 0..self.running {
            let begin = Instant::now();
            daemon
                .gantry(&format!(
                    "run -d --name r{number} -m 16m --pids-limit 10 busybox sleep 1000"
                ))
                .ok();
            starts.push(begin.elapsed());
        }
        let socket = daemon.socket();
        let used = processor_time(&daemon);
        let list = fastest(LISTS, || {
            let answer = get(&socket, "/containers/json?all=1");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.200}");
        });
        let list_processor = processor_time(&daemon).saturating_sub(used) / LISTS;
        let begin = Instant::now();
        let shown = daemon
            .gantry("stats --no-stream --format '{{.PIDs}}'")
            .ok()
            .lines()
            .count();
        let stats_of_all = begin.elapsed();
        assert_eq!(shown, self.running);
        daemon.kill_9();
        let begin = Instant::now();
        daemon.run();
        let daemon_restart = begin.elapsed();
        assert_eq!(daemon.gantry("ps -q").ok().lines().count(), self.running);
        assert_eq!(
            daemon.gantry("ps -aq").ok().lines().count(),
            self.running + self.stopped
        );
        let daemon_kib = proportional_kib(&daemon, &daemon.pid().to_string());
        let idle_kib = self.idle.then(|| {
            std::thread::sleep(Duration::from_secs(60));
            proportional_kib(&daemon, &daemon.pid().to_string())
        });
        let monitors = "grep -l '^gantry-monitor$' /proc/[0-9]*/comm | cut -d/ -f3";
        let monitors = daemon.world.sh(monitors).ok().to_owned();
        let monitor_kib = proportional_kib(&daemon, &monitors) / self.running as u64;
        let few = self.running.min(20) / 2;
        Figures {
            list,
            list_processor,
            first_start: middle(&starts[..few]),
            last_start: middle(&starts[self.running - few..]),
            stats_of_all,
            daemon_restart,
            daemon_kib,
            idle_kib,
            monitor_kib,
        }
    }
}

/// The proportional set size of processes together.
fn proportional_kib(daemon: &Daemon, pids: &str) -> u64 {
    let pids = pids.replace('\n', " ");
    let sum = format!(
        "for p in {pids}; do cat /proc/$p/smaps_rollup; done | awk '/^Pss:/ {{s += $2}} END {{print s}}'"
    );
    daemon.world.sh(&sum).ok().parse().unwrap()
}

fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

fn fastest(times: u32, mut work: impl FnMut()) -> Duration {
    let measured = (0..times).map(|_| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    });
    measured.min().unwrap()
}

/// What the daemon has used of the processors; the kernel counts it in hundredths of a second.
fn processor_time(daemon: &Daemon) -> Duration {
    let stat = daemon
        .world
        .sh(&format!("cut -d' ' -f14,15 /proc/{}/stat", daemon.pid()));
    let ticks: u64 = stat
        .ok()
        .split(' ')
        .map(|n| n.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// A whole answer, on a connection of its own.
fn get(socket: &Path, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn sixty_four_clients_at_once() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run -d --name one busybox sleep 1000").ok();
    let socket = daemon.socket();
    std::thread::scope(|scope| {
        for client in 0..64 {
            let socket = &socket;
            scope.spawn(move || {
                for round in 0..20 {
                    let path = match (client + round) % 4 {
                        0 => "/containers/json?all=1",
                        1 => "/containers/one/json",
                        2 => "/info",
                        _ => "/containers/one/stats?stream=0&one-shot=1",
                    };
                    let answer = get(socket, path);
                    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer:.300}");
                }
            });
        }
    });
    assert_eq!(daemon.gantry("exec one echo fine").ok(), "fine");
}
