//! The helper's process: sockets in, connections and datagrams passed on, an end when idle.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::net::{SocketType, sockopt};
use rustix::process::{Resource, Rlimit, Signal};

use super::Task;
use super::tcp::{self, Connection, State};
use super::udp::Flows;
use crate::protocol::{self, Packet};

/// How long nobody has to need the helper before it ends.
const IDLE: Duration = Duration::from_secs(10);
/// How often idle flows are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How many clients are taken from one socket at a time.
const BURST: usize = 64;
/// How long it waits when it can take no client.
const BREATH: Duration = Duration::from_millis(5);
const EVENTS: usize = 64;

/// A socket that clients come to.
enum Source {
    Tcp { socket: OwnedFd, target: SocketAddr },
    Udp(Flows),
}

/// What became ready.
#[derive(Clone, Copy)]
enum Ready {
    Link,
    Source(usize),
    Connection(usize),
    /// An upstream socket of a source.
    Flow(usize),
}

impl Ready {
    fn encode(self) -> u64 {
        let (kind, number) = match self {
            Self::Link => (0, 0),
            Self::Source(number) => (1, number),
            Self::Connection(number) => (2, number),
            Self::Flow(source) => (3, source),
        };
        kind << 32 | number as u64
    }

    fn decode(data: u64) -> Self {
        let number = (data & 0xffff_ffff) as usize;
        match data >> 32 {
            0 => Self::Link,
            1 => Self::Source(number),
            2 => Self::Connection(number),
            _ => Self::Flow(number),
        }
    }
}

