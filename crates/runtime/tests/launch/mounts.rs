//! Bind mounts, tmpfs, and targets that want to lead elsewhere.

use std::fs;
use std::os::unix::fs::symlink;

use crate::fixture::Fixture;
use gantry_oci::Mount;

#[test]
fn a_directory_and_a_file_are_bound() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("file"), "from the host").unwrap();
    let mut fixture = Fixture::shell(
        "cat /data/deep/file /etc/one; echo new > /data/deep/made; mount | grep -c /data",
    );
    fixture.mount("/data/deep", host.path(), &["rbind", "rprivate"]);
    fixture.mount("/etc/one", &host.path().join("file"), &["rbind"]);
    assert_eq!(fixture.run().text(), "from the hostfrom the host1");
    assert_eq!(
        fs::read_to_string(host.path().join("made")).unwrap(),
        "new\n"
    );
}

#[test]
fn read_only_binds_refuse_writes() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("below")).unwrap();
    for option in ["ro", "rro"] {
        let mut fixture =
            Fixture::shell("touch /data/x; touch /data/below/x; grep /data /proc/mounts");
        fixture.mount("/data", host.path(), &["rbind", option, "nosuid", "noexec"]);
        let output = fixture.run();
        assert_eq!(output.stderr.matches("Read-only file system").count(), 2);
        assert!(
            output.stdout.contains("ro,nosuid,noexec"),
            "{}",
            output.stdout
        );
    }
    assert!(!host.path().join("x").exists());
}

#[test]
fn a_recursive_bind_brings_what_is_mounted_below() {
    // Mounted through a volume of the container itself: nothing of the machine's is touched.
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("tree")).unwrap();
    let output = gantry_sys::namespaces::in_private_mounts(|| {
        let flags = rustix::mount::MountFlags::empty();
        let inner = host.path().join("tree");
        rustix::mount::mount(c"t", &inner, c"tmpfs", flags, None).unwrap();
        fs::write(inner.join("hidden"), "").unwrap();
        let run = |options: &[&str]| {
            let mut fixture = Fixture::shell("ls /data/tree; touch /data/tree/x 2>&1");
            fixture.mount("/data", host.path(), options);
            fixture.run().stdout
        };
        (run(&["rbind"]), run(&["bind"]), run(&["rbind", "rro"]))
    })
    .unwrap();
    assert_eq!(output.0, "hidden\n");
    assert_eq!(output.1, "");
    assert!(output.2.contains("Read-only"), "{}", output.2);
}

#[test]
fn tmpfs_takes_size_and_mode() {
    let mut fixture = Fixture::shell(
        "stat -c %a /tmp /new /kept; df -k /tmp | grep -c 1024; dd if=/dev/zero of=/tmp/f bs=1M count=2",
    );
    fixture.file("/kept/x", "", 0o644);
    fs::set_permissions(
        fixture.path("/kept"),
        std::os::unix::fs::PermissionsExt::from_mode(0o2750),
    )
    .unwrap();
    let tmpfs = |destination: &str, options: &[&str]| Mount {
        destination: destination.into(),
        kind: Some("tmpfs".into()),
        source: Some("tmpfs".into()),
        options: options.iter().map(|&o| o.to_owned()).collect(),
        ..Mount::default()
    };
    fixture
        .spec
        .mounts
        .push(tmpfs("/tmp", &["size=1m", "mode=1700", "noexec"]));
    fixture.spec.mounts.push(tmpfs("/new", &[]));
    fixture.spec.mounts.push(tmpfs("/kept", &[]));
    let output = fixture.run();
    assert!(
        output.stdout.starts_with("1700\n1777\n2750\n1\n"),
        "{}",
        output.stdout
    );
    assert!(output.stderr.contains("No space left"), "{}", output.stderr);
}

#[test]
fn links_in_the_image_do_not_lead_a_mount_outside() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("mark"), "").unwrap();
    let outside = tempfile::tempdir().unwrap();
    let escape = outside.path().to_str().unwrap();
    let mut fixture = Fixture::shell("ls -d /target/* /*/inner /tmp/x*/* 2>/dev/null; true");
    symlink("/", fixture.path("/absolute")).unwrap();
    symlink("../../../../../../../..", fixture.path("/dots")).unwrap();
    symlink(escape, fixture.path("/out")).unwrap();
    fixture.mount("/absolute/target", host.path(), &["rbind"]);
    fixture.mount("/dots/tmp/xyz", host.path(), &["rbind"]);
    fixture.mount("/out/inner", host.path(), &["rbind"]);
    let text = fixture.run().text();
    assert!(
        text.contains("/target/mark") && text.contains("/tmp/xyz/mark"),
        "{text}"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    // What was missing was made inside, where the link leads there.
    assert!(fixture.path(&format!("{escape}/inner")).is_dir());
}

