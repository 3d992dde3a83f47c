//! A web server's life, from the pull to the removal.

use crate::harness::{Daemon, eventually};

#[test]
fn nginx_is_pulled_published_logged_entered_stopped_started_and_removed() {
    let daemon = Daemon::with_registry();
    let run = daemon.gantry("run -d -p 8080:80 --name hellonginx nginx");
    let id = run.ok().to_owned();
    assert!(
        id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    for line in [
        "Unable to find image 'nginx:latest' locally",
        "latest: Pulling from library/nginx",
        "Pull complete",
        "Digest: sha256:",
        "Status: Downloaded newer image for nginx:latest",
    ] {
        run.says(line);
    }

    let page = || daemon.world.sh("curl -fs http://127.0.0.1:8080/");
    eventually("nginx answers", || page().code == 0);
    assert!(page().stdout.contains("Welcome to nginx!"));
    assert!(daemon.gantry("ps").ok().contains("0.0.0.0:8080->80/tcp"));
    // By the host's other addresses as well: an interface's, and the bridge's own.
    daemon
        .world
        .sh("ip link add other type veth peer name end && ip addr add 10.98.7.6/24 dev other && ip link set other up && ip link set end up")
        .ok();
    for address in ["10.98.7.6", "172.17.0.1", "localhost"] {
        let other = format!("curl -fs --max-time 60 http://{address}:8080/");
        assert!(
            daemon.world.sh(&other).ok().contains("Welcome to nginx!"),
            "{address}"
        );
    }
    let inner = daemon.gantry("inspect -f '{{.NetworkSettings.IPAddress}}' hellonginx");
    let direct = format!("curl -fs --max-time 60 http://{}/", inner.ok());
    daemon.world.sh(&direct).ok();
    eventually("the request is in the log", || {
        daemon
            .gantry("logs hellonginx")
            .stdout
            .contains("GET / HTTP")
    });
    assert_eq!(
        daemon
            .gantry("exec hellonginx cat /etc/debian_version")
            .ok()
            .lines()
            .count(),
        1
    );

    daemon.gantry("stop hellonginx").ok();
    assert_ne!(page().code, 0);
    assert_eq!(
        daemon
            .gantry("inspect -f '{{.State.ExitCode}} {{.State.Status}}' hellonginx")
            .ok(),
        "0 exited"
    );
    daemon.gantry("start hellonginx").ok();
    eventually("nginx answers again", || page().code == 0);
    daemon.gantry("rm -f hellonginx").ok();
    assert_ne!(page().code, 0);
    assert_eq!(daemon.gantry("ps -aq").ok(), "");
}
