//! Paths of the host in containers.

use std::fs;

use crate::harness::{Client, Daemon, through_both};

through_both!(
    what_is_mounted_below_is_read_only_too,
    mounts_spread_as_far_as_asked,
    a_missing_source_is_made_or_refused,
    memory_is_mounted_as_asked,
    the_source_is_looked_up_at_each_start,
);

/// A host folder with a tmpfs mounted in it, in the test's own namespace.
fn nested(client: &Client) -> String {
    let host = client.daemon.world.folder().join("host");
    fs::create_dir_all(host.join("below")).unwrap();
    let host = host.display().to_string();
    client
        .daemon
        .world
        .sh(&format!("mount -t tmpfs t {host}/below"))
        .ok();
    host
}

fn what_is_mounted_below_is_read_only_too(client: &Client) {
    let host = nested(client);
    let write = |options: &str| {
        client
            .run(&format!(
                "run --rm --mount type=bind,source={host},target=/h{options} busybox touch /h/below/x"
            ))
            .code
    };
    assert_eq!(write(""), 0);
    assert_eq!(write(",readonly"), 1);
    assert_eq!(write(",readonly,bind-recursive=writable"), 0);
    assert_eq!(
        write(",readonly,bind-recursive=readonly,bind-propagation=rprivate"),
        1
    );
    let flag = client.run(&format!(
        "run --rm -v {host}:/h:ro busybox touch /h/below/x"
    ));
    flag.exits(1).says("Read-only file system");
    // Labels of SELinux may be asked for, where there are none too.
    client.ok(&format!("run --rm -v {host}:/h:z busybox touch /h/z"));
    let labelled = format!("run --rm -v {host}:/h:ro,Z busybox touch /h/z");
    client.run(&labelled).exits(1).says("Read-only file system");
    // Without what is mounted below, there is only the empty folder.
    let options = "bind-recursive=disabled";
    assert_eq!(
        client.ok(&format!(
            "run --rm --mount type=bind,source={host},target=/h,{options} busybox ls /h/below"
        )),
        ""
    );
    assert_eq!(
        client.ok(&format!("run --rm -v {host}:/h busybox ls /h/below")),
        "x"
    );
}

fn mounts_spread_as_far_as_asked(client: &Client) {
    let host = client.daemon.world.folder().join("spread");
    fs::create_dir_all(&host).unwrap();
    let host = host.display().to_string();
    let sh = |script: &str| client.daemon.world.sh(script).ok().to_owned();
    sh(&format!("mount -t tmpfs t {host}; mkdir {host}/a {host}/b"));
    for wanted in ["rshared", "rslave"] {
        client
            .run(&format!("run --rm -v {host}:/h:{wanted} busybox true"))
            .fails()
            .says("but it is not a shared");
    }
    sh(&format!("mount --make-shared {host}"));
    for (mode, seen) in [("rslave", "1"), ("rshared", "1"), ("rprivate", "0")] {
        client.ok(&format!(
            "run -d --name box -v {host}:/h:{mode} busybox sleep 1000"
        ));
        sh(&format!("mount -t tmpfs t {host}/a"));
        let count = client.ok("exec box sh -c 'grep -c \" /h/a \" /proc/mounts || true'");
        assert_eq!(count, seen, "{mode}");
        client.ok("rm -f box");
        sh(&format!("umount {host}/a"));
    }
    // What a container mounts reaches the host, if it may at all.
    client.ok(&format!(
        "run -d --name box --privileged -v {host}:/h:rshared busybox sh -c 'mount -t tmpfs t /h/b; touch /h/b/inside; sleep 1000'"
    ));
    crate::harness::eventually("the container's mount is seen", || {
        client
            .daemon
            .world
            .sh(&format!("ls {host}/b"))
            .stdout
            .contains("inside")
    });
    client.ok("rm -f box");
    client
        .run("run --rm -v data:/h:rshared busybox true")
        .fails()
        .says("invalid mode");
}

