//! Compressing with several threads, the same bytes every time.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Bytes that one thread compresses at once. Part of the format: another size gives other bytes.
const CHUNK: usize = 512 * 1024;
/// Chunks that wait for each thread.
const QUEUE: usize = 2;
/// RFC 1952: magic, deflate, no name and no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// An empty last block (RFC 1951, section 3.2.6).
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// Compresses everything that `source` gives: one gzip member, the same for the same content
/// however many processors there are.
pub fn gzip(source: impl Read + Send, mut out: impl Write) -> io::Result<()> {
    let count = thread::available_parallelism().map_or(1, usize::from);
    out.write_all(&HEADER)?;
    let crc = thread::scope(|scope| {
        let (inputs, outputs): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| {
                let (plain, to_compress) = sync_channel(QUEUE);
                let (compressed, to_write) = sync_channel(QUEUE);
                scope.spawn(move || work(&to_compress, &compressed));
                (plain, to_write)
            })
            .unzip();
        let reading = scope.spawn(move || feed(source, &inputs));
        let written = collect(&outputs, &mut out);
        // Ends whoever still waits to hand something over.
        drop(outputs);
        let crc = reading
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the reading thread failed")));
        written.and(crc)
    })?;
    out.write_all(&LAST_BLOCK)?;
    out.write_all(&crc.sum().to_le_bytes())?;
    out.write_all(&crc.amount().to_le_bytes())?;
    out.flush()
}

/// Deals the chunks out in turn.
fn feed(mut source: impl Read, threads: &[SyncSender<Vec<u8>>]) -> io::Result<Crc> {
    let mut crc = Crc::new();
    for thread in threads.iter().cycle() {
        let mut chunk = Vec::with_capacity(CHUNK);
        source.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            break;
        }
        crc.update(&chunk);
        let is_last = chunk.len() < CHUNK;
        if thread.send(chunk).is_err() || is_last {
            break;
        }
    }
    Ok(crc)
}

fn work(chunks: &Receiver<Vec<u8>>, done: &SyncSender<io::Result<Vec<u8>>>) {
    let mut deflate = Compress::new(Compression::default(), false);
    for chunk in chunks {
        deflate.reset();
        if done.send(compress(&mut deflate, &chunk)).is_err() {
            return;
        }
    }
}

/// One chunk, ended at a byte's boundary so that the next one's bytes can follow.
fn compress(deflate: &mut Compress, chunk: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(chunk.len() / 2 + 1024);
    loop {
        let taken = deflate.total_in() as usize;
        let status = deflate.compress_vec(&chunk[taken..], &mut out, FlushCompress::Sync)?;
        // A flush is through once it leaves room in the output.
        if deflate.total_in() as usize == chunk.len() && out.len() < out.capacity() {
            return Ok(out);
        }
        if status == Status::StreamEnd {
            return Err(io::Error::other("the compressor ended early"));
        }
        out.reserve(chunk.len() / 2 + 1024);
    }
}

/// Writes the chunks in the order in which they were dealt out.
fn collect(threads: &[Receiver<io::Result<Vec<u8>>>], out: &mut impl Write) -> io::Result<()> {
    for thread in threads.iter().cycle() {
        match thread.recv() {
            Ok(compressed) => out.write_all(&compressed?)?,
            Err(_) => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        gzip(bytes, &mut out).unwrap();
        out
    }

    #[test]
    fn what_goes_in_comes_out() {
        let noise = |n: usize| -> Vec<u8> {
            let mut state = 1_u32;
            (0..n)
                .map(|i| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if i % 3 == 0 { (state >> 24) as u8 } else { 7 }
                })
                .collect()
        };
        for size in [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17] {
            let plain = noise(size);
            let packed = compressed(&plain);
            let mut back = Vec::new();
            decode(&packed[..]).unwrap().read_to_end(&mut back).unwrap();
            assert!(back == plain, "{size} bytes");
            assert!(compressed(&plain) == packed, "{size} bytes are not stable");
        }
    }

    #[test]
    fn a_source_that_fails_fails_the_whole() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let source = io::repeat(7).take(3 * CHUNK as u64).chain(Broken);
        assert_eq!(gzip(source, io::sink()).unwrap_err().to_string(), "gone");
    }
}
