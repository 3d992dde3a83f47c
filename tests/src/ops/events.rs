//! `events`.

use crate::harness::{Client, through_both};

through_both!(filtered_and_replayed);

fn told(client: &Client, filters: &str) -> Vec<String> {
    let script = format!(
        "$C events --since 10m --until $(($(date +%s) + 1)) {filters} --format '{{{{.Type}}}} {{{{.Action}}}}'"
    );
    let text = client.script(&script, "").ok().to_owned();
    text.lines().map(str::to_owned).collect()
}

fn filtered_and_replayed(client: &Client) {
    client.ok("pull -q busybox");
    client.ok("volume create data");
    client.ok("run --name one -l tier=front busybox true");
    client.ok("run -d --name two busybox sleep 1000");
    client.ok("exec two echo hello");
    client.ok("kill -s KILL two");
    let of = |filters: &str| told(client, filters);
    assert_eq!(
        of("--filter container=one"),
        [
            "container create",
            "container attach",
            "container start",
            "container die"
        ]
        .map(str::to_owned)
    );
    assert_eq!(
        of("--filter type=volume --filter volume=data"),
        ["volume create"]
    );
    assert_eq!(
        of("--filter event=exec_create"),
        ["container exec_create: echo hello"]
    );
    assert_eq!(of("--filter event=exec_die"), ["container exec_die"]);
    assert_eq!(of("--filter label=tier=front").len(), 4);
    assert_eq!(
        of("--filter type=image --filter event=pull"),
        ["image pull"]
    );
    assert_eq!(
        of("--filter container=two --filter event=kill --filter event=die"),
        ["container kill", "container die"]
    );
    assert_eq!(of("--filter image=busybox --filter event=create").len(), 2);
    assert_eq!(of("--filter scope=swarm").len(), 0);
    assert_eq!(
        of("--filter network=bridge --filter event=connect"),
        ["network connect", "network connect"]
    );
    client
        .run("events --since 2020-01-02 --until 2020-01-01")
        .exits(1)
        .says("cannot be after");
    let old = client.ok("events --since 2000-01-01 --until 2000-01-02");
    assert_eq!(old, "");
}
