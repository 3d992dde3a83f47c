//! Device nodes, rules for them, and devices that describe themselves.

use crate::harness::{Client, through_both};

through_both!(
    a_device_comes_with_its_permissions,
    a_directory_of_devices_comes_as_a_whole,
    rules_allow_what_is_not_there_yet,
    a_described_device_brings_all_it_needs,
    gpus_need_a_driver,
);

fn a_device_comes_with_its_permissions(client: &Client) {
    // What no container has by itself, and everybody may open.
    let said = client.ok(
        "run --rm --device /dev/net/tun:/dev/way-out:r busybox sh -c \
         'ls -l /dev/way-out; (: < /dev/way-out) && echo readable; \
          (: > /dev/way-out) 2>&1 | grep -o \"Operation not permitted\"'",
    );
    assert!(said.contains("10, 200"), "{said}");
    assert!(said.contains("readable\nOperation not permitted"), "{said}");
    let denied = client.run("run --rm busybox sh -c 'mknod /k c 10 200 && : < /k'");
    assert!(denied.stderr.contains("Operation not permitted"));
    let missing = client.run("run --rm --device /dev/no-such busybox true");
    assert!(
        missing.stderr.contains(
            "error gathering device information while adding custom device \"/dev/no-such\": no \
             such file or directory"
        ),
        "{}",
        missing.stderr
    );
}

fn a_directory_of_devices_comes_as_a_whole(client: &Client) {
    client
        .daemon
        .world
        .sh("mount -t tmpfs none /mnt && mkdir /mnt/d && mknod /mnt/d/a c 1 3 && mknod /mnt/d/b c 1 5")
        .ok();
    let said = client.ok("run --rm --device /mnt/d:/dev/mine busybox ls /dev/mine");
    assert_eq!(said, "a\nb");
}

fn rules_allow_what_is_not_there_yet(client: &Client) {
    let script = "'mknod /k c 10 200 && (: < /k) && echo open'";
    let said = client.ok(&format!(
        "run --rm --device-cgroup-rule \"c 10:200 rmw\" busybox sh -c {script}"
    ));
    assert_eq!(said, "open");
}

/// A description in YAML: a node, variables, a mount, and a hook in the container's namespaces.
const DESCRIPTION: &str = r#"
set -e
mkdir -p "$F/etc/cdi" "$F/lib"
echo of-the-driver > "$F/lib/library"
cat > "$F/hook" <<'END'
#!/bin/sh
root=$(sed 's/.*"bundle":"\([^"]*\)".*/\1/')/rootfs
echo "$HOOKED $(cat $root/etc/hostname)" > "$root/tmp/hooked"
END
chmod +x "$F/hook"
cat > "$F/etc/cdi/vendor.yaml" <<END
cdiVersion: "0.6.0"
kind: vendor.com/thing
containerEdits:
  env: [ALL=1]
devices:
- name: one
  containerEdits:
    env: [ONE=1]
    deviceNodes:
    - path: /dev/thing
      hostPath: /dev/net/tun
      permissions: r
    mounts:
    - hostPath: $F/lib
      containerPath: /usr/lib/thing
      options: [ro, rbind]
    hooks:
    - hookName: createContainer
      path: $F/hook
      env: [HOOKED=yes, PATH=/usr/bin:/bin]
END
mount -t overlay overlay -o "lowerdir=$F/etc:/etc" /etc
"#;

fn a_described_device_brings_all_it_needs(client: &Client) {
    let world = &client.daemon.world;
    world
        .sh(&format!("F={}\n{DESCRIPTION}", world.folder().display()))
        .ok();
    let said = client.ok(
        "run --rm --hostname box --device vendor.com/thing=one busybox sh -c \
         'echo $ALL$ONE; (: < /dev/thing) && cat /usr/lib/thing/library; cat /tmp/hooked; \
          touch /usr/lib/thing/x 2>&1 | grep -o Read-only'",
    );
    assert_eq!(said, "11\nof-the-driver\nyes box\nRead-only");
    let missing = client.run("run --rm --device vendor.com/thing=two busybox true");
    assert!(
        missing
            .stderr
            .contains("CDI device injection failed: unresolvable CDI devices vendor.com/thing=two"),
        "{}",
        missing.stderr
    );
}

fn gpus_need_a_driver(client: &Client) {
    let refused = client.run("run --rm --gpus all busybox true");
    assert_eq!(refused.code, 125);
    assert!(
        refused
            .stderr
            .contains("could not select device driver \"\" with capabilities: [[gpu]]"),
        "{}",
        refused.stderr
    );
}
