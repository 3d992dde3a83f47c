//! Lines per second of the log format: `cargo run --release -p gantry-log-format --example
//! throughput`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measuring program"
)]

use std::time::Instant;

use gantry_log_format::{LogWriter, Rotation, Splitter, StreamKind, decode};

const LINES: usize = 1_000_000;

fn main() {
    let line =
        "2026-01-02 INFO handled \"GET /index.html\" in 12 ms for 192.0.2.1, user agent curl\n";
    let chunk = line.repeat(64 * 1024 / line.len());
    let path = std::env::temp_dir().join(format!("gantry-log-throughput-{}", std::process::id()));

    let began = Instant::now();
    let mut log = LogWriter::open(
        &path,
        Rotation {
            max_size: 0,
            max_files: 1,
            max_age: 0,
        },
    )
    .unwrap();
    let mut splitter = Splitter::default();
    let mut bytes = 0;
    while bytes < LINES * line.len() {
        let now = 1_767_323_045_678_901_234 + bytes as u64;
        splitter.push(chunk.as_bytes(), now, |p| {
            log.write(StreamKind::Stdout, p.time, p.bytes);
        });
        log.flush(now);
        bytes += chunk.len();
    }
    report("write", bytes, began);

    let content = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let began = Instant::now();
    let mut out = Vec::with_capacity(bytes);
    for line in content.split_inclusive(|c| *c == b'\n') {
        decode(line, &mut out).unwrap();
    }
    report("decode", out.len(), began);
}

fn report(what: &str, bytes: usize, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{what}: {:.0} MB/s of output in {seconds:.3} s",
        bytes as f64 / 1e6 / seconds
    );
}
