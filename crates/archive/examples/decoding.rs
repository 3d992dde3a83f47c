//! Prints what hashing and decoding cost here: `cargo run --release --example decoding FILE.gz`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measuring program"
)]

use std::fs::File;
use std::io::{self, Read};
use std::time::Instant;

use gantry_archive::{DigestReader, Digester, decode, read_ahead};
use gantry_reference::Algorithm;

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let block = vec![0x5a; 1 << 20];
    rate("sha256", || {
        let mut digester = Digester::new(Algorithm::Sha256);
        (0..400).for_each(|_| digester.update(&block));
        digester.finish();
        400 << 20
    });
    rate("inflate", || {
        io::copy(
            &mut decode(File::open(&path).unwrap()).unwrap(),
            &mut io::sink(),
        )
        .unwrap()
    });
    rate("digest | inflate | digest, one thread", || {
        let compressed = DigestReader::new(Algorithm::Sha256, File::open(&path).unwrap());
        drain(DigestReader::new(
            Algorithm::Sha256,
            decode(compressed).unwrap(),
        ))
    });
    rate("digest | inflate || digest, two threads", || {
        let compressed = DigestReader::new(Algorithm::Sha256, File::open(&path).unwrap());
        let plain = read_ahead(decode(compressed).unwrap()).unwrap();
        drain(DigestReader::new(Algorithm::Sha256, plain))
    });
}

fn drain<R: Read>(mut reader: DigestReader<R>) -> u64 {
    let mut buffer = vec![0; 128 * 1024];
    while reader.read(&mut buffer).unwrap() > 0 {}
    reader.count()
}

fn rate(what: &str, work: impl Fn() -> u64) {
    let best = (0..3)
        .map(|_| {
            let start = Instant::now();
            let bytes = work();
            bytes as f64 / 1e6 / start.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max);
    println!("{what}: {best:.0} MB/s");
}
