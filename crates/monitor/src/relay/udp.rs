//! Datagrams passed on: a socket of ours to the container for each client.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use gantry_sys::datagram::{self, Local};
use rustix::event::epoll;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// How long a client is remembered: as long as Docker's proxy does.
const SILENCE: Duration = Duration::from_secs(90);
/// How many clients one port remembers.
const MOST: usize = 4096;
/// How many datagrams are taken at a time.
const BURST: usize = 64;
/// The largest datagram.
const LARGEST: usize = 65_535;

/// A client, and the address of this host that it asks.
type Pair = (SocketAddr, Option<Local>);

/// The clients of one port.
pub(super) struct Flows {
    socket: OwnedFd,
    target: SocketAddr,
    flows: HashMap<Pair, Flow>,
    buffer: Vec<u8>,
}

struct Flow {
    upstream: OwnedFd,
    last: Instant,
}

impl Flows {
    pub(super) fn new(socket: OwnedFd, target: SocketAddr) -> Self {
        Self {
            socket,
            target,
            flows: HashMap::new(),
            buffer: vec![0; LARGEST],
        }
    }

    /// Passes on what has come from clients.
    pub(super) fn forward(&mut self, epoll: &OwnedFd, token: u64) {
        for _ in 0..BURST {
            let received = datagram::receive(self.socket.as_fd(), &mut self.buffer);
            let Ok((length, client, asked)) = received else {
                return;
            };
            let Some(client) = client else {
                continue;
            };
            let flow = flow_of(&mut self.flows, (client, asked), || {
                let upstream = connect(self.target)?;
                let data = epoll::EventData::new_u64(token);
                epoll::add(epoll, &upstream, data, epoll::EventFlags::IN)?;
                Ok(upstream)
            });
            if let Some(flow) = flow {
                let bytes = &self.buffer[..length];
                let _ = rustix::net::send(&flow.upstream, bytes, SendFlags::DONTWAIT);
            }
        }
    }

    /// Passes on what has come from the container.
    pub(super) fn answer(&mut self) {
        let now = Instant::now();
        for ((client, asked), flow) in &mut self.flows {
            for _ in 0..BURST {
                let received =
                    rustix::net::recv(&flow.upstream, &mut self.buffer[..], RecvFlags::DONTWAIT);
                // Also when nobody listens there: the client hears nothing, as without us.
                let Ok((length, _)) = received else { break };
                flow.last = now;
                let bytes = &self.buffer[..length];
                let _ = datagram::send(self.socket.as_fd(), bytes, *client, *asked);
            }
        }
    }

    /// Forgets clients that were silent; returns how many are left.
    pub(super) fn expire(&mut self, now: Instant) -> usize {
        self.flows
            .retain(|_, flow| now.duration_since(flow.last) < SILENCE);
        self.flows.len()
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self, epoll: &OwnedFd) {
        let _ = epoll::delete(epoll, &self.socket);
        self.flows.clear();
    }
}

/// A client's flow, which begins now if it has none; nothing where there are too many.
fn flow_of(
    flows: &mut HashMap<Pair, Flow>,
    client: Pair,
    connect: impl FnOnce() -> io::Result<OwnedFd>,
) -> Option<&mut Flow> {
    let room = flows.len() < MOST;
    match flows.entry(client) {
        Entry::Occupied(known) => {
            let flow = known.into_mut();
            flow.last = Instant::now();
            Some(flow)
        }
        Entry::Vacant(_) if !room => None,
        Entry::Vacant(place) => Some(place.insert(Flow {
            upstream: connect().ok()?,
            last: Instant::now(),
        })),
    }
}

fn connect(target: SocketAddr) -> io::Result<OwnedFd> {
    let family = if target.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
    rustix::net::connect(&socket, &target)?;
    Ok(socket)
}