#[test]
fn a_file_target_behind_a_dangling_link_is_made_inside() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("resolv"), "nameserver").unwrap();
    let mut fixture = Fixture::shell("cat /etc/resolv.conf");
    symlink(
        "../run/systemd/resolve/stub",
        fixture.path("/etc/resolv.conf"),
    )
    .unwrap();
    fixture.mount("/etc/resolv.conf", &host.path().join("resolv"), &["rbind"]);
    assert_eq!(fixture.run().text(), "nameserver");
    assert!(fixture.path("/run/systemd/resolve/stub").exists());
}

#[test]
fn proc_must_not_be_a_link() {
    let fixture = Fixture::shell("true");
    fs::remove_dir(fixture.path("/proc")).unwrap();
    symlink("/tmp", fixture.path("/proc")).unwrap();
    let message = fixture.refused().to_string();
    assert!(message.contains("symbolic link"), "{message}");
}

#[test]
fn a_directory_on_a_file_says_so() {
    let host = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::shell("true");
    fixture.mount("/etc/passwd", host.path(), &["rbind"]);
    let message = fixture.refused().to_string();
    assert!(
        message.contains("Are you trying to mount a directory onto a file"),
        "{message}"
    );
    let mut fixture = Fixture::shell("true");
    fs::write(host.path().join("file"), "").unwrap();
    fixture.mount("/home", &host.path().join("file"), &["rbind"]);
    let message = fixture.refused().to_string();
    assert!(
        message.contains("Are you trying to mount a directory onto a file"),
        "{message}"
    );
}

#[test]
fn unknown_things_are_refused() {
    let mut fixture = Fixture::shell("true");
    fixture.spec.mounts.push(Mount {
        destination: "/x".into(),
        kind: Some("nonesuchfs".into()),
        ..Mount::default()
    });
    let message = fixture.refused().to_string();
    assert!(message.contains("no such device"), "{message}");
    let mut fixture = Fixture::shell("true");
    fixture.mount("/x", "/no/such/source".as_ref(), &["rbind"]);
    let message = fixture.refused().to_string();
    assert!(message.ends_with("stat /no/such/source: no such file or directory"));
}

#[test]
fn nothing_spreads_to_the_host() {
    let mut fixture = Fixture::shell("mount -t tmpfs t /data && grep -c /data /proc/mounts");
    let host = tempfile::tempdir().unwrap();
    fixture.mount("/data", host.path(), &["rbind"]);
    crate::fixture::privileged(&mut fixture);
    assert_eq!(fixture.run().text(), "2");
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!table.contains(host.path().to_str().unwrap()));
    assert!(!table.contains(fixture.root.path().to_str().unwrap()));
}

/// An overlay over the fixture's root that is mounted nowhere.
fn detached_overlay(fixture: &Fixture, scratch: &std::path::Path) -> std::os::fd::OwnedFd {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
    let context = rustix::mount::fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
    let set = |key: &str, path: &std::path::Path| {
        fs::create_dir_all(path).unwrap();
        rustix::mount::fsconfig_set_string(&context, key, path).unwrap();
    };
    set("lowerdir", fixture.root.path());
    set("upperdir", &scratch.join("upper"));
    set("workdir", &scratch.join("work"));
    rustix::mount::fsconfig_create(&context).unwrap();
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    rustix::mount::fsmount(&context, flags, MountAttrFlags::empty()).unwrap()
}

#[test]
fn a_detached_overlay_is_the_root() {
    use std::os::fd::AsFd;
    let mut fixture = Fixture::shell("echo new > /made; grep -c ' / overlay' /proc/mounts");
    fixture.process().cwd = "/work/here".into();
    let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
    let mount = detached_overlay(&fixture, scratch.path());
    let (stdio, stdout, _) = crate::fixture::pipes(b"");
    let launch = gantry_runtime::Launch {
        root: gantry_runtime::Root::Mount(mount.as_fd()),
        ..fixture.launch(stdio)
    };
    let running = gantry_runtime::create(launch).unwrap().start().unwrap();
    drop(mount);
    assert_eq!(crate::fixture::reap(&running.child), 0);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut fs::File::from(stdout), &mut text).unwrap();
    assert_eq!(text, "1\n");
    let upper = scratch.path().join("upper");
    assert_eq!(fs::read_to_string(upper.join("made")).unwrap(), "new\n");
    assert!(upper.join("work/here").is_dir() && !fixture.path("/made").exists());
}

#[test]
fn the_roots_propagation_is_as_asked() {
    for (asked, field) in [
        ("rshared", "shared:"),
        ("rslave", ""),
        ("unbindable", "unbindable"),
    ] {
        let mut fixture =
            Fixture::shell("grep -E '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / ' /proc/self/mountinfo");
        fixture.linux().rootfs_propagation = Some(asked.into());
        let text = fixture.run().text();
        assert!(text.contains(field), "{asked}: {text}");
        assert!(!text.contains("master:"), "{asked}: {text}");
    }
}
