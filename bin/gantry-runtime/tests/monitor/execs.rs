//! Further processes in a running container.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use gantry_monitor::protocol::{Attach, Event, Exec, Failure, FailureKind, Reply, Request};
use gantry_oci::Process;

use crate::container::Container;
use crate::daemon::{Client, Daemon, framed, terminal};

fn sleeper() -> (Container, Daemon) {
    let container = Container::of("sleep 1000");
    let daemon = Daemon::started(&container);
    (container, daemon)
}

pub(crate) fn exec_of(id: &str, args: &[&str]) -> Exec {
    let process = Process {
        args: args.iter().map(ToString::to_string).collect(),
        env: vec!["PATH=/bin".into()],
        cwd: "/".into(),
        ..Process::default()
    };
    Exec {
        id: id.into(),
        process,
        unconfined: false,
        attach: None,
    }
}

fn run(daemon: &mut Daemon, mut exec: Exec, attach: Attach) -> Result<Client, Failure> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    exec.attach = Some(attach);
    let reply = daemon.call(Request::Exec(Box::new(exec)), &[theirs.as_fd()])?;
    assert!(matches!(reply, Reply::ExecStarted { .. }), "{reply:?}");
    Ok(Client::over(ours))
}

#[test]
fn an_exec_has_its_own_streams_and_exit_code() {
    let (_container, mut daemon) = sleeper();
    let exec = exec_of("one", &["sh", "-c", "cat; echo err >&2; exit 7"]);
    let mut client = run(&mut daemon, exec, framed(true)).unwrap();
    client.send("input\n");
    client.end_input();
    assert_eq!(client.rest_of_frames(), ("input\n".into(), "err\n".into()));
    assert_eq!(
        daemon.event(),
        Event::ExecExited {
            id: "one".into(),
            code: 7
        }
    );
}

#[test]
fn the_exit_code_is_known_before_the_stream_ends() {
    let (_container, mut daemon) = sleeper();
    for n in 0..20 {
        let id = n.to_string();
        let mut client = run(&mut daemon, exec_of(&id, &["true"]), framed(false)).unwrap();
        client.rest();
        let Ok(Reply::Status(status)) = daemon.call(Request::Status, &[]) else {
            panic!()
        };
        let exec = status.execs.iter().find(|e| e.id == id).unwrap();
        assert_eq!(exec.code, Some(0));
    }
}

#[test]
fn an_exec_with_a_terminal_can_be_resized_and_left() {
    let (_container, mut daemon) = sleeper();
    let mut exec = exec_of("tty", &["sh", "-c", "tty; read x; stty size; cat"]);
    exec.process.terminal = true;
    let mut client = run(&mut daemon, exec, terminal()).unwrap();
    client.read_until("/dev/pts/0\r\n");
    let resize = Request::Resize {
        exec: Some("tty".into()),
        rows: 5,
        columns: 6,
    };
    assert_eq!(daemon.call(resize, &[]), Ok(Reply::Ok));
    client.send("\n");
    client.read_until("5 6\r\n");
    client.send("\x10\x11");
    client.rest();
    assert_eq!(
        daemon.event(),
        Event::Detached {
            exec: Some("tty".into()),
            by_keys: true
        }
    );
    let kill = Request::Signal {
        exec: Some("tty".into()),
        signal: 9,
    };
    assert_eq!(daemon.call(kill, &[]), Ok(Reply::Ok));
    assert_eq!(
        daemon.event(),
        Event::ExecExited {
            id: "tty".into(),
            code: 137
        }
    );
}

#[test]
fn an_exec_without_client_runs_and_is_reported() {
    let (_container, mut daemon) = sleeper();
    let exec = exec_of("silent", &["sh", "-c", "echo nobody hears; cat; exit 2"]);
    let reply = daemon.call(Request::Exec(Box::new(exec)), &[]);
    assert!(matches!(reply, Ok(Reply::ExecStarted { .. })), "{reply:?}");
    assert_eq!(
        daemon.event(),
        Event::ExecExited {
            id: "silent".into(),
            code: 2
        }
    );
}

#[test]
fn an_exec_that_cannot_be_run_says_why() {
    let (_container, mut daemon) = sleeper();
    for (command, kind) in [
        ("nonsense", FailureKind::CommandNotFound),
        ("/tmp/plain", FailureKind::CommandNotExecutable),
    ] {
        let failure = run(&mut daemon, exec_of("x", &[command]), framed(false));
        assert_eq!(failure.err().unwrap().kind, kind);
    }
}

#[test]
fn an_exec_dies_with_its_container() {
    let (container, mut daemon) = sleeper();
    let exec = exec_of("long", &["sleep", "1000"]);
    let mut client = run(&mut daemon, exec, framed(false)).unwrap();
    let kill = Request::Signal {
        exec: None,
        signal: 9,
    };
    assert_eq!(daemon.call(kill, &[]), Ok(Reply::Ok));
    assert_eq!(
        daemon.event(),
        Event::ExecExited {
            id: "long".into(),
            code: 137
        }
    );
    assert_eq!(daemon.exit().code, 137);
    client.rest();
    let late = run(&mut daemon, exec_of("late", &["true"]), framed(false));
    assert_eq!(late.err().unwrap().kind, FailureKind::WrongState);
    daemon.dismiss();
    assert!(!container.has_cgroup());
}

#[test]
fn a_process_left_behind_by_an_exec_does_not_hold_its_client() {
    let (_container, mut daemon) = sleeper();
    let exec = exec_of("bg", &["sh", "-c", "sleep 1000 & echo started"]);
    let mut client = run(&mut daemon, exec, framed(false)).unwrap();
    assert_eq!(client.rest_of_frames().0, "started\n");
    assert_eq!(
        daemon.event(),
        Event::ExecExited {
            id: "bg".into(),
            code: 0
        }
    );
}
