//! Daemons that die and come back.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use gantry_monitor::protocol::{ExitRecord, Reply, Request};

use crate::container::Container;
use crate::daemon::{Daemon, PATIENCE, framed};

fn wait_for(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_container_outlives_its_daemon_and_leaves_its_exit_code() {
    let container = Container::of("read x; echo later; exit 6").with_stdin(true);
    let mut daemon = Daemon::started(&container);
    let mut client = daemon.attach(framed(true));
    daemon.close();
    client.send("go on\n");
    assert_eq!(client.rest_of_frames().0, "later\n");
    daemon.wait_for_monitor();
    let text = std::fs::read(container.run_dir().join("exit.json")).unwrap();
    let record: ExitRecord = serde_json::from_slice(&text).unwrap();
    assert_eq!(record.exit.code, 6);
    assert_eq!(container.log(), [("stdout", "later\n".to_owned())]);
    assert!(!container.has_cgroup());
}

#[test]
fn a_daemon_that_comes_back_learns_everything() {
    let mut container = Container::of("sleep 1000");
    container.launch.reserved = 1;
    container.launch.layers = 2;
    container.write_spec();
    let mut first = Daemon::new();
    let null = std::fs::File::open("/dev/null").unwrap();
    let launch = Request::Launch(Box::new(container.launch.clone()));
    let fds = [null.as_fd(), null.as_fd(), null.as_fd()];
    let Ok(Reply::Launched { pid, .. }) = first.call(launch, &fds) else {
        panic!()
    };
    let Ok(Reply::Started { started_at, .. }) = first.call(Request::Start, &[]) else {
        panic!()
    };
    first.close();

    let mut second = Daemon::reconnected(&container);
    let Ok(Reply::Status(status)) = second.call(Request::Status, &[]) else {
        panic!()
    };
    assert_eq!(status.id, container.launch.id);
    assert_eq!((status.pid, status.started_at), (pid, Some(started_at)));
    assert_eq!(status.exit, None);
    let kept = second.call(Request::TakeKept, &[]);
    assert_eq!(
        kept,
        Ok(Reply::Kept {
            reserved: 1,
            layers: 2
        })
    );
    assert_eq!(second.fds.len(), 3);

    // The newest daemon is the one that is told.
    let mut third = Daemon::reconnected(&container);
    assert!(third.call(Request::Status, &[]).is_ok());
    assert_eq!(
        third.call(
            Request::Signal {
                exec: None,
                signal: 9
            },
            &[]
        ),
        Ok(Reply::Ok)
    );
    assert_eq!(third.exit().code, 137);
    assert_eq!(third.call(Request::ExitSeen, &[]), Ok(Reply::Ok));
    first.wait_for_monitor();
}

#[test]
fn a_container_that_was_not_started_goes_with_its_daemon() {
    let container = Container::of("sleep 1000");
    let mut daemon = Daemon::launched(&container);
    daemon.close();
    daemon.wait_for_monitor();
    assert!(!container.has_cgroup());
    assert!(!container.run_dir().join("exit.json").exists());
}

#[test]
fn a_monitor_without_container_goes_with_its_daemon() {
    let mut daemon = Daemon::new();
    daemon.close();
    daemon.wait_for_monitor();
}

#[test]
fn a_daemon_that_does_not_answer_is_not_waited_for_long() {
    let container = Container::of("true");
    let mut daemon = Daemon::started(&container);
    daemon.exit();
    wait_for(|| !container.has_cgroup());
    daemon.wait_for_monitor();
}

#[test]
fn a_container_can_be_launched_again_where_a_monitor_was_killed() {
    let container = Container::of("sleep 1000");
    drop(Daemon::started(&container));
    assert!(container.run_dir().join("monitor.sock").exists());
    let mut daemon = Daemon::started(&container);
    assert_eq!(
        daemon.call(
            Request::Signal {
                exec: None,
                signal: 9
            },
            &[]
        ),
        Ok(Reply::Ok)
    );
    assert_eq!(daemon.exit().code, 137);
    daemon.dismiss();
}
