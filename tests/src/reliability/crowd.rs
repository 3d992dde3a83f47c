//! Many containers, and many clients.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::Daemon;

#[test]
fn lists_are_quick_with_many_containers() {
    let figures = Crowd {
        stopped: 150,
        running: 20,
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
    }
    .measure();
    show(&format!("{figures:#?}"));
    assert!(figures.list < Duration::from_millis(50), "{figures:?}");
    assert!(
        figures.last_start < figures.first_start * 2 + Duration::from_millis(20),
        "{figures:?}"
    );
}

#[expect(clippy::print_stdout, reason = "figures for docs/reliability.md")]
fn show(text: &str) {
    println!("{text}");
}

struct Crowd {
    stopped: usize,
    running: usize,
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown as a whole")]
struct Figures {
    list: Duration,
    first_start: Duration,
    last_start: Duration,
    stats_of_all: Duration,
    daemon_restart: Duration,
    daemon_kib: u64,
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
        let list = median(5, || {
            let answer = get(&socket, "/containers/json?all=1");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.200}");
        });
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
        let memory = format!(
            "awk '/^Pss:/ {{print $2}}' /proc/{}/smaps_rollup",
            daemon.pid()
        );
        let daemon_kib = daemon.world.sh(&memory).ok().parse().unwrap();
        let few = self.running.min(20) / 2;
        Figures {
            list,
            first_start: middle(&starts[..few]),
            last_start: middle(&starts[self.running - few..]),
            stats_of_all,
            daemon_restart,
            daemon_kib,
        }
    }
}

fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

fn median(times: usize, mut work: impl FnMut()) -> Duration {
    let measured: Vec<Duration> = (0..times)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed()
        })
        .collect();
    middle(&measured)
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
