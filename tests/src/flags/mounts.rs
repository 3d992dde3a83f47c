//! `--mount`, `--tmpfs`, `--volumes-from`, `--volume-driver`.

use crate::harness::{Client, through_both};

through_both!(
    a_part_of_a_volume,
    a_part_of_a_volume_is_never_elsewhere,
    binds_with_their_options,
    tmpfs_with_its_options,
    volumes_of_another_container,
    drivers_that_are_not_there,
);

fn a_part_of_a_volume(client: &Client) {
    client.ok(
        "run --rm -v data:/d busybox sh -c 'mkdir -p /d/a/b; echo inner > /d/a/b/file; \
         ln -s a/b /d/link'",
    );
    for part in ["a/b", "link"] {
        let said = client.ok(&format!(
            "run --rm --mount type=volume,src=data,dst=/x,volume-subpath={part} busybox cat /x/file"
        ));
        assert_eq!(said, "inner");
    }
    let missing =
        client.run("run --rm --mount type=volume,src=data,dst=/x,volume-subpath=none busybox true");
    assert!(
        missing.stderr.contains("cannot access path"),
        "{}",
        missing.stderr
    );
}

/// A link in a volume leads nowhere else: neither up nor to the host's root.
fn a_part_of_a_volume_is_never_elsewhere(client: &Client) {
    client.ok("run --rm -v trap:/d busybox sh -c 'ln -s /etc /d/etc; ln -s ../../.. /d/up'");
    for part in ["etc", "up/etc"] {
        let refused = client.run(&format!(
            "run --rm --mount type=volume,src=trap,dst=/x,volume-subpath={part} busybox ls /x"
        ));
        assert!(!refused.stdout.contains("passwd"), "{}", refused.stdout);
        assert_ne!(refused.code, 0);
    }
}

fn binds_with_their_options(client: &Client) {
    let world = &client.daemon.world;
    let folder = world.folder().join("source");
    let source = folder.display();
    world
        .sh(&format!(
            "mkdir -p {source}/below && mount -t tmpfs below {source}/below && \
             touch {source}/below/file && mount --make-rshared {source}/below"
        ))
        .ok();
    let ls = |options: &str| {
        client.ok(&format!(
            "run --rm --mount type=bind,src={source},dst=/x{options} busybox sh -c \
             'ls /x/below; touch /x/below/new 2>&1 | grep -o Read-only; true'"
        ))
    };
    assert_eq!(ls(""), "file");
    assert_eq!(ls(",bind-recursive=disabled"), "");
    // The mounts below are read-only with the one above, unless that is not wanted.
    assert!(ls(",readonly").ends_with("Read-only"));
    assert_eq!(ls(",readonly,bind-recursive=writable"), "file\nnew");
    assert!(
        ls(",readonly,bind-recursive=readonly,bind-propagation=rprivate").ends_with("Read-only")
    );
    let missing = client.run("run --rm --mount type=bind,src=/no/such,dst=/x busybox true");
    assert!(
        missing.stderr.contains(
            "invalid mount config for type \"bind\": bind source path does not exist: /no/such"
        ),
        "{}",
        missing.stderr
    );
}

fn tmpfs_with_its_options(client: &Client) {
    let said = client.ok(
        "run --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox sh -c \
         'stat -c %a /t; grep \" /t \" /proc/mounts'",
    );
    assert!(said.starts_with("1770\n"), "{said}");
    assert!(said.contains("size=1024k"), "{said}");
    let said = client.ok("run --rm --tmpfs /t:rw,exec,size=2m,uid=5 busybox sh -c \
         'stat -c %u /t; grep \" /t \" /proc/mounts'");
    assert!(
        said.starts_with("5\n") && said.contains("size=2048k"),
        "{said}"
    );
    assert!(!said.contains("noexec"), "{said}");
    let refused = client.run("run --rm --tmpfs /t:wrong busybox true");
    assert!(
        refused.stderr.contains("invalid tmpfs option"),
        "{}",
        refused.stderr
    );
}

fn volumes_of_another_container(client: &Client) {
    client.ok("create --name data -v /data -v named:/named busybox true");
    client.ok("run --rm --volumes-from data busybox sh -c 'echo a > /data/f; echo b > /named/f'");
    let said = client.ok("run --rm --volumes-from data:ro busybox sh -c \
         'cat /data/f /named/f; touch /data/x 2>&1 | grep -o Read-only'");
    assert_eq!(said, "a\nb\nRead-only");
    client.ok("run --rm --volumes-from data:z busybox cat /data/f");
    let refused = client.run("run --rm --volumes-from nobody busybox true");
    assert!(
        refused.stderr.contains("No such container: nobody"),
        "{}",
        refused.stderr
    );
}

fn drivers_that_are_not_there(client: &Client) {
    let refused = client.run("create --volume-driver magic -v vol:/x busybox true");
    assert!(
        refused
            .stderr
            .contains("error looking up volume plugin magic: plugin \"magic\" not found"),
        "{}",
        refused.stderr
    );
}
