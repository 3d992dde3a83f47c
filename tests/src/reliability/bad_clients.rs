//! Clients that stop reading, never finish a request, or vanish.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::harness::{Daemon, PATIENCE, eventually};

fn send(daemon: &Daemon, request: &str) -> UnixStream {
    let mut stream = UnixStream::connect(daemon.socket()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Writes far more than sockets and pipes hold.
const TALKS: &str = "busybox sh -c 'i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero | tr \"\\0\" x; echo; i=$((i+1)); done'";

#[test]
fn a_log_reader_that_does_not_read_holds_nobody_up() {
    let daemon = Daemon::with_registry();
    daemon.gantry("pull -q busybox").ok();
    daemon.gantry(&format!("create --name talks {TALKS}")).ok();
    let follow = "GET /containers/talks/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n";
    let readers: Vec<UnixStream> = (0..8).map(|_| send(&daemon, follow)).collect();
    let begin = Instant::now();
    daemon.gantry("start talks").ok();
    assert_eq!(daemon.gantry("wait talks").ok(), "0");
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    drop(readers);
    assert_eq!(daemon.gantry("logs talks").stdout.len(), 40 * 100_001);
    daemon.gantry("rm talks").ok();
}

#[test]
fn an_attached_client_that_does_not_read_is_given_up() {
    let daemon = Daemon::with_registry();
    daemon.gantry("pull -q busybox").ok();
    daemon.gantry(&format!("create --name talks {TALKS}")).ok();
    let attach = "POST /containers/talks/attach?stream=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n";
    let mut stream = send(&daemon, attach);
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    daemon.gantry("start talks").ok();
    // Ten seconds of patience, then it goes on without that client.
    let begin = Instant::now();
    assert_eq!(daemon.gantry("wait talks").ok(), "0");
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    assert_eq!(daemon.gantry("logs talks").stdout.len(), 40 * 100_001);
}

#[test]
fn half_open_connections_cost_little_and_go() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run -d --name one busybox sleep 1000").ok();
    let descriptors = || -> usize {
        let count = format!("ls /proc/{}/fd | wc -l", daemon.pid());
        daemon.world.sh(&count).ok().parse().unwrap()
    };
    let before = descriptors();
    let mut open: Vec<UnixStream> = Vec::new();
    for number in 0..300 {
        open.push(send(
            &daemon,
            match number % 3 {
                0 => "",
                1 => "GET /containers/json HTTP/1.1\r\nHost:",
                _ => "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
            },
        ));
    }
    eventually("all are accepted", || descriptors() >= before + 300);
    assert_eq!(daemon.gantry("exec one echo fine").ok(), "fine");
    drop(open);
    eventually("all are gone", || descriptors() < before + 20);
    // Streams without an end go with their clients too.
    let endless = [
        "/events",
        "/containers/one/stats",
        "/containers/one/logs?follow=1&stdout=1",
    ];
    let open: Vec<UnixStream> = (0..90)
        .map(|number| {
            send(
                &daemon,
                &format!("GET {} HTTP/1.1\r\nHost: d\r\n\r\n", endless[number % 3]),
            )
        })
        .collect();
    eventually("all are accepted", || descriptors() >= before + 90);
    drop(open);
    eventually("all are gone", || descriptors() < before + 20);
}
