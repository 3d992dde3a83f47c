//! Raw netlink: messages with nested attributes, sockets, exchanges (netlink(7), RFC 3549).
//!
//! A [`Messages`] buffer holds any number of messages and goes to the kernel in one send; the
//! kernel answers within that very call, so an [`Socket::exchange`] costs one round trip
//! however many changes it carries. What the messages mean is told by the crates above.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// `NLM_F_REQUEST` is implied; these may be added to a message.
pub mod flags {
    /// Answer even a success.
    pub const ACK: u16 = 0x4;
    /// Return every object (`NLM_F_ROOT | NLM_F_MATCH`).
    pub const DUMP: u16 = 0x300;
    /// Replace what exists.
    pub const REPLACE: u16 = 0x100;
    /// Fail when it exists.
    pub const EXCL: u16 = 0x200;
    /// Create what does not exist.
    pub const CREATE: u16 = 0x400;
    /// Put at the end of the list.
    pub const APPEND: u16 = 0x800;
}

const REQUEST: u16 = 0x1;
const DUMP_INTERRUPTED: u16 = 0x10;
const HEADER: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;
/// `NLM_F_CAPPED`: the answer to a failed message does not repeat its body.
const CAPPED: u16 = 0x100;
/// `NLMSGERR_ATTR_MSG`: the kernel's own words.
const ERROR_MESSAGE: u16 = 1;

fn align(length: usize) -> usize {
    (length + 3) & !3
}

/// Messages to be sent together.
#[derive(Debug, Default)]
pub struct Messages {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Messages {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Adds a message: its type, its flags, the family's fixed header, then the attributes.
    pub fn push(
        &mut self,
        kind: u16,
        flags: u16,
        header: &[u8],
        attributes: impl FnOnce(&mut Attributes<'_>),
    ) {
        let start = self.bytes.len();
        self.starts.push(start);
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes
            .extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        let mut writer = Attributes {
            bytes: &mut self.bytes,
        };
        writer.raw(header);
        attributes(&mut writer);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// Numbers the messages from `first` on and asks for an answer to the last but `skip`.
    fn seal(&mut self, first: u32, skip: usize) {
        for (index, &start) in self.starts.iter().enumerate() {
            let sequence = first.wrapping_add(index as u32);
            self.bytes[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
        }
        if let Some(&start) = self.starts.iter().rev().nth(skip) {
            self.bytes[start + 6] |= flags::ACK as u8;
        }
    }
}

/// Writes the attributes of one message.
#[derive(Debug)]
pub struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
}

impl Attributes<'_> {
    /// Bytes as they are, filled up to a multiple of four: a fixed header.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(align(self.bytes.len()), 0);
    }

    /// An attribute of bytes.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        let length = (value.len() + 4) as u16;
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.raw(value);
    }

    /// A string with its terminating zero.
    pub fn string(&mut self, kind: u16, value: &str) {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        self.bytes(kind, &bytes);
    }

    /// A number in the machine's byte order.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// A number in network byte order.
    pub fn be32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// A number in network byte order.
    pub fn be64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// An attribute that holds attributes.
    ///
    /// # Panics
    /// Never; but what is longer than 65,535 bytes cannot be told to the kernel and is cut:
    /// split long lists over several messages.
    pub fn nested(&mut self, kind: u16, inner: impl FnOnce(&mut Attributes<'_>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&(kind | NESTED).to_ne_bytes());
        inner(&mut Attributes { bytes: self.bytes });
        let length = (self.bytes.len() - start).min(usize::from(u16::MAX)) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

/// Reads attributes: pairs of type (without flag bits) and value.
#[derive(Debug, Clone)]
pub struct AttributeIter<'a> {
    rest: &'a [u8],
}

impl<'a> AttributeIter<'a> {
    /// Reads the attributes in `bytes`; stops at the first malformed one.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The value of the first attribute of this type.
    pub fn find(&self, kind: u16) -> Option<&'a [u8]> {
        self.clone()
            .find_map(|(found, value)| (found == kind).then_some(value))
    }
}

impl<'a> Iterator for AttributeIter<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & TYPE_MASK;
        let value = self.rest.get(4..length)?;
        self.rest = self.rest.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// A message that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the sent messages, from 0.
    pub index: usize,
    /// The error number.
    pub errno: i32,
    /// The kernel's own words, when it has some.
    pub message: Option<String>,
}

