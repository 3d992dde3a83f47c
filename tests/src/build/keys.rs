//! What our command line brings to a build by itself: agents for keys, Dockerfiles from addresses.

use std::fs;

use super::{context, script};
use crate::harness::{Client, eventually};

#[test]
fn keys_get_an_agent_for_the_time_of_the_build() {
    let client = Client::gantry();
    // Asks for the agent's keys: a length, and the number of the question; the answer has their number.
    let ask = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); \
               s.sendall(bytes([0, 0, 0, 1, 11])); a = s.recv(999); print('keys', a[8], b'me@here' in a)";
    let file = format!("FROM python\nRUN --mount=type=ssh,id=own python3 -c \"{ask}\"\n");
    let at = context(&client, &file);
    let at = at.display();
    let made =
        format!("ssh-keygen -q -t ed25519 -N '' -C me@here -f {at}/../key; chmod 644 {at}/../key");
    client.daemon.world.sh(&made).ok();
    let built = script(
        &client,
        &format!("$C build --ssh own={at}/../key {at} 2>&1"),
    );
    assert!(built.ok().contains("keys 1 True"), "{}", built.stdout);
    fs::write(format!("{at}/../bad"), "no key").unwrap();
    let bad = script(
        &client,
        &format!("$C build --ssh own={at}/../bad {at} 2>&1"),
    );
    assert!(
        bad.code != 0 && bad.stdout.contains("bad cannot be used"),
        "{}",
        bad.stdout
    );
    let bare = script(
        &client,
        &format!(
            "ln -s $GANTRY {at}/../gantry; PATH=/none {at}/../gantry build --ssh own={at}/../key {at} 2>&1"
        ),
    );
    assert!(
        bare.code != 0 && bare.stdout.contains("OpenSSH's ssh-agent"),
        "{}",
        bare.stdout
    );
    // None of them is left.
    let left = client.daemon.world.sh("pgrep -c ssh-agent; true");
    assert_eq!(left.stdout.trim(), "0");
}

#[test]
fn a_dockerfile_comes_from_an_address() {
    let client = Client::gantry();
    let at = context(&client, "FROM nothing-of-this-name\n");
    let served = at.parent().unwrap().join("served");
    fs::create_dir_all(&served).unwrap();
    fs::write(served.join("Other"), "FROM busybox\nCOPY src/a.txt /a\n").unwrap();
    let mut server = client.daemon.world.command("python3");
    server.args(["-m", "http.server", "5003", "--bind", "127.0.0.1"]);
    server.arg("--directory").arg(&served);
    server.stdout(std::process::Stdio::null());
    server.stderr(std::process::Stdio::null());
    // It ends with its world, whose first process reaps it.
    #[expect(clippy::zombie_processes, reason = "nothing of this process waits")]
    let _serving = server.spawn().unwrap();
    eventually("files are served", || {
        client
            .daemon
            .world
            .sh("exec 3<>/dev/tcp/127.0.0.1/5003")
            .code
            == 0
    });
    let at = at.display();
    let address = "http://127.0.0.1:5003";
    script(&client, &format!("$C build -t far -f {address}/Other {at}")).ok();
    assert_eq!(client.ok("run --rm far cat /a"), "content");
    let missing = script(&client, &format!("$C build -f {address}/None {at} 2>&1"));
    assert!(
        missing.code != 0 && missing.stdout.contains("404"),
        "{}",
        missing.stdout
    );
}
