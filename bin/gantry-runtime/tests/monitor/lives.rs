//! From launch to exit.

use gantry_monitor::protocol::{ExitRecord, FailureKind, Reply, Request};

use crate::container::Container;
use crate::daemon::Daemon;

fn record(container: &Container) -> ExitRecord {
    let text = std::fs::read(container.run_dir().join("exit.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn kill(daemon: &mut Daemon, signal: i32) {
    assert_eq!(
        daemon.call(Request::Signal { exec: None, signal }, &[]),
        Ok(Reply::Ok)
    );
}

#[test]
fn a_container_runs_and_its_exit_is_told_and_recorded() {
    let container = Container::of("exit 3");
    let mut daemon = Daemon::started(&container);
    let exit = daemon.exit();
    assert_eq!((exit.code, exit.signal, exit.oom_killed), (3, None, false));
    assert!(!container.run_dir().join("monitor.sock").exists());
    let record = record(&container);
    assert_eq!(record.exit, exit);
    assert_eq!(record.id, container.launch.id);
    assert!(record.started_at > 0 && record.started_at <= exit.finished_at);
    daemon.dismiss();
    assert!(!container.has_cgroup());
}

#[test]
fn signals_reach_the_first_process() {
    let container = Container::of("trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done");
    let mut daemon = Daemon::started(&container);
    while container.log().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    kill(&mut daemon, 10);
    assert_eq!(daemon.exit().code, 9);
}

#[test]
fn a_killed_container_says_by_what() {
    let container = Container::of("sleep 1000");
    let mut daemon = Daemon::started(&container);
    kill(&mut daemon, 9);
    let exit = daemon.exit();
    assert_eq!((exit.code, exit.signal), (137, Some(9)));
    let again = daemon
        .call(
            Request::Signal {
                exec: None,
                signal: 9,
            },
            &[],
        )
        .unwrap_err();
    assert_eq!(again.kind, FailureKind::WrongState);
    daemon.dismiss();
}

#[test]
fn a_command_that_is_not_there_or_not_executable_fails_the_start_and_leaves_nothing() {
    for (command, kind) in [
        ("nonsense", FailureKind::CommandNotFound),
        ("/tmp/plain", FailureKind::CommandNotExecutable),
    ] {
        let container = Container::running(&[command]);
        container.write_spec();
        let mut daemon = Daemon::new();
        // Which of the two notices is the runtime's affair.
        let failure = daemon
            .call(Request::Launch(Box::new(container.launch.clone())), &[])
            .and_then(|_| daemon.call(Request::Start, &[]))
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        daemon.wait_for_monitor();
        assert!(!container.has_cgroup());
        assert!(!container.run_dir().join("exit.json").exists());
        assert!(!container.run_dir().join("monitor.sock").exists());
    }
}

#[test]
fn a_launch_without_specification_fails_and_leaves_nothing() {
    let container = Container::of("true");
    let mut daemon = Daemon::new();
    let launch = Request::Launch(Box::new(container.launch.clone()));
    let failure = daemon.call(launch, &[]).unwrap_err();
    assert!(failure.message.contains("config.json"), "{failure}");
    daemon.wait_for_monitor();
    assert!(!container.run_dir().join("monitor.sock").exists());
}

#[test]
fn requests_at_the_wrong_time_are_refused() {
    let container = Container::of("sleep 1000");
    let mut daemon = Daemon::new();
    let failure = daemon.call(Request::Start, &[]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongState);
    drop(daemon);

    let mut daemon = Daemon::started(&container);
    let failure = daemon.call(Request::Start, &[]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::WrongState);
    let launch = Request::Launch(Box::new(container.launch.clone()));
    assert_eq!(
        daemon.call(launch, &[]).unwrap_err().kind,
        FailureKind::WrongState
    );
    let resize = Request::Resize {
        exec: Some("none".into()),
        rows: 1,
        columns: 1,
    };
    assert_eq!(
        daemon.call(resize, &[]).unwrap_err().kind,
        FailureKind::NoSuchExec
    );
    kill(&mut daemon, 9);
    daemon.exit();
    daemon.dismiss();
}

#[test]
fn the_program_gets_signals_as_they_should_be() {
    let container = Container::running(&["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]);
    let mut daemon = Daemon::started(&container);
    assert_eq!(daemon.exit().code, 0);
    for (_, line) in container.log() {
        assert!(line.ends_with("0000000000000000\n"), "{line}");
    }
}

#[test]
fn our_init_reaps_and_passes_on_the_exit_code() {
    let container = Container::of("echo $$; exit 5").with_init();
    let mut daemon = Daemon::started(&container);
    assert_eq!(daemon.exit().code, 5);
    assert_ne!(container.log()[0].1, "1\n");
    daemon.dismiss();
}
