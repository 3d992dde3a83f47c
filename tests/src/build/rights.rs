//! What a step may do beyond a container's rights, and what a daemon that was killed leaves of one.

use std::fs;

use serde_json::json;

use super::context_in;
use crate::harness::{Daemon, eventually};

const BUILD: &str = "export DOCKER_BUILDKIT=0; docker build";

#[test]
fn all_rights_are_for_those_whom_the_configuration_gives_them() {
    let file = "FROM busybox\nRUN --security=insecure grep CapEff /proc/self/status > /caps\n\
                RUN grep CapEff /proc/self/status >> /caps\n";
    let granted = json!({"builder": {"entitlements": {"security-insecure": true}}});
    let daemon = Daemon::with_registry_and(&granted);
    let at = context_in(&daemon, file);
    daemon
        .script(&format!("{BUILD} -t all {}", at.display()), "")
        .ok();
    let read = daemon.docker("run --rm all cat /caps").ok().to_owned();
    let caps: Vec<u64> = read
        .lines()
        .filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok())
        .collect();
    // CAP_SYS_ADMIN
    assert!(
        caps[0] & (1 << 21) != 0 && caps[1] & (1 << 21) == 0,
        "{read}"
    );
}

#[test]
fn devices_are_found_by_their_description() {
    let mut daemon = Daemon::prepared("{}");
    let folder = daemon.world.folder().join("cdi");
    fs::create_dir_all(&folder).unwrap();
    let device = json!({"cdiVersion": "0.5.0", "kind": "test.com/dev", "devices": [
        {"name": "one", "containerEdits": {"env": ["DEVICE=one"],
            "deviceNodes": [{"path": "/dev/own-zero", "hostPath": "/dev/zero"}]}}]});
    fs::write(folder.join("test.json"), device.to_string()).unwrap();
    daemon = daemon.with_mirror_and(&json!({"cdi-spec-dirs": [folder.display().to_string()]}));
    let file = "FROM busybox\n\
        RUN --device=test.com/dev=one [ -c /dev/own-zero ] && echo $DEVICE > /device\n\
        RUN --device=test.com/missing=x true\n";
    let at = context_in(&daemon, file);
    let at = at.display();
    daemon.script(&format!("{BUILD} -t device {at}"), "").ok();
    assert_eq!(daemon.docker("run --rm device cat /device").ok(), "one");
    let missing = "FROM busybox\nRUN --device=test.com/missing=x,required true\n";
    let at = context_in(&daemon, missing);
    let run = daemon.script(&format!("{BUILD} {} 2>&1", at.display()), "");
    assert!(
        run.code != 0 && run.stdout.contains("test.com/missing=x"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_killed_daemon_leaves_no_step() {
    let mut daemon = Daemon::with_registry();
    let at = context_in(
        &daemon,
        "FROM busybox\nRUN --mount=type=bind,target=/m,rw touch /m/begun; sleep 1234\n",
    );
    let script = format!(
        "{BUILD} {} > {}/log 2>&1 & echo",
        at.display(),
        at.display()
    );
    daemon.script(&script, "").ok();
    let sleeping = |daemon: &Daemon| daemon.world.sh("pgrep -f '^sleep 1234'").code == 0;
    eventually("the step runs", || sleeping(&daemon));
    daemon.kill_9();
    assert!(sleeping(&daemon), "a step outlives the daemon");
    daemon.run();
    eventually("the step is gone", || !sleeping(&daemon));
    assert_eq!(daemon.docker("ps -aq").ok(), "");
    let scratch = daemon.world.sh(&format!(
        "ls {0}/data/snapshots | grep -c build-scratch; ls {0}/data/build/work",
        daemon.world.folder().display()
    ));
    assert_eq!(scratch.stdout, "0\nfile\nfolder\n");
}

#[test]
fn a_dockerfile_is_a_regular_file() {
    let daemon = Daemon::with_registry();
    let at = context_in(&daemon, "");
    let at = at.display();
    // A tar of our own: the client would not send it.
    let script = format!(
        "cd {at}; rm Dockerfile; mkfifo Dockerfile; tar -cf ../fifo.tar .; \
         curl -s --max-time 60 --unix-socket {} -H 'content-type: application/x-tar' --data-binary @../fifo.tar http://d/build",
        daemon.socket().display()
    );
    let answer = daemon.script(&script, "");
    assert!(
        answer.stdout.contains("not a regular file"),
        "{}",
        answer.stdout
    );
    let isolation = format!(
        "curl -s --unix-socket {} -X POST 'http://d/build?isolation=hyperv'",
        daemon.socket().display()
    );
    let answer = daemon.script(&isolation, "");
    assert!(answer.stdout.contains("isolation"), "{}", answer.stdout);
}
