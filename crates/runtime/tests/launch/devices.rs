//! /dev.

use crate::fixture::Fixture;
use gantry_oci::Device;

#[test]
fn the_default_devices_work() {
    let fixture = Fixture::shell(
        "cd /dev; echo x > null && head -c 3 zero | od -An -tx1 && head -c 1 urandom | wc -c; \
         stat -c '%n %a %t:%T' full null random tty urandom zero",
    );
    assert_eq!(
        fixture.run().text(),
        " 00 00 00\n1\nfull 666 1:7\nnull 666 1:3\nrandom 666 1:8\ntty 666 5:0\n\
         urandom 666 1:9\nzero 666 1:5"
    );
}

#[test]
fn the_links_lead_to_proc() {
    let fixture =
        Fixture::shell("cd /dev; for l in fd stdin stdout stderr ptmx; do readlink $l; done");
    assert_eq!(
        fixture.run().text(),
        "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx"
    );
    let streams = Fixture::shell("echo hi > /dev/stdout; echo ho > /dev/stderr").run();
    assert_eq!(
        (streams.stdout.as_str(), streams.stderr.as_str()),
        ("hi\n", "ho\n")
    );
}

#[test]
fn further_devices_are_made_with_owner_and_mode() {
    let mut fixture =
        Fixture::shell("stat -c '%F %a %u:%g %t:%T' /dev/net/tun /dev/disk /dev/pipe");
    let device = |path: &str, kind: &str, mode| Device {
        path: path.into(),
        kind: kind.into(),
        major: 10,
        minor: 200,
        file_mode: Some(mode),
        uid: Some(7),
        gid: Some(8),
    };
    fixture.linux().devices = vec![
        device("/dev/net/tun", "c", 0o640),
        device("/dev/disk", "b", 0o4601),
        device("/dev/pipe", "p", 0o622),
    ];
    let text = fixture.run().text();
    assert_eq!(
        text,
        "character special file 640 7:8 a:c8\nblock special file 601 7:8 a:c8\nfifo 622 7:8 0:0",
        "{text}"
    );
}

#[test]
fn shared_memory_and_message_queues_are_there() {
    let fixture = Fixture::shell(
        "echo x > /dev/shm/file && df -k /dev/shm | grep -c 65536; touch /dev/mqueue/queue && \
         cat /dev/mqueue/queue | grep -c QSIZE; stat -c %a /dev/shm",
    );
    assert_eq!(fixture.run().text(), "1\n1\n1777");
}
