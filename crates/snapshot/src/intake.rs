//! The one pass of a layer's bytes: read and parsed here, hashed and kept by threads beside.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use gantry_reference::{Algorithm, Digest};
use ring::digest::{Context, SHA256, SHA512};

/// Small enough to be still in the processor's cache when the other threads read it.
const CHUNK: usize = 256 << 10;
/// Chunks on their way to each of the other threads.
const QUEUE: usize = 8;

/// A stretch of the stream: the buffer and how much of it counts.
type Chunk = (Arc<Vec<u8>>, usize);

/// A buffered reader whose every byte, consumed or not, is hashed and optionally written to a
/// file, on threads of their own.
pub(crate) struct Intake<'a> {
    source: &'a mut dyn Read,
    workers: Vec<SyncSender<Chunk>>,
    current: Chunk,
    consumed: usize,
    spare: VecDeque<Arc<Vec<u8>>>,
    total: u64,
    failed: Option<io::Error>,
    /// Set when writing the copy fails: reading on would be for nothing.
    copy_failed: Arc<AtomicBool>,
    abandoned: bool,
}

/// What went through, and what went wrong on the way.
pub(crate) struct Outcome<T> {
    /// What the caller's function returned.
    pub(crate) value: T,
    /// The digest of all bytes.
    pub(crate) digest: Digest,
    /// How many there were.
    pub(crate) total: u64,
    /// The source failed with this; `value` and `digest` are of what came before.
    pub(crate) read_error: Option<io::Error>,
    /// Writing the copy failed with this.
    pub(crate) copy_error: Option<io::Error>,
}

/// Runs `read` over the stream, then reads what `read` left over, to the end.
pub(crate) fn run<T>(
    source: &mut dyn Read,
    algorithm: Algorithm,
    copy: Option<File>,
    read: impl FnOnce(&mut Intake<'_>) -> T,
) -> Outcome<T> {
    thread::scope(|scope| {
        let (sender, chunks) = sync_channel(QUEUE);
        let hashing = scope.spawn(move || hash(&chunks, algorithm));
        let mut workers = vec![sender];
        let copy_failed = Arc::new(AtomicBool::new(false));
        let copying = copy.map(|file| {
            let (sender, chunks) = sync_channel(QUEUE);
            workers.push(sender);
            let failed = Arc::clone(&copy_failed);
            scope.spawn(move || write_copy(&chunks, file, &failed))
        });
        let mut intake = Intake {
            source,
            workers,
            current: (Arc::new(Vec::new()), 0),
            consumed: 0,
            spare: VecDeque::new(),
            total: 0,
            failed: None,
            copy_failed,
            abandoned: false,
        };
        let value = read(&mut intake);
        intake.drain();
        // Ends the workers' loops.
        intake.workers.clear();
        let digest = joined(hashing);
        let copy_error = copying.and_then(|thread| joined(thread).err());
        Outcome {
            value,
            digest,
            total: intake.total,
            read_error: intake.failed,
            copy_error,
        }
    })
}

impl Intake<'_> {
    /// Leaves the rest of the stream unread: the layer has failed whatever its digest is.
    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// Reads to the end; errors are kept in `failed`.
    fn drain(&mut self) {
        while !self.abandoned
            && let Ok(rest) = self.fill_buf()
        {
            match rest.len() {
                0 => break,
                len => self.consume(len),
            }
        }
    }

    /// A buffer nobody reads any more, or a new one.
    fn buffer(&mut self) -> Arc<Vec<u8>> {
        if self.spare.len() > QUEUE
            && let Some(mut spare) = self.spare.pop_front()
            && Arc::get_mut(&mut spare).is_some()
        {
            return spare;
        }
        Arc::new(vec![0; CHUNK])
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        if let Some(error) = &self.failed {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        if self.copy_failed.load(Ordering::Relaxed) {
            return Err(io::Error::other("the copy could not be written"));
        }
        let mut buffer = self.buffer();
        let mut len = 0;
        if let Some(bytes) = Arc::get_mut(&mut buffer) {
            while len < bytes.len() {
                match self.source.read(&mut bytes[len..]) {
                    Ok(0) => break,
                    Ok(n) => len += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => {
                        let told = io::Error::new(e.kind(), e.to_string());
                        self.failed = Some(e);
                        return Err(told);
                    }
                }
            }
        }
        self.total += len as u64;
        for worker in self.workers.iter().filter(|_| len > 0) {
            // A copy that failed has told so by its flag.
            let _ = worker.send((Arc::clone(&buffer), len));
        }
        let (old, _) = std::mem::replace(&mut self.current, (buffer, len));
        if !old.is_empty() {
            self.spare.push_back(old);
        }
        self.consumed = 0;
        Ok(())
    }
}

impl BufRead for Intake<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed == self.current.1 {
            self.next_chunk()?;
        }
        Ok(&self.current.0[self.consumed..self.current.1])
    }

    fn consume(&mut self, amount: usize) {
        self.consumed = (self.consumed + amount).min(self.current.1);
    }
}

impl Read for Intake<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

fn hash(chunks: &Receiver<Chunk>, algorithm: Algorithm) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    for (buffer, len) in chunks {
        hasher.update(&buffer[..len]);
    }
    hasher.finish()
}

fn write_copy(chunks: &Receiver<Chunk>, mut file: File, failed: &AtomicBool) -> io::Result<()> {
    for (buffer, len) in chunks {
        if let Err(error) = file.write_all(&buffer[..len]) {
            failed.store(true, Ordering::Relaxed);
            return Err(error);
        }
    }
    Ok(())
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// SHA-256 or SHA-512, as the digest's algorithm says.
pub(crate) struct Hasher {
    algorithm: Algorithm,
    // Hand-written for each processor: hashing is the slowest part of taking a layer in.
    state: Context,
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            state: Context::new(match algorithm {
                Algorithm::Sha256 => &SHA256,
                Algorithm::Sha512 => &SHA512,
            }),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        match Digest::from_raw(self.algorithm, self.state.finish().as_ref()) {
            Ok(digest) => digest,
            Err(_) => unreachable!("the hash function's own length"),
        }
    }
}
