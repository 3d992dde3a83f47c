//! Pseudo-terminals.

use std::fs::File;
use std::io::{Read, Write};

use crate::fixture::{Fixture, reap};
use gantry_oci::ConsoleSize;
use gantry_runtime::{Running, Stdio};

/// What is written to the terminal until its last holder is gone.
fn read_all(running: &Running) -> String {
    let mut master = File::from(running.terminal.as_ref().unwrap().try_clone().unwrap());
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    // EIO is the end.
    while let Ok(n) = master.read(&mut buffer) {
        if n == 0 {
            break;
        }
        text.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8_lossy(&text).replace("\r\n", "\n")
}

fn terminal() -> Stdio {
    Stdio::Terminal {
        size: Some(ConsoleSize {
            height: 33,
            width: 77,
        }),
    }
}

#[test]
fn a_terminal_has_its_size_and_controls_the_session() {
    let mut fixture = Fixture::shell(
        "tty; stty size; stat -c %u $(tty); echo to the tty > /dev/tty; ls -l /dev/console; \
         stat -c %t:%T /dev/console /dev/pts/0",
    );
    fixture.process().user.uid = 1000;
    let running = fixture.create(terminal()).unwrap().start().unwrap();
    let text = read_all(&running);
    assert_eq!(reap(&running.child), 0, "{text}");
    assert!(
        text.starts_with("/dev/pts/0\n33 77\n1000\nto the tty\n"),
        "{text}"
    );
    assert!(text.ends_with("88:0\n88:0\n"), "{text}");
}

#[test]
fn input_reaches_the_program_and_ctrl_c_interrupts_it() {
    let fixture = Fixture::shell(
        "trap 'echo caught; exit 3' INT; read line; echo got $line; while :; do sleep 1; done",
    );
    let running = fixture.create(terminal()).unwrap().start().unwrap();
    let mut master = File::from(running.terminal.as_ref().unwrap().try_clone().unwrap());
    master.write_all(b"hello\n").unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains("got hello") {
        let n = master.read(&mut buffer).unwrap();
        seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    master.write_all(b"\x03").unwrap();
    assert!(read_all(&running).contains("caught"));
    assert_eq!(reap(&running.child), 3);
}

#[test]
fn the_terminal_is_there_before_the_start() {
    let fixture = Fixture::shell("stty size");
    let created = fixture.create(terminal()).unwrap();
    let size = rustix::termios::Winsize {
        ws_row: 5,
        ws_col: 6,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(created.terminal().unwrap(), size).unwrap();
    let running = created.start().unwrap();
    assert_eq!(read_all(&running), "5 6\n");
    reap(&running.child);
}
