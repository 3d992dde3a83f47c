//! `update`.

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(limits_change_while_it_runs, refused_as_docker_refuses);

/// A file of the container's cgroup, v1 or v2, whichever is there.
fn limit(client: &Client, files: &str) -> String {
    let id = client.inspect("it", ".Id");
    let script = format!(
        "for f in {files}; do for p in /sys/fs/cgroup/*/{parent}/{id}/$f /sys/fs/cgroup/{parent}/{id}/$f; do [ -e $p ] && cat $p && exit; done; done",
        parent = client.daemon.world.name()
    );
    client.script(&script, "").ok().to_owned()
}

fn limits_change_while_it_runs(client: &Client) {
    client.ok("run -d --name it -m 64m --memory-swap 128m busybox sleep 1000");
    assert_eq!(
        client.ok("update -m 96m --pids-limit 77 --cpu-shares 300 it"),
        "it"
    );
    assert_eq!(
        limit(client, "memory.limit_in_bytes memory.max"),
        (96 << 20).to_string()
    );
    assert_eq!(limit(client, "pids.max"), "77");
    assert_eq!(
        client.inspect("it", ".HostConfig.Memory"),
        (96 << 20).to_string()
    );
    client.ok("update --cpus 0.5 --cpuset-cpus 0 it");
    let quota = limit(client, "cpu.cfs_quota_us cpu.max");
    assert!(quota.starts_with("50000"), "{quota}");
    assert_eq!(limit(client, "cpuset.cpus"), "0");
    client.ok("update --pids-limit -1 it");
    assert_eq!(limit(client, "pids.max"), "max");
    client.ok("update --restart always it");
    assert_eq!(
        client.inspect("it", ".HostConfig.RestartPolicy.Name"),
        "always"
    );
    client.ok("exec it true");
    let script = "$C events --since 5m --until $(($(date +%s) + 1)) --filter event=update --format '{{.Action}}'";
    assert_eq!(client.script(script, "").ok().lines().count(), 4);
    client.ok("rm -f it");
}

fn refused_as_docker_refuses(client: &Client) {
    client.ok("run -d --name it busybox sleep 1000");
    client.run("update -m 1m it").exits(1);
    client
        .run("update -m 64m it")
        .exits(1)
        .says("update the memoryswap at the same time");
    client.ok("update --cpus 0.5 it");
    client
        .run("update --cpu-quota 50000 it")
        .exits(1)
        .says("CPU Quota cannot be updated as NanoCPUs has already been set");
    client
        .run("update --cpuset-cpus 4000 it")
        .exits(1)
        .says("4000");
    client.run("update --restart sometimes it").exits(1);
    client
        .run("update --cpus 1 nobody")
        .exits(1)
        .says("No such container: nobody");
    client.ok("run -d --rm --name gone busybox sleep 1000");
    client
        .run("update --restart always gone")
        .exits(1)
        .says("AutoRemove is enabled");
    client
        .run("update it")
        .exits(1)
        .says("you must provide one or more flags");
}

#[test]
fn ports_change_at_once_and_the_rest_at_the_next_start() {
    let mut daemon = Daemon::with_registry();
    daemon
        .gantry("run -d --name web -p 8080:80 -e A=1 nginx")
        .ok();
    let answers = |daemon: &Daemon, port: u16| {
        daemon
            .world
            .sh(&format!("curl -fs --max-time 30 http://127.0.0.1:{port}/"))
            .code
            == 0
    };
    eventually("nginx answers", || answers(&daemon, 8080));
    daemon.gantry("exec web sh -c 'echo kept > /kept'").ok();
    let pid = daemon
        .gantry("inspect -f '{{.State.Pid}}' web")
        .ok()
        .to_owned();

    daemon.gantry("update --publish-add 8081:80 web").ok();
    assert!(answers(&daemon, 8080) && answers(&daemon, 8081));
    assert!(daemon.gantry("ps").ok().contains("0.0.0.0:8081->80/tcp"));
    daemon
        .gantry("run --rm -p 8081:80 busybox true")
        .exits(125)
        .says("8081");
    daemon
        .gantry("update --publish-add 8081:80 web")
        .exits(1)
        .says("8081");
    daemon.gantry("update --publish-rm 8080:80 web").ok();
    assert!(!answers(&daemon, 8080) && answers(&daemon, 8081));
    // The port that was let go is free, also for others.
    daemon.gantry("run --rm -p 8080:80 busybox true").ok();
    daemon.kill_9();
    daemon.run();
    assert!(answers(&daemon, 8081));
    assert_eq!(daemon.gantry("inspect -f '{{.State.Pid}}' web").ok(), pid);

    let folder = daemon.world.folder().join("shared");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), "seen").unwrap();
    let mount = format!(
        "--mount-add type=bind,source={},target=/shared",
        folder.display()
    );
    let update = daemon.gantry(&format!(
        "update -e A=2 -e B=3 --env-rm NOTHING {mount} --name site web"
    ));
    assert!(
        update.ok().contains("from the next start on"),
        "{}",
        update.stdout
    );
    assert_eq!(daemon.gantry("exec site sh -c 'echo $A$B'").ok(), "1");
    daemon.gantry("restart -t 0 site").ok();
    assert_eq!(
        daemon
            .gantry("exec site sh -c 'echo $A$B $(cat /shared/file /kept)'")
            .ok(),
        "23 seenkept"
    );
    eventually("nginx answers", || answers(&daemon, 8081));
    assert!(!answers(&daemon, 8080));
    daemon
        .gantry("update --mount-rm /shared --env-rm B site")
        .ok();
    daemon.gantry("restart -t 0 site").ok();
    daemon.gantry("exec site test -e /shared/file").exits(1);
    daemon
        .gantry("update --mount-rm /shared site")
        .exits(1)
        .says("nothing is mounted at /shared");
    daemon.gantry("rm -f site").ok();
}
