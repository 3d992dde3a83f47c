//! Bodies that are no JSON, are the wrong JSON, or never end, to whatever takes one.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::harness::{Daemon, PATIENCE};

const PATHS: &[&str] = &[
    "/containers/create",
    "/containers/one/exec",
    "/containers/one/update",
    "/containers/one/attach",
    "/containers/one/resize?h=a&w=b",
    "/containers/one/wait?condition=nonsense",
    "/containers/one/stop?t=nonsense",
    "/containers/one/kill?signal=NONSENSE",
    "/containers/one/rename?name=",
    "/containers/prune?filters=[",
    "/exec/nonesuch/start",
    "/networks/create",
    "/networks/bridge/connect",
    "/volumes/create",
    "/secrets/create",
    "/commit?container=one",
    "/images/create?fromImage=%00",
    "/images/load",
    "/auth",
];

fn bodies() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "{",
        "null",
        "[]",
        "\"x\"",
        "1e999",
        "{\"Image\":{\"a\":1}}",
        "{\"Image\":\"busybox\",\"Cmd\":[null]}",
        "{\"HostConfig\":{\"Memory\":99999999999999999999999}}",
        "{\"HostConfig\":{\"Binds\":[\"\\u0000:/x\"]},\"Image\":\"busybox\"}",
        "{\"HostConfig\":{\"PortBindings\":{\"99999/tcp\":[{\"HostPort\":\"-1\"}]}},\"Image\":\"busybox\"}",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(vec![0xff, 0xfe, 0]);
    // A parser that calls itself for each of these would leave its stack.
    all.push(b"{\"a\":".repeat(5_000));
    all.push(vec![b'['; 100_000]);
    all
}

/// The answer's status; 0 if the daemon closed the connection before it had read everything.
fn status(daemon: &Daemon, path: &str, body: &[u8]) -> u32 {
    let mut stream = UnixStream::connect(daemon.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
    let mut answer = vec![0; 12];
    if sent.is_err() || stream.read_exact(&mut answer).is_err() {
        return 0;
    }
    let answer = String::from_utf8(answer).unwrap();
    answer.strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
}

#[test]
fn no_body_is_too_much() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run -d --name one busybox sleep 1000").ok();
    let bodies = bodies();
    for path in PATHS {
        for body in &bodies {
            let status = status(&daemon, path, body);
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
            // 101 and 2xx where nothing in the body matters; 503 is the registry's answer.
            let told = matches!(status, 0 | 101 | 200..=499 | 503);
            assert!(told, "{path} answers {status} to {shown}");
        }
    }
    assert_eq!(daemon.gantry("exec one echo fine").ok(), "fine");
    assert!(
        !daemon.log_text().contains("panicked"),
        "{}",
        daemon.log_text()
    );
}
