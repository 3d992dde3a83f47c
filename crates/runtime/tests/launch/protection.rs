//! Masked and read-only paths, a read-only root.

use crate::fixture::Fixture;

#[test]
fn masked_files_are_empty_and_masked_directories_too() {
    let mut fixture = Fixture::shell(
        "cat /proc/keys /proc/kcore /masked/file | wc -c; ls /masked/dir /masked/two /sys/firmware | grep -v : | wc -w; \
         touch /masked/dir/x",
    );
    fixture.file("/masked/file", "secret", 0o644);
    fixture.file("/masked/dir/inside", "", 0o644);
    fixture.file("/masked/two/inside", "", 0o644);
    let more = ["/masked/file", "/masked/dir", "/masked/two"].map(str::to_owned);
    fixture.linux().masked_paths.extend(more);
    let output = fixture.run();
    assert_eq!(output.stdout, "0\n0\n");
    assert!(
        output.stderr.contains("Read-only file system"),
        "{}",
        output.stderr
    );
}

#[test]
fn read_only_paths_refuse_writes() {
    let mut fixture =
        Fixture::shell("echo 1 > /proc/sys/kernel/panic; touch /locked/x; touch /free");
    fixture.file("/locked/file", "", 0o644);
    fixture.linux().readonly_paths.push("/locked".into());
    let output = fixture.run();
    assert_eq!(
        output.stderr.matches("Read-only file system").count(),
        2,
        "{}",
        output.stderr
    );
    assert_eq!(output.code, 0);
}

#[test]
fn a_read_only_root_leaves_mounts_writable() {
    let mut fixture = Fixture::shell("touch /x; touch /dev/shm/x && echo shm");
    fixture.spec.root.as_mut().unwrap().readonly = true;
    let output = fixture.run();
    assert_eq!(output.stdout, "shm\n");
    assert!(output.stderr.contains("Read-only file system"));
}

#[test]
fn a_null_that_is_none_masks_nothing_silently() {
    // The spec brings a /dev of its own whose null is a link to somewhere else.
    let host = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", host.path().join("null")).unwrap();
    let mut fixture = Fixture::shell("true");
    fixture
        .spec
        .mounts
        .retain(|mount| !mount.destination.starts_with("/dev"));
    fixture.mount("/dev", host.path(), &["rbind"]);
    let message = fixture.refused().to_string();
    assert!(message.starts_with("mask path /proc/"), "{message}");
}
