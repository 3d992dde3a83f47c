//! Secrets without a swarm.

use crate::harness::{Client, Daemon, through_both};

through_both!(secrets_are_kept_listed_and_removed);

fn secrets_are_kept_listed_and_removed(c: &Client) {
    let made = c.with_input("secret create --label k=v db -", "hunter2");
    let id = made.ok().trim().to_owned();
    assert_eq!(id.len(), 25, "{id}");
    c.with_input("secret create other -", "x").ok();
    let again = c.with_input("secret create db -", "y");
    again.exits(1);
    assert!(
        again.stderr.contains("secret db already exists"),
        "{}",
        again.stderr
    );
    assert_eq!(c.ok("secret ls --format '{{.Name}}'"), "db\nother");
    assert_eq!(c.ok("secret ls -q --filter name=db").trim(), id);
    assert!(c.ok("secret ls").starts_with("ID "));
    assert_eq!(
        c.ok("secret inspect -f '{{.Spec.Name}} {{.Spec.Labels.k}}' db")
            .trim(),
        "db v"
    );
    assert!(!c.ok("secret inspect db").contains("hunter2"));
    assert_eq!(c.ok("inspect --type secret -f '{{.ID}}' db"), id);
    assert_eq!(c.ok("secret rm db").trim(), "db");
    let gone = c.run("secret inspect db");
    gone.exits(1);
    assert!(
        gone.stderr.contains("secret db not found"),
        "{}",
        gone.stderr
    );
}

#[test]
fn a_container_finds_its_secrets_and_nobody_else_does() {
    let mut daemon = Daemon::with_registry();
    daemon
        .script("printf hunter2 | $GANTRY secret create db -", "")
        .ok();
    let script = "cat /run/secrets/db; echo; stat -c \"%a %u %g\" /run/secrets/db /run/secrets/sub/pw; \
        grep /run/secrets /proc/mounts; (echo x > /run/secrets/db) 2>&1; sleep 1000";
    daemon
        .gantry(&format!(
            "run -d --name box --secret db --secret source=db,target=sub/pw,uid=33,gid=44,mode=0400 \
             busybox sh -c '{script}'"
        ))
        .ok();
    crate::harness::eventually("it has said all", || {
        daemon.gantry("logs box").stdout.contains("Read-only")
    });
    let logs = daemon.gantry("logs box").stdout;
    let lines: Vec<&str> = logs.lines().collect();
    assert_eq!(lines[..3], ["hunter2", "444 0 0", "400 33 44"], "{logs}");
    assert!(
        lines[3].contains("tmpfs") && lines[3].contains("ro"),
        "{logs}"
    );
    // Nowhere else: not in inspect, not on the disk, not in what the container wrote.
    assert!(!daemon.gantry("inspect box").ok().contains("hunter2"));
    let folder = daemon.world.folder().display().to_string();
    daemon.gantry("rm -f box").ok();
    let found = daemon.world.sh(&format!(
        "grep -rl hunter2 {folder}/data {folder}/run {folder}/daemon.log"
    ));
    assert_eq!(found.stdout, "", "{}", found.stdout);
    let key = daemon
        .world
        .sh(&format!("stat -c %a {folder}/data/secrets.key"));
    assert_eq!(key.ok().trim(), "600");
    // It is in use for as long as the container is there, also across a new daemon and a restart.
    daemon
        .gantry("run -d --name box --secret db busybox sleep 1000")
        .ok();
    let used = daemon.gantry("secret rm db");
    used.exits(1);
    assert!(
        used.stderr
            .contains("secret 'db' is in use by the following container: box"),
        "{}",
        used.stderr
    );
    daemon.kill_9();
    daemon.run();
    daemon.gantry("restart -t 0 box").ok();
    assert_eq!(
        daemon.gantry("exec box cat /run/secrets/db").ok(),
        "hunter2"
    );
    daemon.gantry("rm -f box").ok();
    daemon.gantry("secret rm db").ok();
}

#[test]
fn what_cannot_be_is_refused() {
    let daemon = Daemon::start();
    daemon
        .script("printf x | $GANTRY secret create s -", "")
        .ok();
    for (flag, reason) in [
        ("--secret nothing", "secret nothing not found"),
        (
            "--secret source=s,target=/etc/passwd",
            "secrets are files below /run/secrets",
        ),
        (
            "--secret source=s,target=../x",
            "secrets are files below /run/secrets",
        ),
        ("--secret s --secret s", "duplicate secret target"),
        ("--secret source=s,uid=root", "is not a number"),
    ] {
        let run = daemon.gantry(&format!("create {flag} gantry/hello"));
        assert_ne!(run.code, 0);
        assert!(run.stderr.contains(reason), "{flag}: {}", run.stderr);
    }
}
