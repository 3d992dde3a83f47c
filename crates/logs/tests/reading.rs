//! Reading logs that a writer makes, before and while they grow.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use gantry_log_format::{LogWriter, Rotation, StreamKind};
use gantry_logs::{Follow, LogReader, Options, open};
use tokio::sync::watch;

const SECOND: u64 = 1_000_000_000;

struct Log {
    _dir: tempfile::TempDir,
    path: PathBuf,
    writer: LogWriter,
    next: u64,
}

impl Log {
    fn new(max_size: u64, max_files: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let writer = LogWriter::open(
            &path,
            Rotation {
                max_size,
                max_files,
            },
        )
        .unwrap();
        Self {
            _dir: dir,
            path,
            writer,
            next: 0,
        }
    }

    /// Writes the next lines; line `n` says `n` and is of second `n`.
    fn write(&mut self, count: u64) {
        for n in self.next..self.next + count {
            self.writer
                .write(StreamKind::Stdout, n * SECOND, format!("{n}\n").as_bytes());
        }
        self.next += count;
        self.writer.flush(self.next * SECOND);
    }
}

fn collect(batch: &gantry_logs::Batch, into: &mut Vec<u64>) {
    into.extend(batch.iter().map(|entry| {
        assert!(!entry.partial());
        let n: u64 = std::str::from_utf8(entry.line)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        assert_eq!(entry.time, n * SECOND);
        n
    }));
}

async fn rest(mut reader: LogReader) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        collect(&batch, &mut all);
    }
    all
}

async fn read(path: &Path, options: Options) -> Vec<u64> {
    rest(open(path, options, Follow::No).await.unwrap()).await
}

async fn next_of(reader: &mut LogReader, count: usize) -> Vec<u64> {
    let mut all = Vec::new();
    while all.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(20), reader.next());
        collect(&next.await.unwrap().unwrap().unwrap(), &mut all);
    }
    all
}

fn numbers(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

#[tokio::test]
async fn a_log_that_is_not_there_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        read(&dir.path().join("none"), Options::default())
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn all_files_are_read_in_order() {
    let mut log = Log::new(100_000, 10);
    log.write(5000);
    assert!(log.path.with_file_name("log.2").exists());
    assert_eq!(read(&log.path, Options::default()).await, numbers(0..5000));
}

#[tokio::test]
async fn the_tail_reaches_into_older_files() {
    let mut log = Log::new(100_000, 10);
    log.write(5000);
    for tail in [0, 1, 7, 1500, 4999, 5000, 6000] {
        let options = Options {
            tail: Some(tail),
            ..Options::default()
        };
        let first = 5000_u64.saturating_sub(tail);
        assert_eq!(
            read(&log.path, options).await,
            numbers(first..5000),
            "tail {tail}"
        );
    }
}

#[tokio::test]
async fn since_and_until_are_found_wherever_they_are() {
    let mut log = Log::new(1_000_000, 10);
    log.write(50_000);
    for (since, until) in [(0, 3), (49_999, 60_000), (25_000, 25_010), (14_000, 14_001)] {
        let options = Options {
            since: Some(since * SECOND),
            until: Some(until * SECOND),
            ..Options::default()
        };
        let expected = numbers(since..(until + 1).min(50_000));
        assert_eq!(
            read(&log.path, options).await,
            expected,
            "{since}..={until}"
        );
    }
    let options = Options {
        since: Some(60_000 * SECOND),
        ..Options::default()
    };
    assert!(read(&log.path, options).await.is_empty());
}

#[tokio::test]
async fn following_sees_what_is_written_later_and_ends_with_the_container() {
    let mut log = Log::new(0, 1);
    log.write(3);
    let (end, ended) = watch::channel(false);
    let options = Options {
        tail: Some(1),
        ..Options::default()
    };
    let mut reader = open(&log.path, options, Follow::Until(ended))
        .await
        .unwrap();
    assert_eq!(next_of(&mut reader, 1).await, [2]);
    log.write(2);
    assert_eq!(next_of(&mut reader, 2).await, [3, 4]);
    log.write(1);
    end.send(true).unwrap();
    assert_eq!(rest(reader).await, [5]);
}

#[tokio::test]
async fn following_begins_before_there_is_a_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (end, ended) = watch::channel(false);
    let mut reader = open(&path, Options::default(), Follow::Until(ended))
        .await
        .unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(50), reader.next()).await;
    assert!(waits.is_err());
    let mut writer = LogWriter::open(&path, Rotation::default()).unwrap();
    writer.write(StreamKind::Stdout, 0, b"0\n");
    writer.flush(0);
    assert_eq!(next_of(&mut reader, 1).await, [0]);
    drop(end);
    assert!(rest(reader).await.is_empty());
}

#[tokio::test]
async fn following_survives_rotation() {
    let mut log = Log::new(20_000, 100);
    let (end, ended) = watch::channel(false);
    let mut reader = open(&log.path, Options::default(), Follow::Until(ended))
        .await
        .unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..100 {
            log.write(100);
            std::thread::sleep(Duration::from_millis(2));
        }
        log
    });
    assert_eq!(next_of(&mut reader, 10_000).await, numbers(0..10_000));
    let log = writer.join().unwrap();
    assert!(log.path.with_file_name("log.3").exists());
    end.send(true).unwrap();
    assert!(rest(reader).await.is_empty());
}

#[tokio::test]
async fn following_a_log_of_one_file_begins_again_with_it() {
    let mut log = Log::new(20_000, 1);
    let (_end, ended) = watch::channel(false);
    let mut reader = open(&log.path, Options::default(), Follow::Until(ended))
        .await
        .unwrap();
    log.write(290);
    assert_eq!(next_of(&mut reader, 290).await, numbers(0..290));
    // What fills the file is gone before it can be read; the rest is there.
    log.write(20);
    let mut seen = Vec::new();
    while seen.last() != Some(&309) {
        seen.extend(next_of(&mut reader, 1).await);
    }
    assert!(seen.is_sorted());
}

#[tokio::test]
async fn damaged_lines_are_passed_over() {
    let mut log = Log::new(0, 1);
    log.write(2);
    let mut bytes = std::fs::read(&log.path).unwrap();
    bytes.splice(0..0, b"\x00\x00garbage\n{\"log\":\n".iter().copied());
    bytes.extend_from_slice(b"{\"log\":\"not finished");
    std::fs::write(&log.path, bytes).unwrap();
    assert_eq!(read(&log.path, Options::default()).await, [0, 1]);
}

#[tokio::test]
async fn following_until_a_time_ends_at_that_time() {
    let mut log = Log::new(0, 1);
    log.write(2);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let until = now + Duration::from_millis(100);
    let options = Options {
        until: Some(until.as_nanos() as u64),
        ..Options::default()
    };
    let (_end, ended) = watch::channel(false);
    let reader = open(&log.path, options, Follow::Until(ended))
        .await
        .unwrap();
    let all = tokio::time::timeout(Duration::from_secs(20), rest(reader))
        .await
        .unwrap();
    assert_eq!(all, [0, 1]);
}
