//! One application of four real images, nginx, redis, postgres and a program in Python, wired by
//! names, with its data in named volumes: made by hand and by compose, and what it survives.

mod by_compose;
mod by_hand;

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::Daemon;

/// The program: counts in the cache and in the database, and says both.
const APP: &str = include_str!("app.py");
/// The proxy before it, with a folder of files of its own.
const PROXY: &str = "events {} http { server { listen 80; root /site; location = / { proxy_pass http://app:8000; } location / {} } }";
/// Where the proxy is published.
const URL: &str = "http://127.0.0.1:8080";

/// Writes the program and the proxy's configuration into a folder of the world.
fn files(daemon: &Daemon) -> std::path::PathBuf {
    let folder = daemon.world.folder().join("shop");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("app.py"), APP).unwrap();
    fs::write(folder.join("nginx.conf"), PROXY).unwrap();
    folder
}

/// Asks for a page until it is there: a database is made first, on a machine that may be busy.
#[track_caller]
fn page(daemon: &Daemon, path: &str) -> String {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let said = daemon
            .world
            .sh(&format!("curl -fsS --max-time 10 {URL}{path}"));
        if said.code == 0 {
            return said.stdout;
        }
        if Instant::now() > until {
            let logs =
                "for c in $($GANTRY ps -aq); do $GANTRY logs -n 5 $c 2>&1; done; $GANTRY ps -a";
            panic!(
                "no page: {}\n{}",
                said.stderr,
                daemon.script(logs, "").stdout
            );
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the program said: how often it was asked as the cache has it, and as the database has it.
#[track_caller]
fn counts(daemon: &Daemon) -> (u32, u32) {
    let said = page(daemon, "/");
    let numbers: Vec<u32> = said
        .split_whitespace()
        .filter_map(|w| w.parse().ok())
        .collect();
    assert_eq!(numbers.len(), 2, "{said}");
    (numbers[0], numbers[1])
}
