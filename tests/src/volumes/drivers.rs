//! Volumes that are mounts themselves.

use std::fs;

use crate::harness::{Client, Daemon, eventually, through_both};

through_both!(
    a_mount_is_there_while_it_is_used,
    a_mount_that_fails_says_why
);

fn mounted(daemon: &Daemon, volume: &str) -> bool {
    let target = format!("/volumes/{volume}/_data ");
    daemon.world.sh("cat /proc/mounts").ok().contains(&target)
}

fn a_mount_is_there_while_it_is_used(client: &Client) {
    client.ok("volume create -o type=tmpfs -o device=tmpfs -o o=size=3m,uid=5,noexec memory");
    assert_eq!(
        client.ok("volume inspect -f '{{.Options.o}}' memory"),
        "size=3m,uid=5,noexec"
    );
    assert!(!mounted(&client.daemon, "memory"));
    client.ok("run -d --name one -v memory:/m busybox sh -c 'echo text > /m/file; sleep 1000'");
    assert!(mounted(&client.daemon, "memory"));
    let seen = "stat -c %u /m; grep \" /m \" /proc/mounts; until cat /m/file; do sleep 0.01; done";
    let said = client.ok(&format!("run --rm -v memory:/m busybox sh -c '{seen}'"));
    assert!(said.starts_with('5') && said.ends_with("text"), "{said}");
    assert!(
        said.contains("size=3072k") && said.contains("noexec"),
        "{said}"
    );
    assert!(mounted(&client.daemon, "memory"), "the other one runs on");
    client.ok("rm -f one");
    eventually("it is unmounted", || !mounted(&client.daemon, "memory"));
    client.ok("volume rm memory");

    let host = client.daemon.world.folder().join("elsewhere");
    fs::create_dir(&host).unwrap();
    let device = host.display();
    client.ok(&format!(
        "run --rm --mount 'type=volume,source=bound,target=/b,volume-opt=type=none,volume-opt=o=bind,volume-opt=device={device},volume-label=a=b' busybox touch /b/x"
    ));
    assert!(host.join("x").exists());
    eventually("it is unmounted", || !mounted(&client.daemon, "bound"));
    assert_eq!(client.ok("volume inspect -f '{{.Labels.a}}' bound"), "b");
    // Removing the volume leaves what was mounted.
    client.ok("volume rm bound");
    assert!(host.join("x").exists());
}

fn a_mount_that_fails_says_why(client: &Client) {
    client.ok("volume create -o type=none -o o=bind -o device=/no/such broken");
    client
        .run("run --rm -v broken:/b busybox true")
        .fails()
        .says("failed to mount local volume");
    client.ok("volume create -o type=nfs -o device=:/export -o o=addr=no-such-host.invalid share");
    client
        .run("run --rm -v share:/b busybox true")
        .fails()
        .says("no-such-host.invalid");
    client.ok(
        "volume create -o type=cifs -o device=//127.0.0.1/x -o o=username=u,password=secret1 smb",
    );
    let said = client.run("run --rm -v smb:/b busybox true");
    said.fails().says("failed to mount local volume");
    assert!(!said.stderr.contains("secret1"), "{}", said.stderr);
    client.ok("volume rm broken share smb");
    client
        .run("volume create -o size=1g limited")
        .exits(1)
        .says("quota size requested but no quota support");
    client
        .run("run --rm --volume-driver other -v x1:/x busybox true")
        .fails()
        .says("plugin \"other\" not found");
}

#[test]
fn a_mount_survives_the_daemons_death() {
    let mut daemon = Daemon::with_registry();
    daemon
        .gantry("volume create -o type=tmpfs -o device=tmpfs memory")
        .ok();
    let script = "echo text > /m/file; sleep 1000";
    daemon
        .gantry(&format!(
            "run -d --name box -v memory:/m busybox sh -c '{script}'"
        ))
        .ok();
    daemon.kill_9();
    daemon.run();
    assert!(mounted(&daemon, "memory"));
    let read = "until cat /m/file; do sleep 0.01; done";
    assert_eq!(
        daemon
            .gantry(&format!("run --rm -v memory:/m busybox sh -c '{read}'"))
            .ok(),
        "text"
    );
    daemon.gantry("rm -f box").ok();
    eventually("it is unmounted", || !mounted(&daemon, "memory"));
}
