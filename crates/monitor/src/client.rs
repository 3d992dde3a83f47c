//! A client attached to a process: the stream that the daemon handed over.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::time::Instant;

use gantry_log_format::StreamKind;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};

use crate::detach::DetachKeys;
use crate::poll::{EventFlags, Watched};
use crate::protocol::Attach;

/// Bytes that may wait for a client before the process is made to wait.
const BACKLOG: usize = 64 * 1024;

/// A client's stream, never blocked on.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u32,
    socket: Watched<OwnedFd>,
    wants: Attach,
    pub(crate) keys: DetachKeys,
    /// Whether its input is still of interest.
    pub(crate) reading: bool,
    /// Whether it is to be let go once everything is sent.
    closing: bool,
    /// Whether the daemon need not hear that it is gone.
    told: bool,
    broken: bool,
    pending: Vec<u8>,
    sent: usize,
    /// Since when it took nothing although there was something.
    stalled_since: Option<Instant>,
}

/// What came from a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// That many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
    End,
}

impl Client {
    pub(crate) fn new(id: u32, socket: Watched<OwnedFd>, mut wants: Attach) -> Self {
        let keys = DetachKeys::new(std::mem::take(&mut wants.detach_keys));
        wants.leftover = Vec::new();
        Self {
            id,
            socket,
            keys,
            reading: wants.stdin,
            wants,
            closing: false,
            told: false,
            broken: false,
            pending: Vec::new(),
            sent: 0,
            stalled_since: None,
        }
    }

    /// Sends output, as a frame if the client wants frames.
    pub(crate) fn push(&mut self, stream: StreamKind, bytes: &[u8]) {
        let wanted = match stream {
            StreamKind::Stdout => self.wants.stdout,
            StreamKind::Stderr => self.wants.stderr,
        };
        if !wanted || self.closing || self.broken {
            return;
        }
        let header = frame_header(stream, bytes.len());
        let header: &[u8] = if self.wants.framed { &header } else { &[] };
        let sent = if self.pending.is_empty() {
            self.send(header, bytes)
        } else {
            0
        };
        self.pending
            .extend_from_slice(&header[sent.min(header.len())..]);
        self.pending
            .extend_from_slice(&bytes[sent.saturating_sub(header.len())..]);
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.sent += self.send(&pending[self.sent..], &[]);
        self.pending = pending;
        if self.sent == self.pending.len() {
            self.pending = Vec::new();
            self.sent = 0;
        }
    }

    fn send(&mut self, first: &[u8], second: &[u8]) -> usize {
        let mut done = 0;
        let total = first.len() + second.len();
        while done < total {
            let parts = [
                IoSlice::new(&first[done.min(first.len())..]),
                IoSlice::new(&second[done.saturating_sub(first.len())..]),
            ];
            // Not O_NONBLOCK: that would hold for the daemon's copy of the socket, too.
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let mut control = SendAncillaryBuffer::default();
            match rustix::net::sendmsg(&self.socket, &parts, &mut control, flags) {
                Ok(count) => {
                    done += count;
                    self.stalled_since = None;
                }
                Err(Errno::AGAIN) => {
                    self.stalled_since.get_or_insert_with(Instant::now);
                    break;
                }
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.broken = true;
                    return total;
                }
            }
        }
        done
    }

    /// Reads what the client sent.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        match rustix::net::recv(&self.socket, buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => Received::End,
            Ok((count, _)) => Received::Bytes(count),
            Err(Errno::AGAIN | Errno::INTR) => Received::Nothing,
            Err(_) => Received::End,
        }
    }

    /// Lets it go once everything is sent; the daemon knows, or knows why.
    pub(crate) fn close(&mut self) {
        self.told = true;
        self.leave();
    }

    /// Lets it go once everything is sent: it wants no more.
    pub(crate) fn leave(&mut self) {
        self.closing = true;
        self.reading = false;
    }

    /// Lets it go at once.
    pub(crate) fn abandon(&mut self) {
        self.broken = true;
    }

    /// Whether it can be dropped.
    pub(crate) fn is_done(&self) -> bool {
        self.broken || (self.closing && self.pending.is_empty())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether the daemon need not hear that it is gone.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// Whether the process must wait for it.
    pub(crate) fn is_behind(&self) -> bool {
        self.pending.len() - self.sent >= BACKLOG
    }

    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since.filter(|_| !self.pending.is_empty())
    }

    /// Waits for what there is to wait for.
    pub(crate) fn update_interest(&mut self, input_accepts: bool) {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, self.reading && input_accepts);
        flags.set(EventFlags::OUT, !self.pending.is_empty());
        if self.socket.want(flags).is_err() {
            self.broken = true;
        }
    }
}

impl Drop for Client {
    /// Says goodbye properly: the other side reads to the end even if a copy of the socket is
    /// open elsewhere, and input that was never read does not turn the end into a reset.
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
        let mut buffer = [0; 4096];
        for _ in 0..64 {
            if !matches!(self.receive(&mut buffer), Received::Bytes(_)) {
                break;
            }
        }
    }
}

/// Docker's frame: stream number, three zeros, length (`stdcopy`).
fn frame_header(stream: StreamKind, length: usize) -> [u8; 8] {
    let number = match stream {
        StreamKind::Stdout => 1,
        StreamKind::Stderr => 2,
    };
    let [a, b, c, d] = (length as u32).to_be_bytes();
    [number, 0, 0, 0, a, b, c, d]
}
