//! SIGHUP: what may change while the daemon runs; and how it ends.

use serde_json::json;

use crate::harness::{Daemon, eventually};

fn hang_up(daemon: &Daemon) {
    daemon.world.sh(&format!("kill -HUP {}", daemon.pid())).ok();
}

#[test]
fn a_reload_takes_over_labels_mirrors_and_the_rest() {
    let daemon = Daemon::with_config(&json!({"labels": ["old=1"]}).to_string());
    let since = daemon.script("date +%s", "").stdout.trim().to_owned();
    daemon.configure(&json!({
        "labels": ["new=1"],
        "registry-mirrors": ["http://127.0.0.1:7777"],
        "insecure-registries": ["reg.test"],
        "max-concurrent-downloads": 9,
        "default-shm-size": "48m",
        "debug": true,
        "bip": "10.99.0.1/24",
    }));
    hang_up(&daemon);
    let info = |template: &str| {
        daemon
            .docker(&format!("info -f '{{{{{template}}}}}'"))
            .stdout
    };
    eventually("the reload is done", || info(".Labels").trim() == "[new=1]");
    assert_eq!(
        info(".RegistryConfig.Mirrors").trim(),
        "[http://127.0.0.1:7777/]"
    );
    assert_eq!(info(".Debug").trim(), "true");
    // Until the next whole second: the event may be younger than this one's beginning.
    let until = daemon.script("echo $(($(date +%s) + 1))", "").stdout;
    let until = until.trim();
    let events = daemon.docker(&format!(
        "events --since {since} --until {until} --filter type=daemon --format '{{{{json .}}}}'"
    ));
    let event: serde_json::Value = serde_json::from_str(events.ok().trim()).unwrap();
    assert_eq!(event["Action"], "reload");
    assert_eq!(
        event["Actor"]["Attributes"]["max-concurrent-downloads"],
        "9"
    );
    assert_eq!(event["Actor"]["Attributes"]["labels"], "[\"new=1\"]");
    daemon.gantry("create --name box gantry/hello").ok();
    let size = daemon.gantry("inspect -f '{{.HostConfig.ShmSize}}' box");
    assert_eq!(size.ok().trim(), (48 << 20).to_string());
    let log = daemon.log_text();
    assert!(log.contains("configuration reloaded"), "{log}");
    assert!(
        log.contains("bip has changed, which only a restart"),
        "{log}"
    );
    assert!(log.contains("DEBUG"), "the level follows: {log}");
}

#[test]
fn a_mistake_changes_nothing() {
    let daemon = Daemon::with_config(&json!({"labels": ["old=1"]}).to_string());
    daemon.configure(&json!({"labels": ["new=1"], "nonsense": 1}));
    hang_up(&daemon);
    eventually("it is told", || {
        daemon
            .log_text()
            .contains("the configuration stays as it was")
    });
    assert!(daemon.log_text().contains("nonsense"));
    assert_eq!(
        daemon.docker("info -f '{{.Labels}}'").ok().trim(),
        "[old=1]"
    );
}

#[test]
fn without_live_restore_containers_end_with_the_daemon_and_policies_start_them_again() {
    let mut daemon =
        Daemon::with_registry_and(&json!({"live-restore": false, "shutdown-timeout": 5}));
    daemon
        .gantry(
            "run -d --name once busybox sh -c 'trap \"exit 7\" TERM; echo set; while :; do sleep 0.1; done'",
        )
        .ok();
    daemon
        .gantry(
            "run -d --name stubborn busybox sh -c 'trap \"\" TERM; echo set; while :; do sleep 0.1; done'",
        )
        .ok();
    daemon
        .gantry("run -d --name always --restart always busybox sleep 1000")
        .ok();
    for name in ["once", "stubborn"] {
        eventually("the trap is set", || {
            daemon.gantry(&format!("logs {name}")).ok() == "set"
        });
    }
    let pids = daemon.gantry("inspect -f '{{.State.Pid}}' once stubborn always");
    let pids: Vec<String> = pids.ok().split_whitespace().map(str::to_owned).collect();
    daemon.stop();
    for pid in &pids {
        daemon.world.sh(&format!("test ! -e /proc/{pid}")).ok();
    }
    daemon.run();
    let status = |name: &str| {
        let run = daemon.gantry(&format!(
            "inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' {name}"
        ));
        run.ok().trim().to_owned()
    };
    assert_eq!(status("once"), "exited 7");
    assert_eq!(status("stubborn"), "exited 137");
    eventually("the policy starts it", || status("always") == "running 0");
}

#[test]
fn a_stop_can_take_the_containers_along() {
    let mut daemon = Daemon::with_registry();
    daemon.gantry("run -d --name box busybox sleep 1000").ok();
    let pid = daemon
        .gantry("inspect -f '{{.State.Pid}}' box")
        .ok()
        .trim()
        .to_owned();
    let folder = daemon.world.folder().display().to_string();
    let gantry = crate::harness::gantry_binary().display().to_string();
    daemon
        .world
        .sh(&format!(
            "{gantry} daemon stop --stop-containers --data-root {folder}/data"
        ))
        .ok();
    daemon.world.sh(&format!("test ! -e /proc/{pid}")).ok();
    daemon.forget();
    daemon.run();
    assert_eq!(
        daemon
            .gantry("inspect -f '{{.State.Status}}' box")
            .ok()
            .trim(),
        "exited"
    );
}
