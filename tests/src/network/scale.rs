//! Crowds of containers, networks and ports: all found, nothing left over, and neither the rules
//! nor what a packet costs grow. The long form is `cargo xtask soak network::scale`.

use std::time::{Duration, Instant};

use crate::harness::{Daemon, Run, eventually};

struct Sizes {
    containers: usize,
    networks: usize,
    ports: usize,
}

#[test]
fn a_small_crowd() {
    crowd(&Sizes {
        containers: 30,
        networks: 8,
        ports: 100,
    });
}

#[test]
#[ignore = "minutes: cargo xtask soak network::scale"]
fn a_large_crowd() {
    crowd(&Sizes {
        containers: 300,
        networks: 50,
        ports: 1000,
    });
}

fn crowd(sizes: &Sizes) {
    let daemon = Daemon::with_registry();
    daemon.gantry("pull busybox").ok();
    // What is made once and stays: the default bridge, the table.
    daemon
        .gantry("network create --subnet 10.80.0.0/16 crowd")
        .ok();
    let web = "run -d --name web --network crowd -p 8080:80 busybox httpd -f -p 80 -h /etc";
    daemon.gantry(web).ok();
    let (rules, links) = (rules(&daemon), links(&daemon));
    let alone = connecting(&daemon);
    let begun = Instant::now();
    fill(&daemon, sizes);
    let filled = begun.elapsed();
    let found = Instant::now();
    all_are_found(&daemon, sizes);
    let found = found.elapsed();
    let among = connecting(&daemon);
    assert_eq!(self::rules(&daemon), rules, "rules do not grow");
    assert!(
        among < alone * 3 + Duration::from_millis(5),
        "a connection: {alone:?} alone, {among:?} in the crowd"
    );
    let begun = Instant::now();
    empty(&daemon, sizes);
    report(&format!(
        "{} containers, {} networks, {} ports: made in {filled:.1?}, found in {found:.1?}, removed in {:.1?}; {rules} rules; a connection {alone:.2?} alone, {among:.2?} among them",
        sizes.containers,
        sizes.networks,
        sizes.ports,
        begun.elapsed()
    ));
    eventually("interfaces are gone", || self::links(&daemon) == links);
    daemon.gantry("rm -f web").ok();
    daemon.gantry("network rm crowd").ok();
    nothing_is_left(&daemon);
}

fn fill(daemon: &Daemon, sizes: &Sizes) {
    let Sizes {
        containers,
        networks,
        ports,
    } = sizes;
    let last = 10_000 + ports - 1;
    let script = format!(
        r#"set -e
        seq {containers} | xargs -P 4 -I N "$GANTRY" run -d --name cN --network crowd --network-alias all busybox sleep 10000 >ids
        [ $(wc -l <ids) = {containers} ]
        "$GANTRY" run -d --name range -p 10000-{last}:10000-{last} busybox sleep 10000
        for n in $(seq {networks}); do
          "$GANTRY" network create net$n; "$GANTRY" network connect net$n c1
        done"#
    );
    in_folder(daemon, &script).ok();
}

fn all_are_found(daemon: &Daemon, sizes: &Sizes) {
    let each = format!(
        "exec web sh -c 'for n in $(seq {}); do ping -c 1 -W 30 c$n >/dev/null || echo c$n; done'",
        sizes.containers
    );
    assert_eq!(daemon.gantry(&each).ok(), "", "these were not reached");
    let ports = daemon.gantry("port range").ok().to_owned();
    let published = ports.lines().filter(|l| l.contains("0.0.0.0:")).count();
    assert_eq!(published, sizes.ports);
    let joined = daemon.gantry("exec c1 ls /sys/class/net").ok().to_owned();
    let joined = joined.lines().filter(|l| l.starts_with("eth")).count();
    assert_eq!(joined, sizes.networks + 1);
}

fn empty(daemon: &Daemon, sizes: &Sizes) {
    let Sizes {
        containers,
        networks,
        ..
    } = sizes;
    let script = format!(
        r#"set -e
        "$GANTRY" rm -f range $(seq -f c%g {containers})
        "$GANTRY" network rm $(seq -f net%g {networks})"#
    );
    in_folder(daemon, &script).ok();
}

fn nothing_is_left(daemon: &Daemon) {
    assert_eq!(daemon.gantry("ps -aq").ok(), "");
    let items = table(daemon);
    for set in items
        .iter()
        .filter_map(|item| item.get("map").or(item.get("set")))
    {
        let name = set["name"].as_str().unwrap();
        // The default bridge is there as long as the daemon.
        let few = set["elem"].as_array().map_or(0, Vec::len);
        assert!(few <= 1, "{name}: {set}");
    }
    let run = daemon.world.folder().join("run/containers");
    eventually("no container's folder is left", || {
        std::fs::read_dir(&run).map_or(0, Iterator::count) == 0
    });
}

/// What our table for IPv4 holds.
fn table(daemon: &Daemon) -> Vec<serde_json::Value> {
    let name = "$(nft list tables | sed -n 's/^table ip gantry/gantry/p')";
    let said = daemon.world.sh(&format!("nft -j list table ip {name}"));
    let said: serde_json::Value = serde_json::from_str(said.ok()).unwrap();
    said["nftables"].as_array().unwrap().clone()
}

/// Rules of our table, not what is in its sets.
fn rules(daemon: &Daemon) -> usize {
    let items = table(daemon);
    items
        .iter()
        .filter(|item| item.get("rule").is_some())
        .count()
}

fn links(daemon: &Daemon) -> usize {
    daemon.world.sh("ip -o link").ok().lines().count()
}

/// The median time of a new connection to the published port by a bridge's address.
fn connecting(daemon: &Daemon) -> Duration {
    let script = r#"
import socket, time
times = []
for _ in range(300):
    begun = time.perf_counter()
    with socket.create_connection(("172.17.0.1", 8080), 30) as s:
        times.append(time.perf_counter() - begun)
        s.sendall(b"GET /hosts HTTP/1.0\r\n\r\n")
        while s.recv(4096):
            pass
print(int(sorted(times)[150] * 1e6))
"#;
    let mut command = daemon.world.command("python3");
    command.args(["-c", script]);
    Duration::from_micros(Run::of(command).ok().parse().unwrap())
}

fn in_folder(daemon: &Daemon, script: &str) -> Run {
    let folder = daemon.world.folder().display().to_string();
    daemon.script(&format!("cd {folder}; {script}"), "")
}

#[expect(clippy::print_stdout, reason = "figures for who asks with --nocapture")]
fn report(text: &str) {
    println!("{text}");
}
