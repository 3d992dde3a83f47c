//! `logs`: what is shown of what was written.

use crate::harness::{Client, eventually, through_both};

through_both!(
    a_long_line_is_one_line,
    following_goes_through_rotations,
    a_span_of_time_is_found_in_a_large_log,
    streams_can_be_told_apart,
    a_reader_that_stops_reading_costs_nothing,
);

fn a_long_line_is_one_line(client: &Client) {
    let print = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo next";
    client.ok(&format!("run --name long busybox sh -c \"{print}\""));
    let expected = format!("{}\nnext", "x".repeat(40_000));
    assert_eq!(client.ok("logs long"), expected);
    // One stamp a line, not one a piece.
    let stamped = client.ok("logs -t long");
    assert_eq!(stamped.matches("Z ").count(), 2, "{stamped}");
    assert_eq!(client.ok("logs --tail 2 long"), expected);
    assert_eq!(client.ok("logs --tail 1 long"), "next");
}

fn following_goes_through_rotations(client: &Client) {
    let options = "--log-opt max-size=50k --log-opt max-file=100";
    let wait = "until [ -e /go ]; do sleep 0.01; done";
    client.ok(&format!(
        "run -d --name many {options} busybox sh -c '{wait}; seq 1 20000'"
    ));
    let script =
        "$C logs -f many > $PWD/out & $C exec many touch /go; wait; cat $PWD/out; rm $PWD/out";
    let folder = client.daemon.world.folder().display();
    let all = client.script(&format!("cd {folder}; {script}"), "");
    let expected: Vec<String> = (1..=20_000).map(|n| n.to_string()).collect();
    let shown: Vec<&str> = all.ok().lines().collect();
    let first = shown.iter().zip(&expected).position(|(a, b)| a != b);
    let around = first.map(|at| &shown[at.saturating_sub(2)..(at + 3).min(shown.len())]);
    assert!(
        first.is_none() && shown.len() == expected.len(),
        "{} lines of {}, the first wrong one among {around:?}",
        shown.len(),
        expected.len()
    );
}

fn a_span_of_time_is_found_in_a_large_log(client: &Client) {
    let options = "--log-opt max-size=1m --log-opt max-file=9";
    client.ok(&format!(
        "run --name large {options} busybox sh -c 'seq 1 30000; sleep 1.2; echo marker; sleep 1.2; seq 1 30000'"
    ));
    let stamped = client.ok("logs -t large");
    let stamp = stamped
        .lines()
        .find_map(|line| line.strip_suffix(" marker"))
        .unwrap();
    let span = format!("logs --since {stamp} --until {stamp} large");
    assert_eq!(client.ok(&span), "marker");
    assert_eq!(
        client
            .ok(&format!("logs --since {stamp} large"))
            .lines()
            .count(),
        30_001
    );
    assert_eq!(
        client
            .ok(&format!("logs --until {stamp} large"))
            .lines()
            .count(),
        30_001
    );
}

fn streams_can_be_told_apart(client: &Client) {
    client.ok("run --name both busybox sh -c 'echo out; echo err >&2'");
    let socket = client.daemon.socket();
    let get = |query: &str| {
        let url = format!("http://d/containers/both/logs?{query}");
        let curl = format!("curl -s --unix-socket {} '{url}'", socket.display());
        client.daemon.world.sh(&curl).stdout
    };
    assert_eq!(get("stdout=1"), "\u{1}\0\0\0\0\0\0\u{4}out\n");
    assert_eq!(get("stderr=1"), "\u{2}\0\0\0\0\0\0\u{4}err\n");
    assert!(get("").contains("Bad parameters: you must choose at least one stream"));
}

fn a_reader_that_stops_reading_costs_nothing(client: &Client) {
    client.ok("run -d --name writer busybox sh -c 'seq 1 400000; sleep 1000'");
    let last = || client.ok("logs --tail 1 writer");
    eventually("all is written", || last() == "400000");
    let memory = || {
        let pid = client.daemon.pid();
        let status = client
            .daemon
            .world
            .sh(&format!("grep VmRSS /proc/{pid}/status"));
        let kib: u64 = status
            .ok()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        kib
    };
    let before = memory();
    let mut readers: Vec<std::process::Child> = (0..8)
        .map(|_| {
            let mut command = client.command("bash");
            let script = format!("{} logs -f writer | sleep 1000", client.program());
            command.args(["-c", &script]).spawn().unwrap()
        })
        .collect();
    // The readers are there and stuck once another one has read everything.
    for _ in 0..3 {
        assert_eq!(client.ok("logs writer").lines().count(), 400_000);
    }
    let grown = memory().saturating_sub(before);
    for reader in &mut readers {
        let _ = reader.kill();
        let _ = reader.wait();
    }
    assert!(grown < 48 * 1024, "{grown} KiB more for 8 stuck readers");
    assert_eq!(last(), "400000");
}
