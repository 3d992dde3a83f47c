//! One connection passed on: two sockets and a pipe each way, so that bytes stay in the kernel.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, sockopt};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

/// How many bytes are moved at once: a pipe's own size.
const CHUNK: usize = 64 * 1024;
/// How often one connection moves bytes before others have their turn.
const ROUNDS: usize = 32;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The kernel tells when there is more to do.
    Waits,
    /// There is more to do.
    Unfinished,
    /// Both sides are done, or one is broken.
    Over,
}

/// A client's connection and ours to the container.
pub(super) struct Connection {
    client: OwnedFd,
    target: OwnedFd,
    there: Direction,
    back: Direction,
}

/// Takes the next client and begins to connect to the container; nothing when nobody waits.
pub(super) fn accept(listener: &OwnedFd, target: SocketAddr) -> io::Result<Option<Connection>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let client = match rustix::net::accept_with(listener, flags) {
        Ok(client) => client,
        Err(Errno::AGAIN) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let connected = connect(target);
    let target = connected.inspect_err(|_| refuse(&client))?;
    for socket in [&client, &target] {
        sockopt::set_tcp_nodelay(socket, true)?;
    }
    Ok(Some(Connection {
        client,
        target,
        there: Direction::new()?,
        back: Direction::new()?,
    }))
}

fn connect(target: SocketAddr) -> io::Result<OwnedFd> {
    let family = if target.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Has the client told that nobody is there (a reset), as the container itself would have.
fn refuse(client: &OwnedFd) {
    let _ = sockopt::set_socket_linger(client, Some(Duration::ZERO));
}

impl Connection {
    pub(super) fn sockets(&self) -> [BorrowedFd<'_>; 2] {
        [self.client.as_fd(), self.target.as_fd()]
    }

    /// Moves what can be moved.
    pub(super) fn go_on(&mut self) -> State {
        let there = self.there.go_on(&self.client, &self.target);
        let back = self.back.go_on(&self.target, &self.client);
        match (there, back) {
            (Ok(State::Over), Ok(State::Over)) => State::Over,
            (Ok(State::Unfinished), Ok(_)) | (Ok(_), Ok(State::Unfinished)) => State::Unfinished,
            (Ok(_), Ok(_)) => State::Waits,
            (Err(_), _) | (_, Err(_)) => {
                refuse(&self.client);
                refuse(&self.target);
                State::Over
            }
        }
    }
}

struct Direction {
    read: OwnedFd,
    write: OwnedFd,
    /// Bytes in the pipe.
    pending: usize,
    /// Whether the sender has ended.
    ended: bool,
    /// Whether the receiver was told.
    told: bool,
}

impl Direction {
    fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self {
            read,
            write,
            pending: 0,
            ended: false,
            told: false,
        })
    }

    fn go_on(&mut self, from: &OwnedFd, to: &OwnedFd) -> Result<State, Errno> {
        for _ in 0..ROUNDS {
            if self.told {
                return Ok(State::Over);
            }
            let moved = self.take(from)? | self.give(to)?;
            if self.ended && self.pending == 0 {
                self.told = true;
                match rustix::net::shutdown(to, Shutdown::Write) {
                    // The other side is gone already.
                    Ok(()) | Err(Errno::NOTCONN) => {}
                    Err(error) => return Err(error),
                }
                return Ok(State::Over);
            }
            if !moved {
                return Ok(State::Waits);
            }
        }
        Ok(State::Unfinished)
    }

    fn take(&mut self, from: &OwnedFd) -> Result<bool, Errno> {
        if self.ended || self.pending >= CHUNK {
            return Ok(false);
        }
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        match splice(from, None, &self.write, None, CHUNK, flags) {
            Ok(0) => {
                self.ended = true;
                Ok(true)
            }
            Ok(bytes) => {
                self.pending += bytes;
                Ok(true)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn give(&mut self, to: &OwnedFd) -> Result<bool, Errno> {
        if self.pending == 0 {
            return Ok(false);
        }
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        match splice(&self.read, None, to, None, self.pending, flags) {
            Ok(bytes) => {
                self.pending -= bytes;
                Ok(bytes > 0)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
