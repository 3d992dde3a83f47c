//! What Docker lacks: rename, clone, snapshot, export and import, mapped owners.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use crate::harness::{Client, Daemon};

#[test]
fn renamed_cloned_and_carried_away() {
    let client = Client::gantry();
    let script =
        "echo first > /d/file; ln /d/file /d/link; chown 5:6 /d/file; chmod 711 /d; mkdir /d/sub";
    client.ok(&format!("run --rm -v data:/d busybox sh -c '{script}'"));
    client.ok("create --name user -v data:/d busybox true");
    client
        .run("volume rename data moved")
        .exits(1)
        .says("rename data: volume is in use - [");
    client.ok("rm user");
    client.ok("volume create taken");
    client
        .run("volume rename data taken")
        .exits(1)
        .says("a volume with this name exists already");
    client.ok("volume rename data moved");
    let look = "cd /d; cat file; stat -c \"%n %a %u:%g %h\" . file link sub";
    let show = |volume: &str| {
        client.ok(&format!(
            "run --rm -v {volume}:/d:ro busybox sh -c '{look}'"
        ))
    };
    let wanted = show("moved");
    assert!(
        wanted.contains("file 644 5:6 2") && wanted.contains(". 711"),
        "{wanted}"
    );
    assert_eq!(
        client.ok("volume clone --label why=test moved copy"),
        "copy"
    );
    assert_eq!(show("copy"), wanted);
    client
        .run("volume clone moved copy")
        .exits(1)
        .says("exists already");
    client
        .run("volume clone nothing new")
        .exits(1)
        .says("no such volume");

    let carried = client.script("$C volume export moved | $C volume import again", "");
    assert_eq!(carried.ok(), "again");
    assert_eq!(show("again"), wanted);
    let broken = client.script("echo this is no archive | $C volume import broken", "");
    assert_ne!(broken.code, 0);
    client
        .script("$C volume export moved | $C volume import again", "")
        .exits(1)
        .says("exists already");
    assert_eq!(
        client.ok("volume ls -q").lines().collect::<Vec<_>>(),
        ["again", "copy", "moved", "taken"]
    );
}

#[test]
fn a_snapshot_keeps_what_was() {
    let client = Client::gantry();
    let write = |text: &str| {
        client.ok(&format!(
            "run --rm -v data:/d busybox sh -c 'echo {text} > /d/file'"
        ));
    };
    let read = |volume: &str| client.ok(&format!("run --rm -v {volume}:/d:ro busybox cat /d/file"));
    write("first");
    assert_eq!(client.ok("volume snapshot data before"), "before");
    write("second");
    let named = client.ok("volume snapshot data");
    assert!(named.starts_with("data.20"), "{named}");
    assert_eq!(
        client.ok("volume snapshot --list data"),
        format!("before\n{named}")
    );
    assert_eq!(
        (read("before"), read(&named)),
        ("first".to_owned(), "second".to_owned())
    );
    client
        .run("run --rm -v before:/d busybox true")
        .fails()
        .says("mount it read-only");
    client.ok("run -d --name box -v data:/d busybox sleep 1000");
    client
        .run("volume restore data before")
        .exits(1)
        .says("restore data: volume is in use - [");
    client.ok("stop -t 0 box");
    client.ok("volume restore data before");
    assert_eq!(read("data"), "first");
    client.ok("volume create other");
    client
        .run("volume restore other before")
        .exits(1)
        .says("volume before is no snapshot of it");
    client
        .run("volume restore before before")
        .exits(1)
        .says("which does not change");
    // It outlives its volume, and a prune.
    client.ok("rm box");
    client.ok("volume rm data");
    client.ok("volume prune -f -a");
    assert_eq!(read("before"), "first");
    client.ok(&format!("volume rm before {named}"));
}

#[test]
fn files_seem_to_belong_to_whom_one_says() {
    let client = Client::gantry();
    let host = client.daemon.world.folder().join("mine");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("theirs"), "").unwrap();
    chown(&host, Some(1234), Some(2345)).unwrap();
    chown(host.join("theirs"), Some(1234), Some(2345)).unwrap();
    let path = host.display();
    let mount = format!("--mount type=bind,source={path},target=/h,uid=33,gid=44");
    let script = "stat -c %u:%g /h/theirs; touch /h/new; stat -c %u:%g /h/new";
    let said = client.ok(&format!("run --rm -u 33:44 {mount} nginx sh -c '{script}'"));
    assert_eq!(said, "33:44\n33:44");
    let made = fs::metadata(host.join("new")).unwrap();
    assert_eq!((made.uid(), made.gid()), (1234, 2345));
    // Others stay who they are.
    client.ok(&format!("run --rm {mount} busybox touch /h/roots"));
    assert_eq!(fs::metadata(host.join("roots")).unwrap().uid(), 0);

    let ranges = "idmap=uids=1234-0-1;gids=2345-0-1";
    let mount = format!("--mount 'type=bind,source={path},target=/h,{ranges}'");
    assert_eq!(
        client.ok(&format!("run --rm {mount} busybox stat -c %u:%g /h/theirs")),
        "0:0"
    );
    client
        .run(&format!(
            "run --rm --mount type=bind,source={path},target=/h,idmap=mad busybox true"
        ))
        .fails()
        .says("invalid idmap 'mad'");
    // A volume as well.
    client.ok("run --rm -v data:/d busybox sh -c 'chown 7:8 /d; touch /d/x; chown 7:8 /d/x'");
    let mount = "--mount type=volume,source=data,target=/d,uid=0,gid=0";
    assert_eq!(
        client.ok(&format!("run --rm {mount} busybox stat -c %u:%g /d/x")),
        "0:0"
    );
    // What no file system can map is said.
    client
        .run("run --rm --mount type=bind,source=/proc,target=/h,uid=1 busybox true")
        .fails()
        .says("owners cannot be mapped");
}

#[test]
fn start_costs_the_same_among_many_volumes() {
    let daemon = Daemon::with_registry();
    daemon.gantry("run --rm -v warm:/d busybox true").ok();
    let time = || {
        let mut best = std::time::Duration::MAX;
        for _ in 0..7 {
            let from = std::time::Instant::now();
            daemon.gantry("run --rm -v warm:/d busybox true").ok();
            best = best.min(from.elapsed());
        }
        best
    };
    let few = time();
    daemon
        .script("for n in $(seq 300); do echo volume-$n; done | xargs -P 4 -n 1 $GANTRY volume create >/dev/null", "")
        .ok();
    let many = time();
    assert_eq!(daemon.gantry("volume ls -q").ok().lines().count(), 301);
    let noise = std::time::Duration::from_millis(50);
    assert!(
        many < few * 3 + noise,
        "{few:?} alone, {many:?} among 300 others"
    );
}
