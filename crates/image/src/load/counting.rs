//! Telling how far a layer of an archive is.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::{Event, Progress, Step};

/// Progress is told at most this often.
const TICK: Duration = Duration::from_millis(100);

/// Counts the bytes of the archive, before they are decoded.
pub(super) struct Counting<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Counting<R> {
    pub(super) fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let count = Arc::<AtomicU64>::default();
        (
            Self {
                inner,
                count: Arc::clone(&count),
            },
            count,
        )
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Tells the count while the decoded bytes are read through it.
pub(super) struct Told<'a, R> {
    inner: R,
    count: Arc<AtomicU64>,
    id: &'a str,
    total: u64,
    progress: &'a dyn Progress,
    last: Option<Instant>,
}

impl<'a, R: Read> Told<'a, R> {
    pub(super) fn new(
        inner: R,
        count: Arc<AtomicU64>,
        id: &'a str,
        total: u64,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            inner,
            count,
            id,
            total,
            progress,
            last: None,
        }
    }
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        let ended = read == 0 && !buf.is_empty();
        if ended || self.last.is_none_or(|last| last.elapsed() >= TICK) {
            self.last = Some(Instant::now());
            let current = self.count.load(Ordering::Relaxed);
            let step = Step::LoadingLayer {
                current,
                total: self.total,
            };
            self.progress.report(Event::Layer { id: self.id, step });
        }
        Ok(read)
    }
}