fn a_missing_source_is_made_or_refused(client: &Client) {
    let folder = client.daemon.world.folder().display().to_string();
    client.ok(&format!(
        "run --rm -v {folder}/made/deep:/h busybox touch /h/x"
    ));
    assert!(client.daemon.world.folder().join("made/deep/x").exists());
    client
        .run(&format!(
            "run --rm --mount type=bind,source={folder}/missing,target=/h busybox true"
        ))
        .fails()
        .says("bind source path does not exist");
    assert!(!client.daemon.world.folder().join("missing").exists());
    // A file is mounted on a file, and a folder's place is no file's.
    fs::write(client.daemon.world.folder().join("file"), "text").unwrap();
    assert_eq!(
        client.ok(&format!(
            "run --rm -v {folder}/file:/new/file:ro busybox cat /new/file"
        )),
        "text"
    );
    client
        .run(&format!("run --rm -v {folder}/file:/etc busybox true"))
        .fails()
        .says("/etc");
    for (bad, why) in [
        ("-v /a:/b:c:d", "invalid volume specification"),
        ("-v /a:b", "mount path must be absolute"),
        ("-v /a:/", "destination can't be '/'"),
        ("-v /tmp:/x -v /var:/x", "Duplicate mount point: /x"),
        ("-v /tmp:/x --tmpfs /x", "Duplicate mount point: /x"),
        ("--mount type=volume,target=/", "destination can't be '/'"),
    ] {
        client
            .run(&format!("run --rm {bad} busybox true"))
            .fails()
            .says(why);
    }
    assert_eq!(client.ok("volume ls -q"), "", "nothing half-made is left");
}

fn memory_is_mounted_as_asked(client: &Client) {
    let mounted = |options: &str| {
        client.ok(&format!(
            "run --rm {options} busybox sh -c 'grep \" /t \" /proc/mounts; stat -c %a:%u /t'"
        ))
    };
    let plain = mounted("--tmpfs /t");
    assert!(plain.contains("nosuid,nodev,noexec"), "{plain}");
    let sized = mounted("--tmpfs /t:size=1m,mode=1750,exec,uid=7,nr_inodes=100");
    assert!(
        sized.contains("size=1024k")
            && sized.contains("nr_inodes=100")
            && !sized.contains("noexec"),
        "{sized}"
    );
    assert!(sized.ends_with("1750:7"), "{sized}");
    let object = mounted("--mount type=tmpfs,target=/t,tmpfs-size=2m,tmpfs-mode=700");
    assert!(
        object.contains("size=2048k") && object.ends_with("700:0"),
        "{object}"
    );
    client
        .run("run --rm --tmpfs /t:size=1m busybox dd if=/dev/zero of=/t/x bs=1M count=2")
        .exits(1)
        .says("No space left on device");
    client
        .run("run --rm --tmpfs /t:lowerdir=/ busybox true")
        .fails()
        .says("invalid tmpfs option");
    client.ok("create --name box --mount type=tmpfs,target=/t busybox true");
    let shown =
        client.ok("inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}' box");
    assert_eq!(shown, "tmpfs /t true");
}

fn the_source_is_looked_up_at_each_start(client: &Client) {
    let folder = client.daemon.world.folder();
    for release in ["one", "two"] {
        fs::create_dir(folder.join(release)).unwrap();
        fs::write(folder.join(release).join("name"), release).unwrap();
    }
    let link = folder.join("current");
    std::os::unix::fs::symlink("one", &link).unwrap();
    let said = client.ok(&format!(
        "run --name box -v {}:/r busybox cat /r/name",
        link.display()
    ));
    assert_eq!(said, "one");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("two", &link).unwrap();
    assert_eq!(client.ok("start -a box"), "two");
    assert_eq!(
        client.ok("inspect -f '{{(index .Mounts 0).Source}}' box"),
        link.display().to_string()
    );
}

#[test]
fn a_source_may_be_made_where_a_mount_says_so() {
    let daemon = Daemon::start();
    let made = daemon.world.folder().join("made-by-mount");
    let mount = format!(
        "type=bind,source={},target=/h,bind-create-src",
        made.display()
    );
    daemon
        .gantry(&format!("run --rm --mount {mount} gantry/hello"))
        .ok();
    assert!(made.is_dir());
}
