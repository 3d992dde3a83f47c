//! Published ports whose packets the kernel cannot translate: those of a family of addresses that
//! the container lacks, and what comes to `::1`.
//!
//! The monitor holds their sockets anyway. It waits for a first client of any of them (one epoll
//! instance inside its own, so a thousand ports cost one registration) and then starts a helper,
//! the same program under the word [`WORD`], which gets the sockets and passes bytes on until nobody
//! has needed it for a while. So a port that nobody uses costs nothing, traffic does not hold up
//! the container's output, and a daemon that dies changes nothing.

mod helper;
mod tcp;
mod udp;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use gantry_runtime::Pid;
use rustix::event::epoll;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use serde::{Deserialize, Serialize};

pub use helper::run;

use crate::container::held_port;
use crate::poll::{EventFlags, Poller, Token, Watched};
use crate::protocol::{self, HeldPort, Relay};

/// The helper's word on the command line.
pub const WORD: &str = "relay";
/// How many sockets go along with one message to the helper.
const AT_ONCE: usize = 200;

/// How many connections wait to be taken, and how many bytes of datagrams.
const BACKLOG: i32 = 4096;
const BUFFER: usize = 1 << 20;

/// Where each of the sockets beside this message leads to.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    targets: Vec<SocketAddr>,
}

/// The relayed ports of a container.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    routes: HashMap<HeldPort, SocketAddr>,
    /// Readable when a client has come; missing while a helper does its work.
    waiting: Option<Watched<OwnedFd>>,
    helper: Option<Helper>,
    /// Helpers that only finish what they began.
    leaving: Vec<Pid>,
}

#[derive(Debug)]
struct Helper {
    pid: Pid,
    /// Its end tells the helper to take no more clients.
    _link: OwnedFd,
}

impl Relays {
    /// Adds ports to relay, or replaces all.
    pub(crate) fn set(&mut self, relays: Vec<Relay>, replace: bool, kept: &[OwnedFd], at: &Poller) {
        if replace {
            self.routes.clear();
        }
        self.routes
            .extend(relays.into_iter().map(|relay| (relay.port, relay.target)));
        self.renew(kept, at);
    }

    /// Goes on without these ports.
    pub(crate) fn release(&mut self, ports: &[HeldPort], kept: &[OwnedFd], at: &Poller) {
        let before = self.routes.len();
        self.routes.retain(|port, _| !ports.contains(port));
        if self.routes.len() != before {
            self.renew(kept, at);
        }
    }

    fn renew(&mut self, kept: &[OwnedFd], at: &Poller) {
        if let Some(helper) = self.helper.take() {
            self.leaving.push(helper.pid);
        }
        self.wait(kept, at);
    }

    /// Waits for a client.
    fn wait(&mut self, kept: &[OwnedFd], at: &Poller) {
        self.waiting = None;
        if self.routes.is_empty() {
            return;
        }
        match self.watched(kept, at) {
            Ok(waiting) => self.waiting = Some(waiting),
            Err(error) => crate::say(&format!("warning: ports cannot be relayed: {error}")),
        }
    }

    fn watched(&self, kept: &[OwnedFd], at: &Poller) -> io::Result<Watched<OwnedFd>> {
        let all = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (socket, _) in self.sockets(kept) {
            make_room(socket)?;
            let data = epoll::EventData::new_u64(0);
            epoll::add(&all, socket, data, EventFlags::IN)?;
        }
        at.watch(all, Token::Relay, EventFlags::IN)
    }

    fn sockets<'a>(
        &'a self,
        kept: &'a [OwnedFd],
    ) -> impl Iterator<Item = (&'a OwnedFd, SocketAddr)> {
        kept.iter().filter_map(|socket| {
            let target = self.routes.get(&held_port(socket)?)?;
            Some((socket, *target))
        })
    }

    /// A client has come: starts the helper.
    pub(crate) fn ready(&mut self, kept: &[OwnedFd]) {
        self.waiting = None;
        match self.start(kept) {
            Ok(helper) => self.helper = Some(helper),
            // Not tried again by itself: it would fail as often as the client asks.
            Err(error) => crate::say(&format!("warning: ports cannot be relayed: {error}")),
        }
    }

    fn start(&self, kept: &[OwnedFd]) -> io::Result<Helper> {
        let flags = SocketFlags::CLOEXEC;
        let (own, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let child = Command::new("/proc/self/exe")
            .arg(WORD)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the helper has no process number"))?;
        let all: Vec<_> = self.sockets(kept).collect();
        for some in all.chunks(AT_ONCE) {
            let targets = some.iter().map(|(_, target)| *target).collect();
            let sockets: Vec<_> = some.iter().map(|(socket, _)| socket.as_fd()).collect();
            protocol::send(&own, &protocol::encode(&Task { targets })?, &sockets)?;
        }
        Ok(Helper { pid, _link: own })
    }

    /// Takes note of a child that has ended; true when it was a helper.
    pub(crate) fn reaped(&mut self, pid: Pid, kept: &[OwnedFd], at: &Poller) -> bool {
        if self.helper.as_ref().is_some_and(|helper| helper.pid == pid) {
            self.helper = None;
            self.wait(kept, at);
            return true;
        }
        let before = self.leaving.len();
        self.leaving.retain(|leaving| *leaving != pid);
        self.leaving.len() != before
    }
}

/// Lets clients wait for the helper at a socket that had no room as long as it only held its port.
fn make_room(socket: &OwnedFd) -> io::Result<()> {
    if sockopt::socket_type(socket)? == SocketType::STREAM {
        rustix::net::listen(socket, BACKLOG)?;
    } else {
        sockopt::set_socket_recv_buffer_size(socket, BUFFER)?;
        // A host has several addresses, and a client takes answers only from the one that it asked.
        // Said before the first datagram comes: the kernel notes it as it queues one.
        let ipv6 = sockopt::socket_domain(socket)? == AddressFamily::INET6;
        gantry_sys::datagram::tell_destination(socket.as_fd(), ipv6)?;
    }
    Ok(())
}

/// Nothing is passed on to a container that is over.
impl Drop for Relays {
    fn drop(&mut self) {
        let running = self.helper.iter().map(|helper| helper.pid);
        for pid in running.chain(self.leaving.iter().copied()) {
            // It is a child that was not reaped: nobody else has its number.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
