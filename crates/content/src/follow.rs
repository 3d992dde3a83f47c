//! Reading a blob while it is being written.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Error, Kind};

/// How far a blob has grown, shared by its writer and its readers.
#[derive(Debug)]
pub(crate) struct Growth {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    written: u64,
    ending: Option<Ending>,
}

/// How a growth ended.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    /// All bytes are there and verified.
    Whole,
    /// There will be no more, for this reason.
    Failed(io::ErrorKind, String),
}

impl Ending {
    /// A failure that followers are to see as what it is.
    pub(crate) fn failed(error: &Error) -> Self {
        let kind = match error.kind() {
            Kind::Full => io::ErrorKind::StorageFull,
            Kind::Invalid => io::ErrorKind::InvalidData,
            Kind::NotFound | Kind::Internal => io::ErrorKind::Other,
        };
        Self::Failed(kind, error.to_string())
    }
}

impl Growth {
    pub(crate) fn new(written: u64) -> Self {
        Self {
            state: Mutex::new(State {
                written,
                ending: None,
            }),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn grow_to(&self, written: u64) {
        self.lock().written = written;
        self.changed.notify_all();
    }

    pub(crate) fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.changed.notify_all();
    }

    /// Waits until there is something after `position`; gives where it ends, or `position` itself
    /// at the verified end.
    fn wait_beyond(&self, position: u64) -> io::Result<u64> {
        let mut state = self.lock();
        loop {
            match &state.ending {
                Some(Ending::Failed(kind, reason)) => {
                    return Err(io::Error::new(*kind, reason.clone()));
                }
                Some(Ending::Whole) => return Ok(state.written),
                None if state.written > position => return Ok(state.written),
                None => {}
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a blob while it is being written.
///
/// Its end comes only after all bytes have been verified; if they never are, an error comes in its
/// place. So whatever consumes it to the end has consumed the right bytes.
#[derive(Debug)]
pub struct Follow {
    file: File,
    growth: Arc<Growth>,
    position: Arc<AtomicU64>,
    available: u64,
}

impl Follow {
    pub(crate) fn new(file: File, growth: Arc<Growth>) -> Self {
        Self {
            file,
            growth,
            position: Arc::default(),
            available: 0,
        }
    }

    /// Bytes read so far, for somebody who watches.
    pub fn position(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.position)
    }
}

impl Read for Follow {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let position = self.position.load(Ordering::Relaxed);
        if position >= self.available {
            self.available = self.growth.wait_beyond(position)?;
        }
        let wanted = (buf.len() as u64).min(self.available - position) as usize;
        let read = self.file.read_at(&mut buf[..wanted], position)?;
        self.position
            .store(position + read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
