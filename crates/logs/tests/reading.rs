//! Reading logs that a writer makes, before and while they grow.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use gantry_log_format::{Encoding, LogWriter, Rotation, StreamKind};
use gantry_logs::{Follow, Format, LogReader, Options, open};
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
        Self::of(Format::Json, max_size, max_files)
    }

    fn of(format: Format, max_size: u64, max_files: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let writer = LogWriter::open_as(
            &path,
            Rotation {
                max_size,
                max_files,
                max_age: 0,
            },
            Encoding::new(format, &[]),
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

/// Every file of the log that can be is compressed.
fn compress(log: &Log, format: Format) -> usize {
    gantry_logs::compress(&log.path, format).unwrap()
}

#[tokio::test]
async fn compressed_files_are_read_like_others() {
    for format in [Format::Json, Format::Local] {
        let mut log = Log::of(format, 100_000, 30);
        log.write(20_000);
        assert!(compress(&log, format) >= 2);
        assert_eq!(compress(&log, format), 0);
        assert!(log.path.with_file_name("log.1.gz").exists());
        assert!(!log.path.with_file_name("log.1").exists());
        let all = || Options {
            format,
            ..Options::default()
        };
        assert_eq!(read(&log.path, all()).await, numbers(0..20_000));
        for tail in [1, 19_000, 19_999, 30_000] {
            let options = Options {
                tail: Some(tail),
                ..all()
            };
            let first = 20_000_u64.saturating_sub(tail);
            assert_eq!(read(&log.path, options).await, numbers(first..20_000));
        }
        for since in [0, 7, 5_000, 19_998] {
            let options = Options {
                since: Some(since * SECOND),
                until: Some((since + 10) * SECOND),
                ..all()
            };
            let end = (since + 11).min(20_000);
            assert_eq!(read(&log.path, options).await, numbers(since..end));
        }
    }
}

#[tokio::test]
async fn a_reader_goes_on_where_another_ended_even_in_a_compressed_file() {
    for format in [Format::Json, Format::Local] {
        let mut log = Log::of(format, 40_000, 30);
        log.write(1000);
        let options = |after| Options {
            format,
            after,
            ..Options::default()
        };
        let mut reader = open(&log.path, options(None), Follow::No).await.unwrap();
        let mut position = None;
        while let Some(batch) = reader.next().await.unwrap() {
            position = Some(batch.position());
        }
        log.write(5000);
        compress(&log, format);
        assert!(log.path.with_file_name("log.2.gz").exists());
        assert_eq!(
            read(&log.path, options(position)).await,
            numbers(1000..6000)
        );
    }
}

#[tokio::test]
async fn following_survives_rotation_and_compression() {
    for format in [Format::Json, Format::Local] {
        let mut log = Log::of(format, 20_000, 100);
        let (end, ended) = watch::channel(false);
        let options = Options {
            format,
            ..Options::default()
        };
        let mut reader = open(&log.path, options, Follow::Until(ended))
            .await
            .unwrap();
        let writer = std::thread::spawn(move || {
            for _ in 0..100 {
                log.write(100);
                compress(&log, format);
            }
            log
        });
        assert_eq!(next_of(&mut reader, 10_000).await, numbers(0..10_000));
        let log = writer.join().unwrap();
        assert!(log.path.with_file_name("log.3.gz").exists());
        end.send(true).unwrap();
        assert!(rest(reader).await.is_empty());
    }
}

#[tokio::test]
async fn files_that_are_too_old_go() {
    let mut log = Log::new(20_000, 10);
    log.write(1000);
    compress(&log, Format::Json);
    gantry_logs::expire(&log.path, Some(Duration::from_secs(3600))).unwrap();
    assert!(log.path.with_file_name("log.1.gz").exists());
    gantry_logs::expire(&log.path, Some(Duration::ZERO)).unwrap();
    assert!(!log.path.with_file_name("log.1.gz").exists());
    let left = read(&log.path, Options::default()).await;
    assert_eq!(left.last(), Some(&999));
}

#[tokio::test]
async fn what_a_cut_off_compression_left_is_no_log_and_goes() {
    let mut log = Log::new(20_000, 10);
    log.write(500);
    let draft = log.path.with_file_name("log.4711.tmp");
    std::fs::write(&draft, "half").unwrap();
    assert_eq!(read(&log.path, Options::default()).await, numbers(0..500));
    gantry_logs::expire(&log.path, None).unwrap();
    assert!(!draft.exists());
}

#[tokio::test]
async fn a_long_line_counts_once_for_the_tail() {
    for format in [Format::Json, Format::Local] {
        let mut log = Log::of(format, 0, 1);
        log.write(1);
        for piece in [&b"long"[..], b" long", b" line\n", b"last, without end"] {
            log.writer.write(StreamKind::Stdout, SECOND, piece);
        }
        log.writer.flush(SECOND);
        let mut texts = Vec::new();
        for tail in [1, 2, 3] {
            let options = Options {
                format,
                tail: Some(tail),
                ..Options::default()
            };
            let mut reader = open(&log.path, options, Follow::No).await.unwrap();
            let batch = reader.next().await.unwrap().unwrap();
            let bytes: Vec<u8> = batch.iter().flat_map(|e| e.line.to_vec()).collect();
            texts.push(String::from_utf8(bytes).unwrap());
        }
        let last = "last, without end";
        let two = format!("long long line\n{last}");
        assert_eq!(texts, [last.to_owned(), two.clone(), format!("0\n{two}")]);
    }
}

#[tokio::test]
async fn attributes_come_as_details_and_streams_can_be_chosen() {
    for format in [Format::Json, Format::Local] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let attrs = [("b", "1 2"), ("a", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let encoding = Encoding::new(format, &attrs);
        let mut writer = LogWriter::open_as(&path, Rotation::default(), encoding).unwrap();
        writer.write(StreamKind::Stdout, 1, b"out\n");
        writer.write(StreamKind::Stderr, 2, b"\xFFerr\n");
        writer.flush(2);
        let options = Options {
            format,
            stdout: false,
            details: true,
            ..Options::default()
        };
        let mut reader = open(&path, options, Follow::No).await.unwrap();
        let batch = reader.next().await.unwrap().unwrap();
        let entries: Vec<_> = batch.iter().collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].details, b"a=x,b=1+2");
        let kept = if format == Format::Local {
            &b"\xFFerr\n"[..]
        } else {
            "\u{fffd}err\n".as_bytes()
        };
        assert_eq!(entries[0].line, kept);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_hides_nothing() {
    let mut log = Log::new(0, 5);
    log.next = 1000;
    log.write(100);
    log.next = 0;
    log.write(100);
    let options = Options {
        since: Some(50 * SECOND),
        until: Some(60 * SECOND),
        ..Options::default()
    };
    assert_eq!(read(&log.path, options).await, numbers(50..61));
}
