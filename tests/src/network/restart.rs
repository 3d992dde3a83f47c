//! Users' networks while daemons come and go.

use std::process::Stdio;

use crate::harness::{Daemon, eventually};

#[test]
fn networks_and_names_survive_the_daemon() {
    let mut daemon = Daemon::with_registry();
    let ok = |daemon: &Daemon, args: &str| daemon.gantry(args).ok().to_owned();
    ok(&daemon, "network create --subnet 10.77.0.0/24 net");
    ok(&daemon, "network create spare");
    ok(
        &daemon,
        "run -d --name one --network net busybox sleep 1000",
    );
    ok(
        &daemon,
        "run -d --name two --network net --network-alias second busybox sleep 1000",
    );
    ok(&daemon, "exec one ping -c 1 -W 30 second");
    let address = "inspect -f '{{.NetworkSettings.Networks.net.IPAddress}}'";
    let before = [
        ok(&daemon, &format!("{address} one")),
        ok(&daemon, &format!("{address} two")),
    ];
    let networks = ok(&daemon, "network ls --no-trunc");
    daemon.kill_9();
    daemon.run();
    let after = [
        ok(&daemon, &format!("{address} one")),
        ok(&daemon, &format!("{address} two")),
    ];
    assert_eq!(after, before);
    let user = |text: &str| -> Vec<String> {
        let own = text
            .lines()
            .filter(|l| l.contains("net") || l.contains("spare"));
        own.map(str::to_owned).collect()
    };
    assert_eq!(user(&ok(&daemon, "network ls --no-trunc")), user(&networks));
    ok(&daemon, "exec one ping -c 1 -W 30 second");
    // No address is given twice.
    ok(
        &daemon,
        "run -d --name three --network net busybox sleep 1000",
    );
    assert!(!before.contains(&ok(&daemon, &format!("{address} three"))));
    ok(&daemon, "exec three ping -c 1 -W 30 one");
    daemon
        .gantry("network rm net")
        .exits(1)
        .says("has active endpoints");
    ok(&daemon, "rm -f one two three");
    ok(&daemon, "network rm net spare");
}

#[test]
fn a_question_asked_while_no_daemon_is_there_is_answered_late() {
    let mut daemon = Daemon::with_registry();
    daemon.gantry("network create net").ok();
    daemon
        .gantry("run -d --name one --network net busybox sleep 1000")
        .ok();
    daemon
        .gantry("run -d --name two --network net busybox sleep 1000")
        .ok();
    let pid = daemon
        .gantry("inspect -f '{{.State.Pid}}' one")
        .ok()
        .to_owned();
    daemon.kill_9();
    // The question goes out now: asked by a program in the container's namespace.
    let script = r#"
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(90)
s.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3two\0\0\1\0\1", ("127.0.0.11", 53))
print("asked", flush=True)
a = s.recv(512)
print(a[:2].hex(), a[-4], flush=True)
"#;
    let mut command = daemon.world.command("nsenter");
    command.args(["-t", &pid, "-n", "python3", "-c", script]);
    command.stdout(Stdio::piped());
    let mut asking = command.spawn().unwrap();
    let mut output = asking.stdout.take().unwrap();
    let mut first = [0; 6];
    std::io::Read::read_exact(&mut output, &mut first).unwrap();
    assert_eq!(&first, b"asked\n");
    daemon.run();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut output, &mut rest).unwrap();
    assert!(asking.wait().unwrap().success());
    assert_eq!(rest.trim(), "1234 172");
    // And so are all after it.
    eventually("names are served again", || {
        daemon.gantry("exec one ping -c 1 -W 30 two").code == 0
    });
}

/// Interfaces are deleted a moment after their network went: a daemon that is killed in between
/// leaves them, and its successor deletes them.
#[test]
fn a_killed_daemon_leaves_no_interfaces_for_good() {
    let mut daemon = Daemon::with_registry();
    daemon.gantry("run -d --name box busybox sleep 1000").ok();
    let links = |daemon: &Daemon| daemon.world.sh("ip -br link | cut -d@ -f1").ok().to_owned();
    let before = links(&daemon);
    let inside = "exec box ls /sys/class/net";
    for turn in 0..6 {
        let steps = [
            "network create -o com.docker.network.bridge.name=shop0 --subnet 10.77.0.0/24 net",
            "network connect net box",
            "network disconnect net box",
            "network rm net",
        ];
        for step in steps {
            daemon.gantry(step).ok();
        }
        // The name and the subnet are free although nothing was waited for.
        daemon.gantry(steps[0]).ok();
        daemon.gantry(steps[1]).ok();
        if turn % 2 == 0 {
            daemon.gantry(steps[2]).ok();
            daemon.gantry(steps[3]).ok();
            daemon.kill_9();
            daemon.run();
        } else {
            daemon.kill_9();
            daemon.run();
            daemon.gantry(steps[2]).ok();
            daemon.gantry(steps[3]).ok();
        }
        eventually("interfaces are gone", || links(&daemon) == before);
        eventually("the container's too", || {
            daemon.gantry(inside).ok() == "eth0\nlo"
        });
    }
    daemon.gantry("exec box ping -c 1 -W 30 172.17.0.1").ok();
}
