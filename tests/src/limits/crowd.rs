//! Many containers at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::harness::Daemon;

#[test]
fn fifty_run_and_the_last_starts_as_fast_as_the_first() {
    let daemon = Daemon::with_registry();
    daemon.gantry("pull -q busybox").ok();
    // Other tests begin and end beside this one: what grows with the number shows every time.
    let tries: Vec<(Duration, Duration)> = (0..3)
        .map_while(|_| {
            let (first, last) = start_fifty(&daemon);
            daemon.script("$GANTRY rm -f $($GANTRY ps -q)", "").ok();
            (last >= first * 3 + Duration::from_millis(100)).then_some((first, last))
        })
        .collect();
    assert!(tries.len() < 3, "{tries:?}");
}

/// How long the first and how long the last of them take to start.
fn start_fifty(daemon: &Daemon) -> (Duration, Duration) {
    let next = AtomicU32::new(0);
    let times = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= 50 {
                        break;
                    }
                    let start = Instant::now();
                    daemon
                        .gantry(&format!("run -d --name c{number} busybox sleep 1000"))
                        .ok();
                    times.lock().unwrap().push((number, start.elapsed()));
                }
            });
        }
    });
    assert_eq!(daemon.gantry("ps -q").ok().lines().count(), 50);
    let addresses = daemon.script(
        "$GANTRY inspect -f '{{.NetworkSettings.IPAddress}}' $($GANTRY ps -q) | sort -u | wc -l",
        "",
    );
    assert_eq!(addresses.ok(), "50");
    let mut times = times.into_inner().unwrap();
    times.sort_unstable();
    let median = |part: &[(u32, Duration)]| {
        let mut part: Vec<Duration> = part.iter().map(|(_, time)| *time).collect();
        part.sort_unstable();
        part[part.len() / 2]
    };
    (median(&times[..16]), median(&times[34..]))
}
