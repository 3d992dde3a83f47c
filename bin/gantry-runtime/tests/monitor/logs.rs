//! What a container writes is in its log.

use gantry_log_format::rotated_path;

use crate::container::{Container, lines_of};
use crate::daemon::Daemon;

#[test]
fn both_streams_are_logged_line_by_line() {
    let container = Container::of("echo -n one; echo ' line'; echo err >&2; echo -n unfinished");
    let mut daemon = Daemon::started(&container);
    daemon.exit();
    let mut lines = container.log();
    lines.sort();
    let expected = [
        ("stderr", "err\n"),
        ("stdout", "one line\n"),
        ("stdout", "unfinished"),
    ];
    assert_eq!(
        lines,
        expected.map(|(stream, line)| (stream, line.to_owned()))
    );
}

#[test]
fn a_log_is_rotated_and_bounded() {
    let container = Container::of("seq 1 20000").with_log(100_000, 3);
    let mut daemon = Daemon::started(&container);
    daemon.exit();
    let path = container.log_path();
    assert!(!rotated_path(&path, 3).exists());
    let lines: Vec<u32> = (0..3)
        .rev()
        .flat_map(|n| lines_of(&rotated_path(&path, n)))
        .map(|(_, line)| line.trim().parse().unwrap())
        .collect();
    assert_eq!(lines.last(), Some(&20_000));
    assert!(lines.len() < 20_000);
    assert!(lines.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn a_log_goes_on_when_the_container_is_started_again() {
    let container = Container::of("echo again");
    for _ in 0..2 {
        let mut daemon = Daemon::started(&container);
        daemon.exit();
        daemon.dismiss();
    }
    assert_eq!(container.log().len(), 2);
}
