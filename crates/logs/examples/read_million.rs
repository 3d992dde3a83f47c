//! How long a log of a million lines takes to read: `cargo run --release -p gantry-logs --example
//! read_million`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program"
)]

use std::time::Instant;

use gantry_log_format::{LogWriter, Rotation, StreamKind};
use gantry_logs::{Follow, Options, open};

#[tokio::main]
async fn main() {
    let path = std::env::temp_dir().join(format!("gantry-read-million-{}", std::process::id()));
    let line =
        "2026-01-02 INFO handled \"GET /index.html\" in 12 ms for 192.0.2.1, user agent curl\n";
    let mut log = LogWriter::open(
        &path,
        Rotation {
            max_size: 0,
            max_files: 1,
            max_age: 0,
        },
    )
    .unwrap();
    for n in 0..1_000_000 {
        log.write(StreamKind::Stdout, n * 1_000_000, line.as_bytes());
    }
    log.flush(0);
    let half = Options {
        since: Some(500_000 * 1_000_000),
        ..Options::default()
    };
    let tail = Options {
        tail: Some(100),
        ..Options::default()
    };
    let late = Options {
        since: Some(999_900 * 1_000_000),
        ..Options::default()
    };
    for (name, options) in [
        ("all", Options::default()),
        ("since half", half),
        ("since late", late),
        ("tail", tail),
    ] {
        let began = Instant::now();
        let mut reader = open(&path, options, Follow::No).await.unwrap();
        let (mut lines, mut bytes) = (0, 0);
        while let Some(batch) = reader.next().await.unwrap() {
            lines += batch.len();
            bytes += batch.iter().map(|e| e.line.len()).sum::<usize>();
        }
        println!(
            "{name}: {lines} lines, {bytes} bytes in {:?}",
            began.elapsed()
        );
    }
    std::fs::remove_file(&path).unwrap();
}
