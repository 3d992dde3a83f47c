//! Host folders and volumes in containers.

use std::fs;

use crate::harness::{Client, through_both};

through_both!(
    a_host_folder_is_shared_both_ways,
    a_named_volume_outlives_its_containers,
    an_anonymous_volume_goes_with_its_container,
);

fn a_host_folder_is_shared_both_ways(client: &Client) {
    let host = client.daemon.world.folder().join("shared");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("from-host"), "hello").unwrap();
    let host_text = host.display();
    let script = "cat /s/from-host; echo back > /s/from-container";
    let said = client.ok(&format!(
        "run --rm -v {host_text}:/s busybox sh -c '{script}'"
    ));
    assert_eq!(said, "hello");
    assert_eq!(
        fs::read_to_string(host.join("from-container")).unwrap(),
        "back\n"
    );
    let denied = client.run(&format!("run --rm -v {host_text}:/s:ro busybox touch /s/x"));
    denied.exits(1).says("Read-only file system");
    let mount = format!("--mount type=bind,source={host_text},target=/s,readonly");
    assert_eq!(
        client.ok(&format!("run --rm {mount} busybox cat /s/from-host")),
        "hello"
    );
    let missing = client.run("run --rm --mount type=bind,source=/no/such,target=/s busybox true");
    missing
        .exits(125)
        .says("bind source path does not exist: /no/such");
}

fn a_named_volume_outlives_its_containers(client: &Client) {
    client.ok("run --rm -v keep:/data busybox sh -c 'echo kept > /data/file'");
    assert_eq!(
        client.ok("run --rm -v keep:/other busybox cat /other/file"),
        "kept"
    );
    // A new volume starts with what the image has there.
    let copied = client.ok("run --rm -v fresh:/bin busybox sh -c 'ls /bin | wc -l'");
    assert!(copied.parse::<u32>().unwrap() > 1, "{copied}");
}

fn an_anonymous_volume_goes_with_its_container(client: &Client) {
    let volumes = client.daemon.world.folder().join("data/volumes");
    let count = || {
        fs::read_dir(&volumes).map_or(0, |entries| {
            entries.flatten().filter(|e| e.path().is_dir()).count()
        })
    };
    client.ok("run --rm -v /data busybox touch /data/file");
    assert_eq!(count(), 0);
    client.ok("run --name first -v /data busybox touch /data/file");
    assert_eq!(count(), 1);
    assert_eq!(
        client.ok("run --rm --volumes-from first busybox ls /data"),
        "file"
    );
    client.ok("rm -v first");
    assert_eq!(count(), 0);
}
