//! Parts of volumes, and images as mounts.

use crate::harness::{Client, through_both};

through_both!(
    a_part_of_a_volume_is_mounted_alone,
    an_images_files_are_mounted_read_only,
);

fn a_part_of_a_volume_is_mounted_alone(client: &Client) {
    client.ok("run --rm -v data:/d busybox sh -c 'mkdir -p /d/app/log; echo text > /d/app/log/file; ln -s app /d/link; ln -s /etc /d/out; ln -s ../.. /d/up'");
    let with = |subpath: &str, command: &str| {
        client.run(&format!(
            "run --rm --mount type=volume,source=data,target=/p,volume-subpath={subpath} busybox {command}"
        ))
    };
    assert_eq!(with("app/log", "cat /p/file").ok(), "text");
    assert_eq!(with("link/log", "ls /p").ok(), "file");
    assert_eq!(with("app/log/file", "cat /p").ok(), "text");
    with("app", "touch /p/new").ok();
    for (bad, why) in [
        ("out", "leads out of the volume"),
        ("up", "leads out of the volume"),
        (
            "../other",
            "subpath must be a relative path within the volume",
        ),
        ("/app", "subpath must be a relative path within the volume"),
        ("missing", "no such file or directory"),
    ] {
        let said = with(bad, "true");
        said.fails().says(why);
    }
    client
        .run("run --rm --mount type=volume,target=/p,volume-subpath=x busybox true")
        .fails()
        .says("must not set Subpath when using anonymous volumes");
    // It is there for cp too, while nothing runs.
    client.ok(
        "create --name box --mount type=volume,source=data,target=/p,volume-subpath=app busybox true",
    );
    assert_eq!(client.ok("cp box:/p/log/file - | tar -xO"), "text");
}

fn an_images_files_are_mounted_read_only(client: &Client) {
    client.ok("pull -q nginx");
    let mount = "--mount type=image,source=nginx,target=/image";
    assert_eq!(
        client.ok(&format!("run --rm {mount} busybox ls -d /image/etc/nginx")),
        "/image/etc/nginx"
    );
    client
        .run(&format!("run --rm {mount} busybox touch /image/x"))
        .exits(1)
        .says("Read-only file system");
    let part = format!("{mount},image-subpath=etc/nginx");
    assert_eq!(
        client.ok(&format!("run --rm {part} busybox ls -d /image/nginx.conf")),
        "/image/nginx.conf"
    );
    client
        .run(&format!(
            "run --rm {mount},image-subpath=no/such busybox true"
        ))
        .fails()
        .says("no such file or directory");
    client
        .run("run --rm --mount type=image,source=nobody/nothing,target=/i busybox true")
        .fails()
        .says("nobody/nothing");
    // Its layers stay as long as a container has it, and it starts again.
    client.ok(&format!(
        "run --name user {part} busybox cat /image/nginx.conf"
    ));
    client.run("rmi -f nginx");
    assert!(client.ok("start -a user").contains("http"));
    assert_eq!(
        client.ok("cp user:/image/nginx.conf - | tar -t"),
        "nginx.conf"
    );
    client.ok("rm user");
}
