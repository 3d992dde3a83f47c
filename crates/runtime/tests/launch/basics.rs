//! A container runs, says something and ends.

use crate::fixture::{Fixture, pipes, reap};

#[test]
fn output_input_and_exit_code() {
    let mut fixture = Fixture::shell("cat; echo err >&2; exit 42");
    fixture.input = b"through".into();
    let output = fixture.run();
    assert_eq!(output.stdout, "through");
    assert_eq!(output.stderr, "err\n");
    assert_eq!(output.code, 42);
    assert_eq!(output.warnings, Vec::<String>::new());
}

#[test]
fn a_created_container_waits_for_its_start() {
    let fixture = Fixture::shell("echo ran > /mark");
    let (stdio, ..) = pipes(b"");
    let created = fixture.create(stdio).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert!(!fixture.path("mark").exists());
    assert_eq!(fixture.cgroup.procs().unwrap(), [created.pid()]);
    let running = created.start().unwrap();
    assert_eq!(reap(&running.child), 0);
    assert!(fixture.path("mark").exists());
}

#[test]
fn a_dropped_container_is_gone() {
    let fixture = Fixture::shell("sleep 100");
    let (stdio, ..) = pipes(b"");
    let created = fixture.create(stdio).unwrap();
    let pid = created.pid();
    drop(created);
    rustix::process::test_kill_process(pid).unwrap_err();
    assert!(fixture.cgroup.procs().unwrap().is_empty());
}

#[test]
fn the_environment_is_the_specs_with_home() {
    let mut fixture = Fixture::command(&["env"]);
    fixture.process().env.push("A=b c".into());
    assert_eq!(
        fixture.run().text(),
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nA=b c\nHOME=/root"
    );
    fixture.process().user.uid = 1000;
    assert!(fixture.run().text().ends_with("HOME=/home"));
    fixture.process().user.uid = 77;
    assert!(fixture.run().text().ends_with("HOME=/"));
    fixture.process().env.push("HOME=/mine".into());
    assert!(fixture.run().text().ends_with("HOME=/mine"));
}

#[test]
fn the_working_directory_is_made_and_entered() {
    let mut fixture = Fixture::command(&["pwd"]);
    fixture.process().cwd = "/srv/deep/work".into();
    assert_eq!(fixture.run().text(), "/srv/deep/work");
    assert!(fixture.path("/srv/deep/work").is_dir());
}

#[test]
fn a_working_directory_that_is_a_file_is_refused() {
    let mut fixture = Fixture::command(&["pwd"]);
    fixture.file("/srv/file", "", 0o644);
    fixture.process().cwd = "/srv/file".into();
    assert_eq!(
        fixture.refused().to_string(),
        "chdir to cwd (\"/srv/file\") set in config.json failed: not a directory"
    );
}

#[test]
fn signals_are_as_a_new_program_expects_them() {
    let fixture = Fixture::command(&["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"]);
    let text = fixture.run().text();
    assert_eq!(text.matches("0000000000000000").count(), 3, "{text}");
}

#[test]
fn a_killed_process_says_which_signal() {
    // PID 1 is immune to its own SIGKILL; only the outside may.
    let fixture = Fixture::shell("kill -KILL $$; sleep 9");
    let running = fixture.start();
    running.signal(libc::SIGKILL);
    assert_eq!(running.wait().code, 137);
}
