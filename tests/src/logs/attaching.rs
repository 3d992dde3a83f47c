//! `attach`: several clients, those that do not read, and containers that cannot be attached to.

use crate::harness::{Client, eventually, through_both};

through_both!(
    several_clients_see_the_same,
    a_client_that_does_not_read_is_let_go,
    only_running_containers_are_attached_to,
);

fn several_clients_see_the_same(client: &Client) {
    client.ok("run -d --name ticks busybox sh -c 'while true; do echo tick; sleep 0.05; done'");
    let one = "(timeout 90 $C attach --no-stdin --sig-proxy=false ticks | head -n 3)";
    let run = client.script(&format!("{one} & {one} & {one} & wait"), "");
    assert_eq!(run.stdout, "tick\n".repeat(9));
    assert_eq!(client.inspect("ticks", ".State.Running"), "true");
}

fn a_client_that_does_not_read_is_let_go(client: &Client) {
    let wait = "read go; seq 1 200000; echo done; sleep 1000";
    client.ok(&format!("run -di --name talks busybox sh -c '{wait}'"));
    let script = format!(
        "(echo go; sleep 1000) | {} attach talks | sleep 1000",
        client.program()
    );
    let mut command = client.command("bash");
    let mut stuck = command.args(["-c", &script]).spawn().unwrap();
    eventually("the container has written everything", || {
        client.ok("logs --tail 1 talks") == "done"
    });
    let _ = stuck.kill();
    let _ = stuck.wait();
}

fn only_running_containers_are_attached_to(client: &Client) {
    client.ok("create --name never busybox true");
    client
        .run("attach never")
        .exits(1)
        .says("annot attach to a stopped container, start it first");
    client.ok("run -d --name frozen busybox sleep 1000");
    client.ok("pause frozen");
    client
        .run("attach frozen")
        .exits(1)
        .says("annot attach to a paused container, unpause it first");
    client.ok("unpause frozen");
    client
        .run("attach nobody")
        .exits(1)
        .says("No such container: nobody");
}
