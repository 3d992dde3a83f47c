//! Nothing of the host leaks in: files, directories, programs.

use std::os::unix::fs::symlink;

use crate::fixture::Fixture;

#[test]
fn only_the_streams_are_open() {
    let _held = std::fs::File::open("/etc/hostname").unwrap();
    // ls itself opens the directory as 3.
    let text = Fixture::command(&["ls", "/proc/self/fd"]).run().text();
    assert_eq!(text, "0\n1\n2\n3");
}

#[test]
fn a_working_directory_cannot_be_a_leaked_descriptor() {
    for number in 3..16 {
        let mut fixture = Fixture::shell("pwd; ls");
        fixture.process().cwd = format!("/proc/self/fd/{number}");
        fixture.refused();
        let mut fixture = Fixture::shell("pwd; ls");
        symlink(format!("/proc/self/fd/{number}"), fixture.path("/cwd")).unwrap();
        fixture.process().cwd = "/cwd".into();
        fixture.refused();
    }
}

#[test]
fn the_hosts_root_is_gone() {
    let fixture = Fixture::shell(
        "grep -vE ' (/|/proc|/dev|/sys)[ /]' /proc/mounts; ls -d /../../../etc/passwd; \
         wc -l < /etc/passwd",
    );
    assert_eq!(fixture.run().text(), "/../../../etc/passwd\n2");
}

#[test]
fn the_session_and_its_keyring_are_its_own() {
    let text = Fixture::shell("cat /proc/self/stat | { read a b c d e sid rest; echo $sid; }")
        .run()
        .text();
    assert_eq!(text, "1");
}

#[test]
fn a_program_of_ours_is_protected() {
    let program = gantry_runtime::own_program().unwrap();
    assert!(gantry_sys::memfd::is_sealed(&program));
}
