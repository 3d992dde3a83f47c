//! Restart policies.

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    started_again_until_the_number_is_reached,
    stopped_by_hand_it_stays_stopped,
    waited_for_while_it_restarts,
);

fn started_again_until_the_number_is_reached(client: &Client) {
    client.ok("run -d --name fails --restart on-failure:3 busybox sh -c 'echo run; exit 5'");
    eventually("it gave up", || {
        client.inspect("fails", ".State.Status") == "exited"
            && client.inspect("fails", ".RestartCount") == "3"
    });
    assert_eq!(client.ok("logs fails"), "run\nrun\nrun\nrun");
    assert_eq!(client.inspect("fails", ".State.ExitCode"), "5");
    client.ok("run -d --name fine --restart on-failure busybox true");
    assert_eq!(client.ok("wait fine"), "0");
    assert_eq!(client.inspect("fine", ".RestartCount"), "0");
    client.ok("start fails");
    eventually("a start by hand counts anew", || {
        client.ok("logs fails").lines().count() == 8
    });
}

fn stopped_by_hand_it_stays_stopped(client: &Client) {
    client.ok("run -d --name always --restart always busybox sh -c 'exit 1'");
    eventually("it was started again", || {
        client.inspect("always", ".RestartCount") != "0"
    });
    client.ok("stop -t 0 always");
    assert_eq!(client.inspect("always", ".State.Status"), "exited");
    let count = client.inspect("always", ".RestartCount");
    client.ok("rm always");
    assert_ne!(count, "0");
    client.ok("run -d --name trapped --restart unless-stopped busybox sleep 1000");
    client.ok("kill trapped");
    assert_eq!(client.inspect("trapped", ".State.Status"), "exited");
}

fn waited_for_while_it_restarts(client: &Client) {
    client.ok("run -d --name again --restart always busybox sh -c 'exit 9'");
    assert_eq!(client.ok("wait again"), "9");
    client.ok("rm -f again");
}

#[test]
fn policies_hold_over_the_daemons_restarts() {
    let mut daemon = Daemon::with_registry();
    for (name, policy) in [
        ("always", "always"),
        ("unless", "unless-stopped"),
        ("no", "no"),
    ] {
        daemon
            .gantry(&format!(
                "run -d --name {name} --restart {policy} busybox sleep 1000"
            ))
            .ok();
    }
    daemon
        .gantry("run -d --name live --restart unless-stopped busybox sleep 1000")
        .ok();
    daemon.gantry("stop -t 0 always unless no").ok();
    daemon.kill_9();
    daemon.run();
    let state = |name: &str| {
        let inspect = format!("inspect -f '{{{{.State.Status}}}}' {name}");
        daemon.gantry(&inspect).stdout
    };
    // Docker starts what is always to run, also if a person had stopped it.
    eventually("always runs", || state("always") == "running\n");
    assert_eq!(state("unless"), "exited\n");
    assert_eq!(state("no"), "exited\n");
    assert_eq!(state("live"), "running\n");
    daemon.gantry("rm -f always unless no live").ok();
}

/// Its state is never that of a container which has not been started yet, nor `exited`.
#[test]
fn one_that_is_started_again_is_restarting_or_runs() {
    let daemon = Daemon::with_registry();
    daemon
        .gantry("run -d --name again --restart always busybox sh -c 'exit 9'")
        .ok();
    let api = "curl -s --unix-socket ${DOCKER_HOST#unix://}";
    let script = format!(
        "for i in $(seq 150); do {api} http://d/containers/again/json | grep -o '\"Status\":\"[a-z]*\"'; \
         {api} 'http://d/containers/json?all=1' | grep -o '\"Status\":\"[A-Z][a-z]*'; done | sort -u"
    );
    let seen = daemon.script(&script, "");
    for state in seen.ok().lines() {
        assert!(
            [
                "\"Status\":\"restarting\"",
                "\"Status\":\"running\"",
                "\"Status\":\"Restarting",
                "\"Status\":\"Up",
            ]
            .contains(&state),
            "{}",
            seen.stdout
        );
    }
    assert!(seen.stdout.contains("\"restarting\""), "{}", seen.stdout);
    daemon.gantry("rm -f again").ok();
}
