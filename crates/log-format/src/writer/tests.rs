use std::fs::OpenOptions;
use std::os::fd::AsFd;

use super::lost::RETRY;
use super::*;
use crate::{Format, PIECE, compressed_path, decode, local, rotated_path};

fn texts(path: &Path) -> Vec<String> {
    let content = std::fs::read(path).unwrap_or_default();
    content
        .split_inclusive(|c| *c == b'\n')
        .filter_map(|line| {
            let mut out = Vec::new();
            decode(line, &mut out).ok()?;
            Some(String::from_utf8(out).unwrap())
        })
        .collect()
}

fn rotation(max_size: u64, max_files: u32) -> Rotation {
    Rotation {
        max_size,
        max_files,
        max_age: 0,
    }
}

#[test]
fn lines_are_there_after_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
    log.write(StreamKind::Stdout, 1, b"one\n");
    log.flush(1);
    assert_eq!(texts(&path), ["one\n"]);
}

#[test]
fn old_files_move_on_and_the_oldest_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    // Each line makes a file full.
    let mut log = LogWriter::open(&path, rotation(10, 3)).unwrap();
    for n in 0..5 {
        log.write(StreamKind::Stdout, n, format!("{n}\n").as_bytes());
    }
    log.flush(5);
    let all: Vec<_> = (0..4).map(|n| texts(&rotated_path(&path, n))).collect();
    assert_eq!(all, [vec!["4\n"], vec!["3\n"], vec!["2\n"], vec![]]);
    assert_eq!(log.lost_lines(), 0);
}

#[test]
fn a_log_of_one_file_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, rotation(10, 1)).unwrap();
    log.write(StreamKind::Stdout, 1, b"one\n");
    log.write(StreamKind::Stdout, 1, b"two\n");
    log.flush(1);
    assert_eq!(texts(&path), ["two\n"]);
    assert!(!rotated_path(&path, 1).exists());
}

#[test]
fn a_log_goes_on_after_a_broken_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, br#"{"log":"cut o"#).unwrap();
    let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
    log.write(StreamKind::Stdout, 1, b"whole\n");
    log.flush(1);
    assert_eq!(texts(&path), ["whole\n"]);
}

#[test]
fn what_a_full_disk_refuses_is_counted_and_said_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
    let real = log
        .file
        .replace(OpenOptions::new().append(true).open("/dev/full").unwrap());
    log.write(StreamKind::Stdout, 1, b"a\n");
    log.write(StreamKind::Stdout, 1, b"b\n");
    log.flush(1);
    log.file = real;
    // Not tried again within the second.
    log.write(StreamKind::Stdout, 2, b"c\n");
    log.flush(2);
    log.write(StreamKind::Stdout, RETRY + 1, b"d\n");
    log.flush(RETRY + 1);
    let note = "[gantry: 3 lines of output are lost: No space left on device (os error 28)]\n";
    assert_eq!(texts(&path), [note, "d\n"]);
    assert_eq!(log.lost_lines(), 3);
}

#[test]
fn a_line_that_did_not_fit_leaves_no_half() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
    // A pipe that holds one page stands for the disk: it takes a part and then refuses.
    let flags = rustix::pipe::PipeFlags::NONBLOCK;
    let (_reader, writer) = rustix::pipe::pipe_with(flags).unwrap();
    rustix::pipe::fcntl_setpipe_size(writer.as_fd(), 4096).unwrap();
    log.file = Some(File::from(writer));
    log.write(StreamKind::Stdout, 1, &[b'x'; 5000]);
    log.flush(1);
    assert_eq!((log.size, log.lost_lines()), (0, 1));
}

#[test]
fn a_rotation_that_fails_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, rotation(10, 3)).unwrap();
    log.write(StreamKind::Stdout, 1, b"one\n");
    log.flush(1);
    // A directory that is not empty cannot be replaced by a file.
    std::fs::create_dir_all(rotated_path(&path, 1).join("x")).unwrap();
    std::fs::create_dir_all(rotated_path(&path, 2).join("x")).unwrap();
    log.write(StreamKind::Stdout, 2, b"two\n");
    log.flush(2);
    assert_eq!(log.lost_lines(), 1);
    std::fs::remove_dir_all(rotated_path(&path, 1)).unwrap();
    std::fs::remove_dir_all(rotated_path(&path, 2)).unwrap();
    log.write(StreamKind::Stdout, 2 * RETRY, b"three\n");
    log.flush(2 * RETRY);
    assert_eq!(texts(&path).len(), 2);
    assert_eq!(texts(&path)[1], "three\n");
    assert_eq!(texts(&rotated_path(&path, 1)), ["one\n"]);
}

