//! What a monitor costs. Run by hand, on the program to be measured:
//! `GANTRY_RUNTIME_PROGRAM=... cargo test --release -p gantry-runtime-bin -- --ignored --nocapture`.

use std::time::Instant;

use gantry_monitor::protocol::{Reply, Request};

use crate::container::Container;
use crate::daemon::{Daemon, framed};

#[test]
#[ignore = "a measurement"]
fn memory_of_fifty_idle_monitors() {
    let containers: Vec<Container> = (0..50).map(|_| Container::of("sleep 1000")).collect();
    let daemons: Vec<Daemon> = containers.iter().map(Daemon::started).collect();
    // Idle for long enough to have given memory back.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let kib: u64 = daemons
        .iter()
        .map(|daemon| proportional_kib(daemon.monitor_pid()))
        .sum();
    println!("{} KiB of memory (PSS) per monitor", kib / 50);
    let rollup = format!("/proc/{}/smaps_rollup", daemons[0].monitor_pid());
    println!("{}", std::fs::read_to_string(rollup).unwrap());
}

fn proportional_kib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn time_from_launch_to_exit() {
    let container = Container::running(&["true"]);
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let mut daemon = Daemon::launched(&container);
        let launched = began.elapsed();
        daemon.start();
        let started = began.elapsed();
        daemon.exit();
        let exited = began.elapsed();
        daemon.dismiss();
        times.push((exited, started, launched, began.elapsed()));
    }
    times.sort();
    let (exited, started, launched, over) = times[25];
    println!("launched {launched:?}, started {started:?}, exited {exited:?}, over {over:?}");
}

#[test]
#[ignore = "a measurement"]
fn a_million_lines() {
    let line = "2026-01-02 INFO handled GET /index.html in 12 ms for 192.0.2.1, user agent curl";
    let script = format!("while echo '{line}'; do :; done | busybox head -n 1000000 >/tmp/lines");
    for attached in [false, true] {
        let container = Container::of(&format!("{script}; echo ready; read x; cat /tmp/lines"))
            .with_log(0, 1)
            .with_stdin(true);
        let mut daemon = Daemon::started(&container);
        while container.log().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let began = Instant::now();
        let mut client = daemon.attach(framed(true));
        client.send("go\n");
        if attached {
            client.rest();
        } else {
            client.0.shutdown(std::net::Shutdown::Both).unwrap();
        }
        daemon.exit();
        println!(
            "attached: {attached}, a million lines in {:?}",
            began.elapsed()
        );
        assert_eq!(container.log().len(), 1_000_001);
    }
}

#[test]
#[ignore = "a measurement"]
fn time_of_an_exec() {
    let container = Container::of("sleep 1000");
    let mut daemon = Daemon::started(&container);
    let mut times = Vec::new();
    for n in 0..50 {
        let exec = crate::execs::exec_of(&n.to_string(), &["true"]);
        let began = Instant::now();
        let reply = daemon.call(Request::Exec(Box::new(exec)), &[]).unwrap();
        assert!(matches!(reply, Reply::ExecStarted { .. }));
        let started = began.elapsed();
        daemon.event();
        times.push((began.elapsed(), started));
    }
    times.sort();
    println!("exec started {:?}, exited {:?}", times[25].1, times[25].0);
}