/// Runs the helper; the monitor is at the other end of descriptor 0.
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::say(&format!("relay: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_name(c"gantry-relay")?;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // With less, fewer connections are relayed at a time.
    let _ = rustix::process::setrlimit(Resource::Nofile, most);
    let link = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::io::ioctl_fionbio(&link, true)?;
    Relay::new(link)?.run()
}

struct Relay {
    epoll: OwnedFd,
    /// Missing when the monitor wants no more clients to be taken.
    link: Option<OwnedFd>,
    sources: Vec<Source>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Connections that had more to move than one round allows.
    unfinished: BTreeSet<usize>,
    needed: Instant,
}

impl Relay {
    fn new(link: OwnedFd) -> io::Result<Self> {
        let relay = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            link: None,
            sources: Vec::new(),
            connections: Vec::new(),
            free: Vec::new(),
            unfinished: BTreeSet::new(),
            needed: Instant::now(),
        };
        watch(&relay.epoll, &link, Ready::Link, epoll::EventFlags::IN)?;
        Ok(Self {
            link: Some(link),
            ..relay
        })
    }

    fn run(mut self) -> io::Result<()> {
        while !self.is_over() {
            for ready in self.wait()? {
                match ready {
                    Ready::Link => self.hear(),
                    Ready::Source(number) => self.clients(number),
                    Ready::Connection(number) => self.go_on(number),
                    Ready::Flow(source) => self.answers(source),
                }
            }
            for number in std::mem::take(&mut self.unfinished) {
                self.go_on(number);
            }
            self.expire();
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<Vec<Ready>> {
        let timeout = if self.unfinished.is_empty() {
            TICK
        } else {
            Duration::ZERO
        };
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: 0,
        };
        let mut events = Vec::with_capacity(EVENTS);
        let space = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, space, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = events.iter().map(|event| Ready::decode(event.data.u64()));
        Ok(ready.collect())
    }

    /// More sockets from the monitor, or the end of the link: then no more clients are taken.
    fn hear(&mut self) {
        let mut buffer = Vec::new();
        while let Some(link) = &self.link {
            let task = match protocol::receive(link, &mut buffer) {
                Ok(Packet::Message(sockets)) => protocol::decode(&buffer).map(|t| (t, sockets)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(Packet::Closed) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Err(error) => Err(error),
            };
            match task {
                Ok((Task { targets }, sockets)) => {
                    for (socket, target) in sockets.into_iter().zip(targets) {
                        if let Err(error) = self.serve_at(socket, target) {
                            crate::say(&format!("relay to {target}: {error}"));
                        }
                    }
                }
                Err(_) => self.leave(),
            }
        }
    }

    fn serve_at(&mut self, socket: OwnedFd, target: SocketAddr) -> io::Result<()> {
        let number = self.sources.len();
        let ready = Ready::Source(number);
        if sockopt::socket_type(&socket)? == SocketType::STREAM {
            watch(&self.epoll, &socket, ready, epoll::EventFlags::IN)?;
            self.sources.push(Source::Tcp { socket, target });
        } else {
            watch(&self.epoll, &socket, ready, epoll::EventFlags::IN)?;
            self.sources.push(Source::Udp(Flows::new(socket, target)));
        }
        Ok(())
    }

    /// Takes no more clients and goes on with those that there are.
    fn leave(&mut self) {
        self.link = None;
        for source in &mut self.sources {
            match source {
                Source::Tcp { socket, .. } => drop(epoll::delete(&self.epoll, &*socket)),
                // A datagram belongs to nobody: what comes now is for whoever comes next.
                Source::Udp(flows) => flows.close(&self.epoll),
            }
        }
    }

    fn clients(&mut self, number: usize) {
        self.needed = Instant::now();
        match self.sources.get_mut(number) {
            Some(Source::Udp(flows)) => {
                flows.forward(&self.epoll, Ready::Flow(number).encode());
            }
            Some(Source::Tcp { .. }) => self.accept(number),
            None => {}
        }
    }

    fn accept(&mut self, number: usize) {
        for _ in 0..BURST {
            let Some(Source::Tcp { socket, target }) = self.sources.get(number) else {
                return;
            };
            let connection = match tcp::accept(socket, *target) {
                Ok(Some(connection)) => connection,
                Ok(None) => return,
                // Such as too many open files: the next client may have more luck.
                Err(_) => return std::thread::sleep(BREATH),
            };
            let place = self.free.pop().unwrap_or(self.connections.len());
            let flags = epoll::EventFlags::IN
                | epoll::EventFlags::OUT
                | epoll::EventFlags::RDHUP
                | epoll::EventFlags::ET;
            let watched = connection.sockets().iter().try_for_each(|socket| {
                watch(&self.epoll, *socket, Ready::Connection(place), flags)
            });
            if watched.is_err() {
                self.free.push(place);
                continue;
            }
            if place == self.connections.len() {
                self.connections.push(Some(connection));
            } else {
                self.connections[place] = Some(connection);
            }
            self.unfinished.insert(place);
        }
    }

    fn go_on(&mut self, number: usize) {
        let Some(place) = self.connections.get_mut(number) else {
            return;
        };
        let Some(connection) = place else { return };
        match connection.go_on() {
            State::Waits => {}
            State::Unfinished => drop(self.unfinished.insert(number)),
            State::Over => {
                // Closing ends the registrations: nobody else has these sockets.
                *place = None;
                self.unfinished.remove(&number);
                self.free.push(number);
                self.needed = Instant::now();
            }
        }
    }

    fn answers(&mut self, source: usize) {
        self.needed = Instant::now();
        if let Some(Source::Udp(flows)) = self.sources.get_mut(source) {
            flows.answer();
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        for source in &mut self.sources {
            if let Source::Udp(flows) = source
                && flows.expire(now) > 0
            {
                self.needed = now;
            }
        }
    }

    fn is_over(&self) -> bool {
        let busy = self.connections.len() > self.free.len();
        let idle = self.link.is_none() || self.needed.elapsed() > IDLE;
        !busy && idle
    }
}

fn watch(
    epoll: &OwnedFd,
    socket: impl AsFd,
    ready: Ready,
    flags: epoll::EventFlags,
) -> io::Result<()> {
    let data = epoll::EventData::new_u64(ready.encode());
    epoll::add(epoll, socket, data, flags)?;
    Ok(())
}
