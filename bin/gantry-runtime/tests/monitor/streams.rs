//! Attached clients: output, input, terminals.

use std::time::{Duration, Instant};

use gantry_monitor::protocol::{Attach, Event, Reply, Request};

use crate::container::Container;
use crate::daemon::{Daemon, framed, terminal};

#[test]
fn a_client_gets_both_streams_in_frames() {
    let container = Container::of("echo out; echo err >&2; echo more");
    let mut daemon = Daemon::launched(&container);
    let mut client = daemon.attach(framed(false));
    daemon.start();
    assert_eq!(
        client.rest_of_frames(),
        ("out\nmore\n".into(), "err\n".into())
    );
    assert_eq!(daemon.exit().code, 0);
}

#[test]
fn a_client_may_want_one_stream_only() {
    let container = Container::of("echo out; echo err >&2");
    let mut daemon = Daemon::launched(&container);
    let mut client = daemon.attach(Attach {
        stderr: true,
        ..Attach::default()
    });
    daemon.start();
    assert_eq!(client.rest(), b"err\n");
}

#[test]
fn input_that_was_already_read_comes_first_and_the_end_is_passed_on() {
    let container = Container::of("cat; echo end").with_stdin(true);
    let mut daemon = Daemon::launched(&container);
    let mut client = daemon.attach(Attach {
        leftover: b"hel".to_vec(),
        ..framed(true)
    });
    daemon.start();
    client.send("lo\n");
    client.end_input();
    assert_eq!(client.rest_of_frames().0, "hello\nend\n");
    assert_eq!(daemon.exit().code, 0);
}

#[test]
fn much_input_and_output_at_once_passes_through_unharmed() {
    let container = Container::running(&["cat"]).with_stdin(true);
    let mut daemon = Daemon::launched(&container);
    let mut client = daemon.attach(framed(true));
    daemon.start();
    let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
    let mut sender = crate::daemon::Client::over(client.0.try_clone().unwrap());
    let sent = text.clone();
    let thread = std::thread::spawn(move || {
        sender.send(&sent);
        sender.end_input();
    });
    assert!(client.rest_of_frames().0 == text);
    thread.join().unwrap();
    assert_eq!(daemon.exit().code, 0);
}

#[test]
fn input_that_is_not_once_outlives_its_clients() {
    let container = Container::running(&["cat"]).with_stdin(false);
    let mut daemon = Daemon::started(&container);
    let mut first = daemon.attach(framed(true));
    first.send("first\n");
    first.read_until("first\n");
    first.end_input();
    assert_eq!(first.rest_of_frames().0, "");
    assert_eq!(
        daemon.event(),
        Event::Detached {
            exec: None,
            by_keys: false
        }
    );
    let mut second = daemon.attach(framed(true));
    second.send("second\n");
    second.read_until("second\n");
    assert_eq!(daemon.call(Request::CloseStdin, &[]), Ok(Reply::Ok));
    assert_eq!(daemon.exit().code, 0);
}

#[test]
fn a_client_that_dies_is_reported_and_harms_nobody() {
    let container = Container::of("cat; echo bye").with_stdin(true);
    let mut daemon = Daemon::started(&container);
    let mut client = daemon.attach(framed(true));
    client.send("last words\n");
    drop(client);
    assert_eq!(
        daemon.event(),
        Event::Detached {
            exec: None,
            by_keys: false
        }
    );
    assert_eq!(daemon.exit().code, 0);
    let lines: Vec<String> = container.log().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["last words\n", "bye\n"]);
}

#[test]
fn a_terminal_has_its_size_and_can_be_resized() {
    let container = Container::of("stty size; read x; stty size; exit 4")
        .with_terminal()
        .with_stdin(false);
    let mut daemon = Daemon::launched(&container);
    let mut client = daemon.attach(terminal());
    daemon.start();
    client.read_until("30 90\r\n");
    let resize = Request::Resize {
        exec: None,
        rows: 50,
        columns: 120,
    };
    assert_eq!(daemon.call(resize, &[]), Ok(Reply::Ok));
    client.send("go\n");
    client.read_until("50 120\r\n");
    assert_eq!(daemon.exit().code, 4);
    assert_eq!(container.log()[0], ("stdout", "30 90\r\n".to_owned()));
}

#[test]
fn a_size_set_before_the_start_holds() {
    let container = Container::of("stty size").with_terminal();
    let mut daemon = Daemon::launched(&container);
    let resize = Request::Resize {
        exec: None,
        rows: 11,
        columns: 22,
    };
    assert_eq!(daemon.call(resize, &[]), Ok(Reply::Ok));
    let mut client = daemon.attach(terminal());
    daemon.start();
    // Whether the program looked before or after is not ours to say.
    client.read_until("\r\n");
    assert_eq!(daemon.exit().code, 0);
}

#[test]
fn the_detach_keys_let_the_client_go_and_the_container_run() {
    let container = Container::of("cat").with_terminal().with_stdin(false);
    let mut daemon = Daemon::started(&container);
    let mut client = daemon.attach(terminal());
    client.send("hello\n");
    client.read_until("hello\r\nhello\r\n");
    client.send("\x10\x11");
    client.rest();
    assert_eq!(
        daemon.event(),
        Event::Detached {
            exec: None,
            by_keys: true
        }
    );
    let mut again = daemon.attach(terminal());
    again.send("again\n");
    again.read_until("again\r\nagain\r\n");
    again.send("\x04");
    assert_eq!(daemon.exit().code, 0);
}

#[test]
fn a_client_that_reads_nothing_cannot_hold_the_container_up_for_ever() {
    let container = Container::of("seq 1 300000");
    let mut daemon = Daemon::launched(&container);
    let stuck = daemon.attach(framed(false));
    daemon.start();
    let began = Instant::now();
    let event = std::iter::repeat_with(|| daemon.event()).find(|e| *e != Event::LogRotated);
    assert_eq!(
        event.unwrap(),
        Event::Detached {
            exec: None,
            by_keys: false
        }
    );
    assert!(began.elapsed() > Duration::from_secs(9));
    assert_eq!(daemon.exit().code, 0);
    drop(stuck);
}

#[test]
fn a_slow_client_gets_everything() {
    let container = Container::of("seq 1 100000");
    let mut daemon = Daemon::launched(&container);
    let mut client = daemon.attach(framed(false));
    daemon.start();
    std::thread::sleep(Duration::from_millis(300));
    let expected: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    assert!(client.rest_of_frames().0 == expected);
    assert_eq!(daemon.exit().code, 0);
}

#[test]
fn a_user_who_is_not_root_can_open_the_streams_by_name() {
    let container = Container::of("echo named >/proc/self/fd/1; cat /proc/self/fd/0")
        .with_user(1000)
        .with_stdin(true);
    let mut daemon = Daemon::launched(&container);
    let mut client = daemon.attach(framed(true));
    daemon.start();
    client.send("too\n");
    client.end_input();
    assert_eq!(client.rest_of_frames().0, "named\ntoo\n");
    assert_eq!(daemon.exit().code, 0);
}
