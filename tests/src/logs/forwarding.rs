//! Drivers that send logs away.

use std::io::Write;

use serde_json::Value;

use super::collector::{lines, next_datagram, next_line, read_until, tcp, udp, unix};
use crate::harness::{Daemon, PATIENCE, eventually};

const BOTH: &str = "sh -c 'echo one; echo two >&2'";

#[test]
fn syslog_over_udp() {
    let daemon = Daemon::with_registry();
    let socket = udp(&daemon.world, 5514);
    let options = "--log-driver syslog --log-opt syslog-address=udp://127.0.0.1:5514 \
                   --log-opt tag={{.Name}} --log-opt syslog-facility=local3 \
                   --log-opt syslog-format=rfc5424micro";
    daemon
        .docker(&format!("run --rm --name web {options} busybox {BOTH}"))
        .ok();
    let mut messages: Vec<String> = (0..2)
        .map(|_| String::from_utf8(next_datagram(|b| socket.recv(b))).unwrap())
        .collect();
    messages.sort();
    assert!(messages[0].starts_with("<155>1 20"), "{}", messages[0]);
    assert!(messages[0].ends_with(" web - two\n"), "{}", messages[0]);
    assert!(messages[1].starts_with("<158>1 20"), "{}", messages[1]);
    assert!(messages[1].ends_with(" web - one\n"), "{}", messages[1]);
}

#[test]
fn syslog_over_a_unix_socket() {
    let daemon = Daemon::with_registry();
    let path = daemon.world.folder().join("log");
    let socket = unix(&path);
    let options = format!(
        "--log-driver syslog --log-opt syslog-address=unixgram://{}",
        path.display()
    );
    let id = daemon
        .docker(&format!("run -d {options} busybox echo hello"))
        .ok()
        .to_owned();
    let message = String::from_utf8(next_datagram(|b| socket.recv(b))).unwrap();
    assert!(message.starts_with("<30>"), "{message}");
    assert!(message.contains(&format!(" {}[", &id[..12])), "{message}");
    assert!(message.ends_with("]: hello\n"), "{message}");
}

#[test]
fn journald_gets_fields() {
    let mut daemon = Daemon::with_registry();
    daemon.stop();
    let folder = daemon.world.folder().join("journal");
    std::fs::create_dir(&folder).unwrap();
    let script = format!(
        "mount -t tmpfs run /run; mkdir -p /run/systemd/journal; \
         mount --bind {} /run/systemd/journal",
        folder.display()
    );
    daemon.world.sh(&script).ok();
    let socket = unix(&folder.join("socket"));
    daemon.run();
    let options = "--log-driver journald --log-opt labels=a.b --label a.b=c";
    daemon
        .docker(&format!("run --name web {options} busybox echo hello"))
        .ok();
    let message = String::from_utf8(next_datagram(|b| socket.recv(b))).unwrap();
    for field in [
        "MESSAGE=hello\n",
        "PRIORITY=6\n",
        "CONTAINER_NAME=web\n",
        "IMAGE_NAME=busybox\n",
        "A_B=c\n",
    ] {
        assert!(message.contains(field), "{field} in {message}");
    }
    assert_eq!(daemon.docker("logs web").ok(), "hello");
}

#[test]
fn gelf_over_tcp_and_udp() {
    let daemon = Daemon::with_registry();
    let listener = tcp(&daemon.world, 5515);
    let options = "--log-driver gelf --log-opt gelf-address=tcp://127.0.0.1:5515";
    daemon
        .docker(&format!("run -d --name web {options} busybox {BOTH}"))
        .ok();
    let bytes = read_until(&listener, |all| all.split(|byte| *byte == 0).count() == 3);
    let mut texts: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .filter(|json| !json.is_empty())
        .map(|json| {
            let json: Value = serde_json::from_slice(json).unwrap();
            assert_eq!(json["_container_name"], "web");
            assert_eq!(json["version"], "1.1");
            format!("{} {}", json["level"], json["short_message"])
        })
        .collect();
    texts.sort();
    assert_eq!(texts, ["3 \"two\"", "6 \"one\""]);

    let socket = udp(&daemon.world, 5516);
    let options = "--log-driver gelf --log-opt gelf-address=udp://127.0.0.1:5516";
    daemon
        .docker(&format!("run -d {options} busybox echo hello"))
        .ok();
    let datagram = next_datagram(|b| socket.recv(b));
    assert_eq!(datagram[..2], [0x1F, 0x8B], "it is gzip");
}

