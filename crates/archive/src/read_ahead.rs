//! Reading on a thread of its own.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes per buffer: large enough that handing one over (a few microseconds) does not count, small
/// enough that a few of them stay in the second-level cache.
const BUFFER: usize = 128 * 1024;
/// Buffers under way.
const DEPTH: usize = 8;

/// The reading end of [`read_ahead`].
#[derive(Debug)]
pub struct ReadAhead {
    filled: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    current: Vec<u8>,
    position: usize,
    ended: bool,
}

/// Reads `source` on another thread, up to a megabyte ahead of who reads the result.
///
/// If the result is dropped early, the thread ends with its next buffer; it is not waited for.
pub fn read_ahead<R: Read + Send + 'static>(source: R) -> io::Result<ReadAhead> {
    let (to_reader, filled) = sync_channel(DEPTH);
    let (empty, from_reader) = channel();
    thread::Builder::new()
        .name("read-ahead".into())
        .spawn(move || pump(source, &to_reader, &from_reader))?;
    Ok(ReadAhead {
        filled,
        empty,
        current: Vec::new(),
        position: 0,
        ended: false,
    })
}

fn pump<R: Read>(
    mut source: R,
    to_reader: &SyncSender<io::Result<Vec<u8>>>,
    from_reader: &Receiver<Vec<u8>>,
) {
    loop {
        let mut buffer = from_reader.try_recv().unwrap_or_else(|_| vec![0; BUFFER]);
        buffer.resize(BUFFER, 0);
        match fill(&mut source, &mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                buffer.truncate(read);
                if to_reader.send(Ok(buffer)).is_err() {
                    return;
                }
            }
            Err(error) => {
                // Nobody to tell if the reader is gone.
                let _ = to_reader.send(Err(error));
                return;
            }
        }
    }
}

/// Reads until the buffer is full, the source ends, or an error comes with nothing read before it.
fn fill<R: Read>(source: &mut R, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match source.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

impl ReadAhead {
    /// Makes `current` hold unread bytes; false at the end.
    fn refill(&mut self) -> io::Result<bool> {
        if self.position < self.current.len() {
            return Ok(true);
        }
        if self.ended {
            return Ok(false);
        }
        let Ok(next) = self.filled.recv() else {
            self.ended = true;
            return Ok(false);
        };
        let next = next.inspect_err(|_| self.ended = true)?;
        let used = std::mem::replace(&mut self.current, next);
        if used.capacity() > 0 {
            // The thread may have ended; then the buffer is not needed.
            let _ = self.empty.send(used);
        }
        self.position = 0;
        Ok(true)
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || !self.refill()? {
            return Ok(0);
        }
        let available = &self.current[self.position..];
        let count = available.len().min(buf.len());
        buf[..count].copy_from_slice(&available[..count]);
        self.position += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_arrive_in_order() {
        let bytes: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 251) as u8).collect();
        let mut out = Vec::new();
        read_ahead(io::Cursor::new(bytes.clone()))
            .unwrap()
            .read_to_end(&mut out)
            .unwrap();
        assert!(out == bytes);
    }

    #[test]
    fn an_error_arrives_and_is_not_mistaken_for_the_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let source = io::Cursor::new(vec![1; 10]).chain(Broken);
        let error = read_ahead(source)
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }

    #[test]
    fn dropping_the_reader_ends_the_thread() {
        let (alive, ended) = channel::<()>();
        struct Endless(#[expect(dead_code, reason = "dropped with the thread")] Sender<()>);
        impl Read for Endless {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                Ok(buf.len())
            }
        }
        drop(read_ahead(Endless(alive)).unwrap());
        assert!(
            ended
                .recv_timeout(std::time::Duration::from_secs(10))
                .is_err()
        );
        assert!(matches!(
            ended.try_recv(),
            Err(std::sync::mpsc::TryRecvError::Disconnected)
        ));
    }
}