/// A message that the kernel returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its type.
    pub kind: u16,
    /// The family's fixed header and the attributes.
    pub body: Vec<u8>,
}

/// What came back from one exchange.
#[derive(Debug, Default)]
pub struct Answer {
    /// The returned messages.
    pub replies: Vec<Reply>,
    /// The refused messages; empty when all went well.
    pub refusals: Vec<Refusal>,
    /// Something changed while the kernel listed it: the list may lack entries.
    pub interrupted: bool,
}

/// Which part of the kernel a socket speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Links, addresses, routes: rtnetlink(7).
    Route,
    /// nf_tables and conntrack.
    Netfilter,
}

/// A netlink socket. It speaks for the network namespace that its maker was in.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    next: AtomicU32,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    pub fn open(family: Family) -> io::Result<Self> {
        let protocol = match family {
            Family::Route => None,
            Family::Netfilter => Some(rustix::net::netlink::NETFILTER),
        };
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        set_option(&fd, libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1)?;
        set_option(&fd, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1)?;
        // A transaction of thousands of elements is one send. Without CAP_NET_ADMIN in the
        // first user namespace the default size stays.
        let _ = set_option(&fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, 8 << 20);
        let _ = set_option(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 8 << 20);
        Ok(Self {
            fd,
            next: AtomicU32::new(1),
        })
    }

    /// Sends the messages and reads all answers, up to the one to the last message but `skip`.
    ///
    /// `skip` is for a trailing message that the kernel never answers (the end of an
    /// nf_tables batch). Calls on one socket must not overlap: keep it behind a lock.
    pub fn exchange(&self, mut messages: Messages, skip: usize) -> io::Result<Answer> {
        let count = messages.len() as u32;
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        messages.seal(first, skip);
        let sent = rustix::net::send(&self.fd, &messages.bytes, rustix::net::SendFlags::empty())?;
        if sent != messages.bytes.len() {
            return Err(io::Error::from(io::ErrorKind::WriteZero));
        }
        let last = first.wrapping_add(count).wrapping_sub(1 + skip as u32);
        let mut collector = Collector {
            first,
            count,
            last,
            finished: false,
            answer: Answer::default(),
        };
        let mut buffer = vec![0; 64 * 1024];
        while !collector.finished {
            let length = self.receive(&mut buffer, &collector)?;
            if length == 0 {
                break;
            }
            collector.read(&buffer[..length]);
        }
        Ok(collector.answer)
    }

    /// Joins a multicast group: from now on the kernel sends notices, for [`Socket::notices`].
    pub fn subscribe(&self, group: i32) -> io::Result<()> {
        // A socket without a number of its own is left out: the kernel takes number 0 for
        // whoever shall not be told.
        let any = rustix::net::netlink::SocketAddrNetlink::new(0, 0);
        rustix::net::bind(&self.fd, &any)?;
        set_option(
            &self.fd,
            libc::SOL_NETLINK,
            libc::NETLINK_ADD_MEMBERSHIP,
            group,
        )
    }

    /// All notices that have come, each with the port of the socket whose message caused it.
    /// Does not wait. An error of the kind `ENOBUFS` says that some were lost.
    pub fn notices(&self) -> io::Result<Vec<(u32, Reply)>> {
        let mut notices = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match rustix::net::recv(&self.fd, &mut buffer[..], rustix::net::RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(rustix::io::Errno::AGAIN) => return Ok(notices),
                Ok((length, _)) => read_notices(&buffer[..length], &mut notices),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The number by which the kernel knows this socket (`nl_pid`).
    pub fn port(&self) -> io::Result<u32> {
        let address = rustix::net::getsockname(&self.fd)?;
        let address = rustix::net::netlink::SocketAddrNetlink::try_from(address)?;
        Ok(address.pid())
    }

    /// One datagram; 0 when nothing more will come.
    ///
    /// A refused nf_tables batch answers the refused messages only: once a refusal is read,
    /// what is not in the queue yet does not exist, for the kernel answered within our send.
    fn receive(&self, buffer: &mut [u8], collector: &Collector) -> io::Result<usize> {
        let wait = if collector.answer.refusals.is_empty() {
            rustix::net::RecvFlags::empty()
        } else {
            rustix::net::RecvFlags::DONTWAIT
        };
        loop {
            match rustix::net::recv(&self.fd, &mut *buffer, wait) {
                Ok((length, _)) => return Ok(length),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(0),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Sorts what comes back.
struct Collector {
    first: u32,
    count: u32,
    last: u32,
    finished: bool,
    answer: Answer,
}

impl Collector {
    fn read(&mut self, mut datagram: &[u8]) {
        while let Some(head) = datagram.first_chunk::<HEADER>() {
            let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let kind = u16::from_ne_bytes([head[4], head[5]]);
            let flags = u16::from_ne_bytes([head[6], head[7]]);
            let sequence = u32::from_ne_bytes([head[8], head[9], head[10], head[11]]);
            let Some(body) = datagram.get(HEADER..length) else {
                return;
            };
            // A leftover of an earlier exchange that ended at its first refusal is skipped.
            if sequence.wrapping_sub(self.first) < self.count {
                self.take(kind, flags, sequence, body);
            }
            datagram = datagram.get(align(length)..).unwrap_or_default();
        }
    }

    fn take(&mut self, kind: u16, flags: u16, sequence: u32, body: &[u8]) {
        self.answer.interrupted |= flags & DUMP_INTERRUPTED != 0;
        match kind {
            ERROR | DONE => {
                let code = body
                    .first_chunk()
                    .map_or(0, |code| i32::from_ne_bytes(*code));
                if code < 0 {
                    self.answer.refusals.push(Refusal {
                        index: sequence.wrapping_sub(self.first) as usize,
                        errno: -code,
                        message: refusal_message(kind, flags, body),
                    });
                }
                self.finished |= sequence == self.last;
            }
            _ => self.answer.replies.push(Reply {
                kind,
                body: body.to_vec(),
            }),
        }
    }
}

fn read_notices(mut datagram: &[u8], notices: &mut Vec<(u32, Reply)>) {
    while let Some(head) = datagram.first_chunk::<HEADER>() {
        let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_ne_bytes([head[4], head[5]]);
        let port = u32::from_ne_bytes([head[12], head[13], head[14], head[15]]);
        let Some(body) = datagram.get(HEADER..length) else {
            return;
        };
        let body = body.to_vec();
        notices.push((port, Reply { kind, body }));
        datagram = datagram.get(align(length)..).unwrap_or_default();
    }
}

/// The kernel's words follow the repeated header of the refused message.
fn refusal_message(kind: u16, flags: u16, body: &[u8]) -> Option<String> {
    if kind != ERROR || flags & CAPPED == 0 {
        return None;
    }
    let text = AttributeIter::new(body.get(4 + HEADER..)?).find(ERROR_MESSAGE)?;
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    Some(String::from_utf8_lossy(text).into_owned())
}

fn set_option(fd: &OwnedFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the pointer and the size describe a live i32 that the kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_written() {
        let mut messages = Messages::new();
        messages.push(16, 0, &[9; 5], |attributes| {
            attributes.string(1, "lo");
            attributes.nested(2, |inner| inner.be32(7, 0x0102_0304));
            attributes.bytes(3, &[1, 2, 3]);
        });
        let body = &messages.bytes[HEADER + 8..];
        let found: Vec<_> = AttributeIter::new(body).collect();
        assert_eq!(found[0], (1, &b"lo\0"[..]));
        assert_eq!(
            AttributeIter::new(found[1].1).find(7),
            Some(&[1, 2, 3, 4][..])
        );
        assert_eq!(found[2], (3, &[1, 2, 3][..]));
    }

    #[test]
    fn malformed_attributes_end_the_reading() {
        assert_eq!(AttributeIter::new(&[255, 255, 1, 0]).count(), 0);
        assert_eq!(AttributeIter::new(&[0, 0, 1, 0]).count(), 0);
        assert_eq!(AttributeIter::new(&[4, 0]).count(), 0);
    }

    #[test]
    fn the_kernel_answers_and_refuses() {
        let socket = Socket::open(Family::Route).unwrap();
        let mut messages = Messages::new();
        // RTM_GETLINK of interface 1, which is lo, then of one that does not exist.
        let lo = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let missing = [0, 0, 0, 0, 255, 255, 255, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0];
        messages.push(18, 0, &lo, |_| {});
        messages.push(18, 0, &missing, |_| {});
        let answer = socket.exchange(messages, 0).unwrap();
        assert_eq!(answer.replies.len(), 1);
        assert_eq!(answer.refusals[0].index, 1);
        assert_eq!(answer.refusals[0].errno, libc::ENODEV);
    }
}
