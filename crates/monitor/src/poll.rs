//! The one place where the monitor waits: epoll, with typed tokens and registrations that end
//! with their descriptor's owner.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use gantry_log_format::StreamKind;
pub(crate) use rustix::event::epoll::EventFlags;
use rustix::event::{Timespec, epoll};

/// What has become ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// The daemon's socket.
    Link,
    /// The socket for a daemon that comes back.
    Listener,
    /// A child has ended.
    Children,
    /// The container ran out of memory.
    Memory,
    /// The standard input of that session.
    Input(u32),
    /// An output of that session.
    Output(u32, StreamKind),
    /// The client of that number.
    Client(u32),
    /// A client of a relayed port has come.
    Relay,
}

impl Token {
    fn encode(self) -> u64 {
        let (kind, number) = match self {
            Self::Link => (0, 0),
            Self::Listener => (1, 0),
            Self::Children => (2, 0),
            Self::Memory => (3, 0),
            Self::Input(session) => (4, session),
            Self::Output(session, StreamKind::Stdout) => (5, session),
            Self::Output(session, StreamKind::Stderr) => (6, session),
            Self::Client(client) => (7, client),
            Self::Relay => (8, 0),
        };
        kind << 32 | u64::from(number)
    }

    fn decode(data: u64) -> Self {
        let number = data as u32;
        match data >> 32 {
            0 => Self::Link,
            1 => Self::Listener,
            2 => Self::Children,
            3 => Self::Memory,
            4 => Self::Input(number),
            5 => Self::Output(number, StreamKind::Stdout),
            6 => Self::Output(number, StreamKind::Stderr),
            7 => Self::Client(number),
            _ => Self::Relay,
        }
    }
}

/// An epoll instance.
#[derive(Debug, Clone)]
pub(crate) struct Poller(Rc<OwnedFd>);

/// How many events one wait takes.
const EVENTS: usize = 16;

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Rc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?)))
    }

    /// Takes a descriptor's owner and waits for these events on it from now on.
    pub(crate) fn watch<T: AsFd>(
        &self,
        source: T,
        token: Token,
        flags: EventFlags,
    ) -> io::Result<Watched<T>> {
        let mut watched = Watched {
            poller: self.clone(),
            source,
            token,
            flags: None,
        };
        watched.want(flags)?;
        Ok(watched)
    }

    /// Waits for events, at most that long.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<(Token, EventFlags)>> {
        let timeout = timeout.map(|t| Timespec {
            tv_sec: t.as_secs() as i64,
            tv_nsec: i64::from(t.subsec_nanos()),
        });
        let mut events = Vec::with_capacity(EVENTS);
        let space = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&*self.0, space, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(events
            .iter()
            .map(|e| (Token::decode(e.data.u64()), e.flags))
            .collect())
    }
}

/// A descriptor's owner and what is waited for on it.
///
/// The registration is taken back when this is dropped. Closing alone would not do that: the
/// kernel keeps it as long as anybody has the same open file, as the daemon has a client's socket.
#[derive(Debug)]
pub(crate) struct Watched<T: AsFd> {
    poller: Poller,
    source: T,
    token: Token,
    flags: Option<EventFlags>,
}

impl<T: AsFd> Watched<T> {
    /// Waits for these events from now on (and always for errors and hang-ups).
    pub(crate) fn want(&mut self, flags: EventFlags) -> io::Result<()> {
        let data = epoll::EventData::new_u64(self.token.encode());
        match self.flags {
            Some(before) if before == flags => return Ok(()),
            Some(_) => epoll::modify(&*self.poller.0, &self.source, data, flags)?,
            None => epoll::add(&*self.poller.0, &self.source, data, flags)?,
        }
        self.flags = Some(flags);
        Ok(())
    }

    /// Waits for nothing, not even a hang-up.
    pub(crate) fn ignore(&mut self) {
        if self.flags.take().is_some() {
            // Fails only if it is not registered.
            let _ = epoll::delete(&*self.poller.0, &self.source);
        }
    }

    pub(crate) fn get(&self) -> &T {
        &self.source
    }
}

impl<T: AsFd> AsFd for Watched<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

impl<T: AsFd> Drop for Watched<T> {
    fn drop(&mut self) {
        self.ignore();
    }
}
