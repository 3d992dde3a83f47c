//! Signals: which one asks a program to stop, and whether the client passes its own on.

use crate::harness::{Client, eventually, through_both};

through_both!(
    the_stop_signal_is_the_one_asked_for,
    signals_go_through_the_client,
    a_client_may_keep_its_signals,
);

/// Says when it listens, and what it hears.
const LISTENS: &str =
    "busybox sh -c 'trap \"echo usr1; exit 7\" USR1; echo ready; while :; do sleep 0.1; done'";

fn the_stop_signal_is_the_one_asked_for(client: &Client) {
    client.ok(&format!(
        "run -d --name box --stop-signal SIGUSR1 {LISTENS}"
    ));
    eventually("it listens", || client.ok("logs box") == "ready");
    client.ok("stop -t 60 box");
    assert_eq!(client.ok("logs box"), "ready\nusr1");
    assert_eq!(client.inspect("box", ".State.ExitCode"), "7");
    // For once, another one.
    client.ok(&format!("run -d --name other --stop-signal TERM {LISTENS}"));
    eventually("it listens", || client.ok("logs other") == "ready");
    client.ok("stop -s USR1 -t 60 other");
    assert_eq!(client.inspect("other", ".State.ExitCode"), "7");
}

/// Starts a client with these options, waits for its container to listen, and sends the client a signal.
fn signalled(client: &Client, options: &str, signal: &str) -> String {
    let folder = client.daemon.world.folder().display();
    let script = format!(
        "cd {folder}; $C run --name box {options} {LISTENS} >said & pid=$!; \
         until grep -q ready said; do sleep 0.1; done; kill -{signal} $pid; wait $pid; echo $?"
    );
    client.script(&script, "").ok().to_owned()
}

fn signals_go_through_the_client(client: &Client) {
    assert_eq!(signalled(client, "", "USR1"), "7");
    assert_eq!(client.inspect("box", ".State.Running"), "false");
}

fn a_client_may_keep_its_signals(client: &Client) {
    // A program that does not look at this signal ends by it.
    assert_eq!(signalled(client, "--sig-proxy=false", "KILL"), "137");
    assert_eq!(client.inspect("box", ".State.Running"), "true");
}