#[test]
fn fluentd_confirms_what_it_has() {
    let daemon = Daemon::with_registry();
    let listener = tcp(&daemon.world, 24224);
    let options = "--log-driver fluentd --log-opt fluentd-request-ack=true";
    daemon
        .docker(&format!("run -d --name web {options} busybox echo hello"))
        .ok();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    while !contains(&all, b"chunk\xD9\x40") || all.len() < 64 {
        let part = next_datagram(|b| std::io::Read::read(&mut stream, b));
        all.extend_from_slice(&part);
    }
    assert_eq!(all[0], 0x93, "a list of tag, entries, options");
    assert!(contains(&all, b"\xA3log\xA5hello"));
    assert!(contains(&all, b"\xAEcontainer_name\xA4/web"));
    let chunk = all[all.len() - 64..].to_vec();
    stream.write_all(b"\x81\xA3ack\xD9\x40").unwrap();
    stream.write_all(&chunk).unwrap();
    // What is confirmed is not sent again by another daemon.
    let sent = daemon.world.folder().join("data/containers");
    eventually("it is written down", || {
        let find = format!("find {} -name '*.sent'", sent.display());
        daemon.world.sh(&find).stdout.contains("container.log.sent")
    });
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn nothing_is_lost_while_the_collector_and_the_daemon_are_dead() {
    let mut daemon = Daemon::with_registry();
    let options = "--log-driver syslog --log-opt syslog-address=tcp://127.0.0.1:5514";
    let folder = daemon.world.folder().join("shared");
    std::fs::create_dir(&folder).unwrap();
    let program = "sh -c 'seq 1 100; until [ -e /shared/go ]; do sleep 0.01; done; \
                   seq 101 200; sleep 1000'";
    let mount = format!("-v {}:/shared", folder.display());
    daemon
        .docker(&format!(
            "run -d --name web {mount} {options} busybox {program}"
        ))
        .ok();
    // Nobody listens yet.
    eventually("it waits", || {
        daemon.docker("logs web").ok().ends_with("100")
    });
    let incoming = lines(tcp(&daemon.world, 5514));
    for n in 1..=100 {
        assert!(next_line(&incoming).ends_with(&format!("]: {n}")));
    }
    let state = daemon.world.folder().join("data/containers");
    let saved = || {
        let cat = format!("cat {}/*/local-logs/container.log.sent", state.display());
        daemon.world.sh(&cat).stdout
    };
    eventually("the collector has all, and that is written down", || {
        let size = format!("stat -c %s {}/*/local-logs/container.log", state.display());
        let size = daemon.world.sh(&size).ok().to_owned();
        saved().contains(&format!("\"offset\":{size}"))
    });
    daemon.kill_9();
    // The container goes on without the daemon.
    std::fs::write(folder.join("go"), "").unwrap();
    daemon.run();
    for n in 101..=200 {
        let line = next_line(&incoming);
        assert!(line.ends_with(&format!("]: {n}")), "{n}: {line}");
    }
}

#[test]
fn a_container_with_a_dead_collector_can_be_removed() {
    let daemon = Daemon::with_registry();
    let options = "--log-driver fluentd --log-opt fluentd-address=127.0.0.1:1";
    daemon
        .docker(&format!("run -d --name web {options} busybox sleep 1000"))
        .ok();
    daemon.docker("rm -f web").ok();
    daemon
        .docker(&format!("run --rm {options} busybox echo hello"))
        .ok();
    assert_eq!(daemon.docker("ps -aq").ok(), "");
}
