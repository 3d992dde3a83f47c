//! Commands that cannot be executed, in Docker's words.

use crate::fixture::Fixture;
use gantry_runtime::Kind;

#[track_caller]
fn check(fixture: &Fixture, kind: Kind, message: &str) {
    let error = fixture.refused();
    assert_eq!((error.to_string().as_str(), error.kind()), (message, kind));
    assert!(fixture.cgroup.procs().unwrap().is_empty());
}

#[test]
fn a_missing_command_is_127() {
    check(
        &Fixture::command(&["nonesuch"]),
        Kind::CommandNotFound,
        "exec: \"nonesuch\": executable file not found in $PATH",
    );
    check(
        &Fixture::command(&["/no/such"]),
        Kind::CommandNotFound,
        "exec: \"/no/such\": stat /no/such: no such file or directory",
    );
}

#[test]
fn what_is_not_executable_is_126() {
    let fixture = Fixture::command(&["/etc/passwd"]);
    let denied = "exec: \"/etc/passwd\": permission denied";
    check(&fixture, Kind::CommandNotExecutable, denied);
    let directory = "exec: \"/etc\": is a directory";
    check(
        &Fixture::command(&["/etc"]),
        Kind::CommandNotExecutable,
        directory,
    );
}

#[test]
fn a_user_may_not_execute_what_is_roots() {
    let mut fixture = Fixture::command(&["/secret"]);
    fixture.file("/secret", "#!/bin/sh\n", 0o700);
    fixture.process().user.uid = 1000;
    // Without CAP_DAC_OVERRIDE in effect, which the engine leaves out for users.
    let capabilities = fixture.process().capabilities.as_mut().unwrap();
    capabilities.effective.clear();
    capabilities.permitted.clear();
    let denied = "exec: \"/secret\": permission denied";
    check(&fixture, Kind::CommandNotExecutable, denied);
}

#[test]
fn what_only_execve_can_say() {
    let fixture = Fixture::command(&["/bin/text"]);
    fixture.file("/bin/text", "just text", 0o755);
    check(
        &fixture,
        Kind::CommandNotExecutable,
        "exec /bin/text: exec format error",
    );
    let fixture = Fixture::command(&["script"]);
    fixture.file("/bin/script", "#!/no/interpreter\n", 0o755);
    let message = "exec /bin/script: no such file or directory";
    check(&fixture, Kind::CommandNotFound, message);
}

#[test]
fn the_path_skips_what_cannot_be_executed() {
    let mut fixture = Fixture::command(&["tool"]);
    fixture.file("/first/tool", "#!/bin/sh\necho wrong", 0o644);
    fixture.file("/second/tool", "#!/bin/sh\necho right", 0o755);
    fixture.process().env = vec!["PATH=/none:/first:/second".into()];
    assert_eq!(fixture.run().text(), "right");
}
