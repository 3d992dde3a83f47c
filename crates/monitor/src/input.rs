//! A process's standard input: a pipe or a terminal, and what it has not taken yet.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::poll::{EventFlags, Watched};

/// Where clients' input goes.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// Missing: nobody reads (any longer), and what comes is dropped.
    sink: Option<Watched<OwnedFd>>,
    queue: Vec<u8>,
    written: usize,
    ending: bool,
}

impl Input {
    /// Input that goes to a non-blocking descriptor.
    pub(crate) fn to(sink: Watched<OwnedFd>) -> Self {
        Self {
            sink: Some(sink),
            ..Self::default()
        }
    }

    /// Whether more should be read from clients now.
    pub(crate) fn accepts(&self) -> bool {
        self.queue.is_empty()
    }

    /// Writes what can be written and keeps the rest.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.sink.is_none() || self.ending {
            return;
        }
        let taken = if self.queue.is_empty() {
            self.write(bytes)
        } else {
            0
        };
        self.queue.extend_from_slice(&bytes[taken..]);
        self.settle();
    }

    /// Closes the input once everything is written.
    pub(crate) fn end(&mut self) {
        self.ending = true;
        self.settle();
    }

    /// The descriptor is ready, or has nobody at its other end any longer.
    pub(crate) fn ready(&mut self, flags: EventFlags) {
        if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
            return self.close();
        }
        let queue = std::mem::take(&mut self.queue);
        self.written += self.write(&queue[self.written..]);
        self.queue = queue;
        self.settle();
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        while let Some(sink) = &self.sink
            && done < bytes.len()
        {
            match rustix::io::write(sink, &bytes[done..]) {
                Ok(count) => done += count,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                // The program has closed its input: no news for anybody.
                Err(_) => self.sink = None,
            }
        }
        done
    }

    fn settle(&mut self) {
        if self.sink.is_none() {
            return self.close();
        }
        if self.written == self.queue.len() {
            self.queue = Vec::new();
            self.written = 0;
        }
        if self.queue.is_empty() && self.ending {
            return self.close();
        }
        let flags = if self.queue.is_empty() {
            EventFlags::empty()
        } else {
            EventFlags::OUT
        };
        if let Some(sink) = &mut self.sink
            && sink.want(flags).is_err()
        {
            self.close();
        }
    }

    fn close(&mut self) {
        *self = Self {
            ending: true,
            ..Self::default()
        };
    }
}
