//! Attaching by websocket, spoken by hand: RFC 6455 needs little.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::harness::{Daemon, PATIENCE, eventually};

struct Socket(UnixStream);

impl Socket {
    fn open(daemon: &Daemon, path: &str) -> Self {
        let mut stream = UnixStream::connect(daemon.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        // The key above and its answer are RFC 6455's own example.
        assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        Self(stream)
    }

    fn send(&mut self, text: &[u8]) {
        let mut frame = vec![0x82, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(text);
        self.0.write_all(&frame).unwrap();
    }

    /// The next message's kind and content.
    fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        assert!(head[1] < 126, "short messages only");
        let mut content = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut content).unwrap();
        (head[0], content)
    }
}

#[test]
fn bytes_go_both_ways_without_frames_of_ours() {
    let daemon = Daemon::with_registry();
    daemon
        .docker(
            "run -di --name echoes busybox sh -c 'echo before; while read x; do echo got $x; done'",
        )
        .ok();
    eventually("it is past what it says first", || {
        daemon.docker("logs echoes").stdout == "before\n"
    });
    let path = "/v1.51/containers/echoes/attach/ws?stream=1&stdin=1&stdout=1&stderr=1";
    let mut socket = Socket::open(&daemon, path);
    socket.send(b"hello\n");
    assert_eq!(socket.receive(), (0x82, b"got hello\n".to_vec()));
    daemon.docker("kill echoes").ok();
    assert_eq!(socket.receive().0, 0x88, "closed with the container");
}

#[test]
fn what_was_said_before_comes_first_if_asked_for() {
    let daemon = Daemon::with_registry();
    daemon.docker("run --name said busybox echo before").ok();
    let path = "/v1.27/containers/said/attach/ws?logs=1&stdout=1";
    let mut socket = Socket::open(&daemon, path);
    assert_eq!(socket.receive(), (0x81, b"before\n".to_vec()));
    assert_eq!(socket.receive().0, 0x88);
}

#[test]
fn what_is_no_websocket_or_no_container_is_refused() {
    let daemon = Daemon::with_registry();
    daemon.docker("create --name there busybox").ok();
    let get = |path: &str| {
        let socket = daemon.socket();
        let url = format!("http://d{path}");
        let curl = format!(
            "curl -s -w ' %{{http_code}}' --unix-socket {} '{url}'",
            socket.display()
        );
        daemon.world.sh(&curl).stdout
    };
    assert!(get("/containers/there/attach/ws").ends_with(" 400"));
    assert!(get("/containers/nobody/attach/ws").ends_with(" 404"));
}
