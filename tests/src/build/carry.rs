//! Caches of RUN, carried from machine to machine.

use super::{context, script};
use crate::harness::Client;

#[test]
fn a_cache_of_run_travels_as_an_archive() {
    let client = Client::gantry();
    let file = "FROM busybox\nARG N\n\
        RUN --mount=type=cache,target=/root/.cache/pip \
            cp -a /root/.cache/pip /was; echo $N >> /root/.cache/pip/n; chown 7:8 /root/.cache/pip/n\n\
        RUN --mount=type=cache,id=own,sharing=private,target=/p touch /p/x\n";
    let at = context(&client, file);
    let at = at.display();
    let build = |n: u32| {
        let command = format!("$C build -q -t n{n} --build-arg N={n} {at} 2>&1");
        script(&client, &command).ok();
    };
    build(1);
    let listed = client.ok("builder cache-mount ls");
    assert!(
        listed.contains("/root/.cache/pip") && listed.contains("private 0"),
        "{listed}"
    );
    let archive = format!("{at}/../pip.tar");
    client.ok(&format!(
        "builder cache-mount export -o {archive} /root/.cache/pip"
    ));
    // As on a machine that has never built.
    client.ok("builder prune -af");
    assert_eq!(client.ok("builder cache-mount ls -q"), "");
    let missing = client.run("builder cache-mount export /root/.cache/pip");
    assert!(
        missing.code != 0 && missing.stderr.contains("no such cache mount"),
        "{}",
        missing.stderr
    );
    client
        .script(
            &format!("$C builder cache-mount import /root/.cache/pip < {archive}"),
            "",
        )
        .ok();
    build(2);
    let seen = client.ok("run --rm n2 sh -c 'cat /was/n; stat -c \"%u %g\" /was/n'");
    assert_eq!(seen, "1\n7 8");
    // What is imported takes the place of what was there; a broken archive does not.
    let broken = client.script("echo no | $C builder cache-mount import own", "");
    assert_ne!(broken.code, 0);
    client.ok("builder cache-mount rm own");
    client.ok(&format!(
        "builder cache-mount import -i {archive} /root/.cache/pip"
    ));
    build(3);
    assert_eq!(client.ok("run --rm n3 cat /was/n"), "1");
    assert_eq!(
        client.ok("builder cache-mount ls -q"),
        "/root/.cache/pip\nown"
    );
}
