//! Health checks.

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    checked_until_healthy_and_until_not,
    a_check_that_takes_too_long_has_failed,
    refused_when_it_cannot_be_meant,
);

/// Healthy while `/sick` is not there.
const CHECK: &str = "--health-cmd 'echo looked; test ! -e /sick' --health-interval 100ms \
    --health-retries 2 --health-timeout 60s";

fn status(client: &Client, name: &str) -> String {
    client.inspect(name, ".State.Health.Status")
}

fn checked_until_healthy_and_until_not(client: &Client) {
    client.ok(&format!("run -d --name web {CHECK} busybox sleep 1000"));
    eventually("it is healthy", || status(client, "web") == "healthy");
    assert!(client.ok("ps").contains("(healthy)"));
    assert_eq!(
        client.ok("ps -q --filter health=healthy").lines().count(),
        1
    );
    assert_eq!(client.ok("ps -q --filter health=unhealthy"), "");
    client.ok("exec web touch /sick");
    eventually("it is unhealthy", || status(client, "web") == "unhealthy");
    assert!(client.ok("ps").contains("(unhealthy)"));
    eventually("the log is full", || {
        client.inspect("web", "len .State.Health.Log") == "5"
    });
    let log = client.inspect("web", "(index .State.Health.Log 4).ExitCode");
    assert_eq!(log, "1");
    assert_eq!(
        client.inspect("web", "(index .State.Health.Log 4).Output"),
        "looked"
    );
    client.ok("exec web rm /sick");
    eventually("it is healthy again", || status(client, "web") == "healthy");
    let script = "$C events --since 5m --until $(($(date +%s) + 1)) --filter event=health_status --format '{{.Action}}'";
    let told = client.script(script, "").ok().to_owned();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(
        told,
        [
            "health_status: healthy",
            "health_status: unhealthy",
            "health_status: healthy"
        ]
    );
    client.ok("stop -t 0 web");
    assert_eq!(status(client, "web"), "unhealthy");
    client.ok("run -d --name none --no-healthcheck busybox sleep 1000");
    assert_eq!(
        client.ok("ps --filter health=none --format '{{.Names}}'"),
        "none"
    );
}

fn a_check_that_takes_too_long_has_failed(client: &Client) {
    // Long enough for the words to come also where much else runs.
    let check = "--health-cmd 'echo begun; sleep 100' --health-interval 50ms --health-timeout 4s --health-retries 1";
    client.ok(&format!("run -d --name slow {check} busybox sleep 1000"));
    eventually("it is unhealthy", || status(client, "slow") == "unhealthy");
    let output = client.inspect("slow", "(index .State.Health.Log 0).Output");
    assert_eq!(output, "Health check exceeded timeout (4s): begun");
    assert_eq!(
        client.inspect("slow", "(index .State.Health.Log 0).ExitCode"),
        "-1"
    );
    client.ok("rm -f slow");
}

fn refused_when_it_cannot_be_meant(client: &Client) {
    let run = client.run("run -d --health-cmd true --health-interval 1us busybox true");
    run.exits(125)
        .says("Interval in Healthcheck cannot be less than 1ms");
    client
        .run("ps --filter health=fine")
        .exits(1)
        .says("health=fine");
}

#[test]
fn failures_of_the_start_period_do_not_count() {
    let client = Client::gantry();
    let times = "--health-interval 1h --health-start-period 1h --health-start-interval 50ms --health-retries 1";
    client.ok(&format!(
        "run -d --name starts --health-cmd 'test -e /ready' {times} busybox sleep 1000"
    ));
    eventually("it was looked at", || {
        client.inspect("starts", "len .State.Health.Log") == "5"
    });
    assert_eq!(status(&client, "starts"), "starting");
    assert!(client.ok("ps").contains("(health: starting)"));
    client.ok("exec starts touch /ready");
    eventually("it is ready", || status(&client, "starts") == "healthy");
}

#[test]
fn checks_go_on_after_the_daemon_was_killed() {
    let mut daemon = Daemon::with_registry();
    daemon
        .gantry(&format!("run -d --name web {CHECK} busybox sleep 1000"))
        .ok();
    let health = |daemon: &Daemon| {
        daemon
            .gantry("inspect -f '{{.State.Health.Status}}' web")
            .stdout
    };
    eventually("it is healthy", || health(&daemon) == "healthy\n");
    daemon.kill_9();
    daemon.run();
    assert_eq!(health(&daemon), "healthy\n");
    daemon.gantry("exec web touch /sick").ok();
    eventually("it is unhealthy", || health(&daemon) == "unhealthy\n");
}

#[test]
fn an_unhealthy_container_is_started_anew_where_that_is_its_policy() {
    let client = Client::gantry();
    // A restart keeps the writable layer, so it stays sick: twice, and no more.
    let run = format!(
        "run -d --name sick --restart on-unhealthy:2 --stop-timeout 0 {CHECK} busybox sh -c 'touch /sick; exec sleep 1000'"
    );
    client.ok(&run);
    eventually("it was started twice more", || {
        client.inspect("sick", ".RestartCount") == "2"
    });
    eventually("it is unhealthy for good", || {
        client.inspect("sick", ".State.Status") == "running"
            && status(&client, "sick") == "unhealthy"
    });
    assert_eq!(client.inspect("sick", ".RestartCount"), "2");
    client
        .run("run -d --restart on-unhealthy busybox sleep 1")
        .exits(125)
        .says("needs a health check");
    client.ok("rm -f sick");
}
