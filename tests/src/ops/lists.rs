//! `ps`, `inspect -s`, `rm -l`, `rename`, `wait`, checkpoints: the smaller questions.

use crate::harness::{Client, Daemon, Run, eventually, through_both};

through_both!(
    filtered_in_every_way,
    measured,
    waited_for_under_every_condition,
    renamed_by_dockers_rules,
    refused_with_dockers_words,
);

fn names(client: &Client, args: &str) -> Vec<String> {
    let text = client.ok(&format!("ps --format '{{{{.Names}}}}' {args}"));
    text.lines().map(str::to_owned).collect()
}

fn filtered_in_every_way(client: &Client) {
    client.ok(
        "run -d --name first -l tier=front -p 127.0.0.1:8080:80 -v data:/data busybox sleep 1000",
    );
    client.ok("create --name second --expose 90/udp busybox true");
    client
        .run("run --name third busybox sh -c 'exit 3'")
        .exits(3);
    let of = |filter: &str| names(client, &format!("-a --filter {filter}"));
    assert_eq!(of("name=fir"), ["first"]);
    assert_eq!(of("'name=^/second$'"), ["second"]);
    assert_eq!(of("label=tier=front"), ["first"]);
    assert_eq!(of("status=created"), ["second"]);
    assert_eq!(of("exited=3"), ["third"]);
    assert_eq!(of("before=second"), ["first"]);
    assert_eq!(of("since=second"), ["third"]);
    assert_eq!(of("ancestor=busybox"), ["third", "second", "first"]);
    assert_eq!(of("ancestor=nginx"), [""; 0]);
    assert_eq!(of("volume=data"), ["first"]);
    assert_eq!(of("volume=/data"), ["first"]);
    assert_eq!(of("network=bridge").len(), 3);
    assert_eq!(of("publish=8080"), ["first"]);
    assert_eq!(of("expose=90/udp"), ["second"]);
    assert_eq!(of("is-task=false").len(), 3);
    assert_eq!(of("is-task=true").len(), 0);
    let id = client.inspect("first", ".Id");
    assert_eq!(of(&format!("id={}", &id[..10])), ["first"]);
    assert_eq!(names(client, "-n 2"), ["third", "second"]);
    assert_eq!(names(client, "-l"), ["third"]);
    assert_eq!(names(client, ""), ["first"]);
    client
        .run("ps --filter colour=red")
        .exits(1)
        .says("invalid filter 'colour'");
    client
        .run("ps --filter status=asleep")
        .exits(1)
        .says("asleep");
    client.run("ps --filter exited=x").exits(1);
    client
        .run("ps --filter before=nobody")
        .exits(1)
        .says("nobody");
}

fn measured(client: &Client) {
    client.ok("run --name wrote busybox sh -c 'head -c 3000000 /dev/zero > /three'");
    let sizes = client.ok("inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' wrote");
    let sizes: Vec<u64> = sizes.split(' ').map(|size| size.parse().unwrap()).collect();
    assert!((3_000_000..3_100_000).contains(&sizes[0]), "{sizes:?}");
    assert!(sizes[1] > sizes[0], "{sizes:?}");
    let listed = client.ok("ps -a -s --format '{{.Size}}'");
    assert!(listed.starts_with("3MB (virtual "), "{listed}");
    assert_eq!(
        client.ok("inspect --type container -f '{{.Name}}' wrote"),
        "/wrote"
    );
    client.run("inspect --type image wrote").exits(1);
}

fn waited_for_under_every_condition(client: &Client) {
    client.ok(
        "run -d --name one busybox sh -c 'trap \"exit 7\" TERM; echo set; while :; do sleep 0.01; done'",
    );
    eventually("the trap is set", || client.ok("logs one") == "set");
    // Whether the stop or the wait comes first does not matter.
    let script = "$C wait one > waited & $C stop one > /dev/null; wait; cat waited";
    assert_eq!(
        client
            .script(&format!("cd $(mktemp -d); {script}"), "")
            .ok(),
        "7"
    );
    assert_eq!(client.ok("wait one one"), "7\n7");
    client
        .run("wait nobody")
        .exits(1)
        .says("No such container: nobody");
}

fn renamed_by_dockers_rules(client: &Client) {
    client.ok("create --name one busybox true");
    client.ok("create --name two busybox true");
    client.run("rename one two").exits(1).says("Error when allocating new name: Conflict. The container name \"/two\" is already in use by container");
    client
        .run("rename one one")
        .exits(1)
        .says("Renaming a container with the same name as its current name");
    client
        .run("rename one 'in valid'")
        .exits(1)
        .says("Error when allocating new name: Invalid container name (/in valid)");
    client
        .run("rename nobody three")
        .exits(1)
        .says("No such container: nobody");
    client.ok("rename one three");
    client.ok("create --name one busybox true");
}

fn refused_with_dockers_words(client: &Client) {
    client.ok("create --name one busybox true");
    client
        .run("kill one")
        .exits(1)
        .says("cannot kill container: one: container ");
    client
        .run("kill nobody")
        .exits(1)
        .says("cannot kill container: nobody: No such container: nobody");
    client
        .run("rm -l one")
        .exits(1)
        .says("Conflict, cannot remove the default link name of the container");
    client.run("exec one true").exits(1).says("is not running");
    client.run("pause one").exits(1).says("is not running");
    assert_eq!(client.inspect("one", ".ExecIDs"), "[]");
}

#[test]
fn checkpoints_are_refused_in_so_many_words() {
    let daemon = Daemon::with_registry();
    daemon.gantry("create --name one busybox true").ok();
    let mut command = daemon.world.command("curl");
    command
        .args(["-s", "-w", "%{http_code}", "--unix-socket"])
        .arg(daemon.socket());
    command.arg("http://d/v1.43/containers/one/checkpoints");
    let answer = Run::of(command);
    assert!(
        answer.ok().ends_with("501") && answer.stdout.contains("experimental mode"),
        "{}",
        answer.stdout
    );
    for (command, option) in [
        ("checkpoint ls one", "checkpoint ls"),
        ("start --checkpoint x one", "\"--checkpoint\""),
    ] {
        for run in [daemon.docker(command), daemon.gantry(command)] {
            run.exits(1).says(&format!(
                "{option} is only supported on a Docker daemon with experimental features enabled"
            ));
        }
    }
}
