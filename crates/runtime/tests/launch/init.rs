//! The PID 1 of `--init`.

use std::fs::File;
use std::path::PathBuf;

use crate::fixture::Fixture;
use gantry_runtime::Kind;
use gantry_sys::memfd;

/// Cargo builds examples with the tests, beside them.
fn with_init(script: &str) -> Fixture {
    let mut fixture = Fixture::shell(script);
    let tests: PathBuf = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/init");
    let program = File::open(&program).unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    fixture.init = Some(memfd::sealed_copy("init", &program).unwrap());
    fixture
}

#[test]
fn it_is_pid_1_and_passes_the_exit_code_on() {
    let fixture =
        with_init("head -c 17 /proc/1/cmdline; echo; cat /proc/1/comm; test $$ != 1 && exit 33");
    let output = fixture.run();
    assert_eq!(output.stdout, "/sbin/docker-init\ndocker-init\n");
    assert_eq!(output.code, 33);
    assert_eq!(with_init("kill -TERM $$").run().code, 143);
}

#[test]
fn it_reaps_orphans() {
    let fixture = with_init(
        "(sleep 0.1 & ) ; (true &); sleep 0.5; i=0; \
         while [ $i -lt 300 ] && cat /proc/[0-9]*/stat | grep -q ') Z'; do sleep 0.1; i=$((i + 1)); done; \
         cat /proc/[0-9]*/stat | grep -c ') Z'; true",
    );
    assert_eq!(fixture.run().text(), "0");
}

#[test]
fn it_forwards_signals() {
    let fixture = with_init("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done");
    let live = fixture.start();
    std::thread::sleep(std::time::Duration::from_millis(300));
    live.signal(libc::SIGTERM);
    let output = live.wait();
    assert_eq!((output.stdout.as_str(), output.code), ("up\nbye\n", 7));
}

#[test]
fn a_missing_command_is_found_out_before() {
    let mut fixture = with_init("");
    fixture.process().args = vec!["nope".into()];
    assert_eq!(fixture.refused().kind(), Kind::CommandNotFound);
}

#[test]
fn it_works_under_dockers_filter() {
    // That filter hides clone3 (ENOSYS).
    let mut fixture = with_init("exit 12");
    let capabilities = fixture.process().capabilities.clone().unwrap().bounding;
    let kernel = gantry_seccomp::KernelVersion::running();
    fixture.linux().seccomp = Some(gantry_seccomp::default_profile(&capabilities, kernel));
    assert_eq!(fixture.run().code, 12);
}

#[test]
fn it_hands_the_terminal_to_the_program() {
    use gantry_runtime::Stdio;
    let fixture =
        with_init("read line; trap 'exit 4' INT; echo got $line; while :; do sleep 1; done");
    let running = fixture
        .create(Stdio::Terminal { size: None })
        .unwrap()
        .start()
        .unwrap();
    let master = running.terminal.as_ref().unwrap();
    rustix::io::write(master, b"hi\n").unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("got hi") {
        let mut buffer = [0; 256];
        let n = rustix::io::read(master, &mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..n]);
    }
    rustix::io::write(master, b"\x03").unwrap();
    assert_eq!(crate::fixture::reap(&running.child), 4);
}
