//! The connection to the daemon, and the door for one that comes back.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde::Deserialize;

use crate::poll::{EventFlags, Poller, Token, Watched};
use crate::protocol::{self, Call, Failure, FailureKind, Message, Packet, Reply};

/// Messages that may wait for a daemon that does not read before it is taken for dead.
const QUEUE: usize = 1024;

/// A connected daemon.
#[derive(Debug)]
pub(crate) struct Link {
    socket: Watched<OwnedFd>,
    queue: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    buffer: Vec<u8>,
    broken: bool,
}

/// What [`Link::receive`] got.
#[derive(Debug)]
pub(crate) enum Incoming {
    Call(Call, Vec<OwnedFd>),
    Nothing,
    Closed,
}

impl Link {
    pub(crate) fn new(poller: &Poller, socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        let socket = poller.watch(socket, Token::Link, EventFlags::IN)?;
        Ok(Self {
            socket,
            queue: VecDeque::new(),
            buffer: Vec::new(),
            broken: false,
        })
    }

    /// The next request. What is none is answered here.
    pub(crate) fn receive(&mut self) -> Incoming {
        loop {
            let fds = match protocol::receive(&self.socket, &mut self.buffer) {
                Ok(Packet::Message(fds)) => fds,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Incoming::Nothing,
                Ok(Packet::Closed) | Err(_) => return Incoming::Closed,
            };
            match protocol::decode(&self.buffer) {
                Ok(call) => return Incoming::Call(call, fds),
                Err(error) => self.refuse(&error),
            }
        }
    }

    /// A daemon of another version may ask for what we do not know.
    fn refuse(&mut self, error: &io::Error) {
        #[derive(Deserialize)]
        struct Numbered {
            seq: u64,
        }
        let seq = protocol::decode::<Numbered>(&self.buffer).map_or(0, |n| n.seq);
        let message = format!("the monitor does not understand the request: {error}");
        let reply = Reply::Failed(Failure {
            kind: FailureKind::Invalid,
            message,
        });
        self.send(&Message::Reply { seq, reply }, Vec::new());
    }

    /// Sends a message, or keeps it until the daemon reads.
    pub(crate) fn send(&mut self, message: &Message, fds: Vec<OwnedFd>) {
        match protocol::encode(message) {
            Ok(bytes) => self.queue.push_back((bytes, fds)),
            Err(_) => self.broken = true,
        }
        self.flush();
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self) {
        while let Some((bytes, fds)) = self.queue.front() {
            let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
            match protocol::send(&self.socket, bytes, &fds) {
                Ok(()) => {
                    self.queue.pop_front();
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        let mut flags = EventFlags::IN;
        flags.set(EventFlags::OUT, !self.queue.is_empty());
        if self.queue.len() > QUEUE || self.socket.want(flags).is_err() {
            self.broken = true;
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(crate) fn shrink(&mut self) {
        self.buffer = Vec::new();
    }
}

/// The socket in the run directory.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Watched<OwnedFd>,
}

impl Listener {
    pub(crate) fn bind(poller: &Poller, run_dir: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kind = SocketType::SEQPACKET;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
        let before = rustix::process::umask(Mode::from_raw_mode(0o177));
        let bound = protocol::with_address(run_dir, |address| {
            rustix::net::bind(&socket, address)?;
            rustix::net::listen(&socket, 4)
        });
        rustix::process::umask(before);
        bound?;
        Ok(Self {
            socket: poller.watch(socket, Token::Listener, EventFlags::IN)?,
        })
    }

    /// The daemon that has connected.
    pub(crate) fn accept(&self, poller: &Poller) -> io::Result<Link> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Link::new(poller, rustix::net::accept_with(&self.socket, flags)?)
    }
}