fn local_texts(path: &Path) -> Vec<String> {
    let content = std::fs::read(path).unwrap_or_default();
    let (mut rest, mut all) = (&content[..], Vec::new());
    while let local::Frame::Whole(message, size) = local::frame(rest) {
        let mut out = Vec::new();
        local::decode(message, &mut out).unwrap();
        all.push(String::from_utf8(out).unwrap());
        rest = &rest[size..];
    }
    assert!(rest.is_empty());
    all
}

#[test]
fn a_log_of_records_goes_on_after_a_broken_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let open = || {
        let encoding = Encoding::new(Format::Local, &[]);
        LogWriter::open_as(&path, Rotation::default(), encoding).unwrap()
    };
    let mut log = open();
    log.write(StreamKind::Stdout, 1, b"one\n");
    log.write(StreamKind::Stdout, 2, b"two\n");
    log.flush(2);
    let whole = std::fs::read(&path).unwrap();
    for cut in 1..whole.len() / 2 {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let mut log = open();
        log.write(StreamKind::Stdout, 3, b"three\n");
        log.flush(3);
        assert_eq!(local_texts(&path), ["one\n", "three\n"], "{cut}");
    }
}

#[test]
fn compressed_files_move_on_with_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, rotation(10, 4)).unwrap();
    for n in 0..6 {
        log.write(StreamKind::Stdout, n, format!("{n}\n").as_bytes());
        log.flush(n);
        // Somebody compresses the newest older file at once.
        if rotated_path(&path, 1).exists() {
            std::fs::rename(rotated_path(&path, 1), compressed_path(&path, 1)).unwrap();
        }
    }
    assert_eq!(texts(&path), ["5\n"]);
    let all: Vec<_> = (1..5).map(|n| texts(&compressed_path(&path, n))).collect();
    assert_eq!(all, [vec!["4\n"], vec!["3\n"], vec!["2\n"], vec![]]);
    assert!(log.take_rotated());
    assert!(!log.take_rotated());
}

#[test]
fn a_file_goes_when_it_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let old = Rotation {
        max_age: 100,
        max_files: 2,
        max_size: 0,
    };
    let mut log = LogWriter::open(&path, old).unwrap();
    for time in [1000, 1049, 1050] {
        log.write(StreamKind::Stdout, time, format!("{time}\n").as_bytes());
    }
    log.flush(1050);
    assert_eq!(texts(&rotated_path(&path, 1)), ["1000\n", "1049\n"]);
    // Its age is known again after a restart.
    let mut log = LogWriter::open(&path, old).unwrap();
    log.write(StreamKind::Stdout, 1100, b"1100\n");
    log.flush(1100);
    assert_eq!(texts(&path), ["1100\n"]);
}

#[test]
fn a_clock_that_goes_back_begins_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
    for time in [9 * BACK, 8 * BACK + 1, 7 * BACK] {
        log.write(StreamKind::Stdout, time, b"x\n");
        log.flush(time);
    }
    assert_eq!(texts(&rotated_path(&path, 1)).len(), 2);
    assert_eq!(texts(&path).len(), 1);
}

#[test]
fn a_line_that_does_not_end_is_no_clock_that_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, Rotation::default()).unwrap();
    for n in 0..4 * BUFFER / PIECE {
        log.write(StreamKind::Stdout, BACK, &[b'x'; PIECE]);
        log.flush(BACK * (n as u64 + 2));
    }
    for _ in 0..4 * BUFFER / PIECE {
        log.write(StreamKind::Stdout, BACK, &[b'x'; PIECE]);
    }
    log.flush(BACK * 100);
    assert!(!rotated_path(&path, 1).exists());
}

#[test]
fn a_rotation_waits_for_whoever_has_the_lock_but_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::open(&path, rotation(200, 2)).unwrap();
    let lock = DirectoryLock::wait(&path).unwrap();
    for n in 0..3 {
        log.write(StreamKind::Stdout, n, b"x\n");
    }
    assert!(!rotated_path(&path, 1).exists());
    for n in 3..8 {
        log.write(StreamKind::Stdout, n, b"x\n");
    }
    assert!(rotated_path(&path, 1).exists());
    drop(lock);
}
