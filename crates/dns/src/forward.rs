//! Asking other servers.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gantry_sys::netns;
use hickory_proto::op::ResponseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::Upstream;
use crate::answer::{Transport, failure};

/// How long one server may take; a resolver that asks us waits for five seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a server that did not answer is asked after all others.
const DISTRUST: Duration = Duration::from_secs(15);
/// The largest UDP answer.
const LARGEST: usize = 65_535;

/// Asks upstream servers and remembers which of them did not answer.
#[derive(Debug, Default)]
pub(crate) struct Forwarder {
    silent: Mutex<HashMap<SocketAddr, Instant>>,
}

impl Forwarder {
    /// The first useful answer, else the last one there was, else a failure.
    pub(crate) async fn ask(
        &self,
        query: &[u8],
        mut upstreams: Vec<Upstream>,
        netns: &OwnedFd,
        transport: Transport,
    ) -> Option<Vec<u8>> {
        self.put_silent_last(&mut upstreams);
        let mut last = None;
        for upstream in upstreams {
            let asked = async {
                match transport {
                    Transport::Udp => over_udp(query, upstream, netns).await,
                    Transport::Tcp => over_tcp(query, upstream, netns).await,
                }
            };
            match timeout(PATIENCE, asked).await {
                Ok(Ok(answer)) => {
                    self.trust(upstream.address, true);
                    if is_useful(&answer) {
                        return Some(answer);
                    }
                    last = Some(answer);
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, server = %upstream.address, "a name server cannot be asked");
                    self.trust(upstream.address, false);
                }
                Err(_) => self.trust(upstream.address, false),
            }
        }
        last.or_else(|| failure(query, ResponseCode::ServFail))
    }

    fn put_silent_last(&self, upstreams: &mut [Upstream]) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.retain(|_, since| since.elapsed() < DISTRUST);
        upstreams.sort_by_key(|upstream| silent.contains_key(&upstream.address));
    }

    fn trust(&self, server: SocketAddr, trusted: bool) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if trusted {
            silent.remove(&server);
        } else {
            silent.insert(server, Instant::now());
        }
    }
}

/// SERVFAIL and REFUSED (RFC 1035, 4.1.1): another server may know.
fn is_useful(answer: &[u8]) -> bool {
    answer
        .get(3)
        .is_some_and(|flags| !matches!(flags & 0xf, 2 | 5))
}

async fn over_udp(query: &[u8], upstream: Upstream, netns: &OwnedFd) -> io::Result<Vec<u8>> {
    let socket = udp_socket(upstream, netns)?;
    socket.connect(upstream.address).await?;
    let (sent, id) = with_own_id(query)?;
    socket.send(&sent).await?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = &buffer[..length];
        if answers(answer, &sent, id) {
            return Ok(with_id_of(answer, query));
        }
    }
}

async fn over_tcp(query: &[u8], upstream: Upstream, netns: &OwnedFd) -> io::Result<Vec<u8>> {
    let mut stream = tcp_stream(upstream, netns).await?;
    let (sent, id) = with_own_id(query)?;
    let mut framed = (sent.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(&sent);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    if answers(&answer, &sent, id) {
        Ok(with_id_of(&answer, query))
    } else {
        Err(io::Error::from(io::ErrorKind::InvalidData))
    }
}

fn udp_socket(upstream: Upstream, netns: &OwnedFd) -> io::Result<UdpSocket> {
    let any: SocketAddr = if upstream.address.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let open = || {
        let socket = StdUdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    UdpSocket::from_std(if upstream.inside {
        netns::run_in(netns.as_fd(), open)?
    } else {
        open()?
    })
}

async fn tcp_stream(upstream: Upstream, netns: &OwnedFd) -> io::Result<TcpStream> {
    if !upstream.inside {
        return TcpStream::connect(upstream.address).await;
    }
    let open = || {
        if upstream.address.is_ipv4() {
            tokio::net::TcpSocket::new_v4()
        } else {
            tokio::net::TcpSocket::new_v6()
        }
    };
    // The socket belongs to the namespace that it is made in, wherever it is used.
    let runtime = tokio::runtime::Handle::current();
    let socket = netns::run_in(netns.as_fd(), || {
        let _entered = runtime.enter();
        open()
    })?;
    socket.connect(upstream.address).await
}

/// The query under a random number of ours, so that nobody can guess it.
fn with_own_id(query: &[u8]) -> io::Result<(Vec<u8>, [u8; 2])> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
    let mut sent = query.to_vec();
    sent.get_mut(..2)
        .ok_or(io::ErrorKind::InvalidData)?
        .copy_from_slice(&id);
    Ok((sent, id))
}

fn with_id_of(answer: &[u8], query: &[u8]) -> Vec<u8> {
    let mut answer = answer.to_vec();
    if let (Some(to), Some(from)) = (answer.get_mut(..2), query.get(..2)) {
        to.copy_from_slice(from);
    }
    answer
}

/// Whether these bytes answer that question: its number, the answer's bit, the question repeated.
fn answers(answer: &[u8], query: &[u8], id: [u8; 2]) -> bool {
    let Some(end) = end_of_question(query) else {
        return false;
    };
    let same_question = match (answer.get(12..end), query.get(12..end)) {
        (Some(theirs), Some(ours)) => theirs.eq_ignore_ascii_case(ours),
        _ => false,
    };
    let no_question = answer.get(4..6) == Some(&[0, 0]);
    answer.get(..2) == Some(&id)
        && answer.get(2).is_some_and(|flags| flags & 0x80 != 0)
        && (same_question || no_question)
}

/// Where the first question ends: labels, a zero, type and class.
fn end_of_question(query: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        match *query.get(at)? {
            0 => return Some(at + 5),
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x02de\0\0\x01\0\x01";

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let mut answer = QUERY.to_vec();
        answer[2] |= 0x80;
        let id = [0x12, 0x34];
        assert!(answers(&answer, QUERY, id));
        assert!(!answers(QUERY, QUERY, id), "a query is no answer");
        assert!(!answers(&answer, QUERY, [0, 0]), "another number");
        answer[13] = b'W';
        assert!(answers(&answer, QUERY, id), "case does not matter");
        answer[14] = b'x';
        assert!(!answers(&answer, QUERY, id), "another question");
        assert!(!answers(&answer[..14], QUERY, id));
        assert!(!answers(b"", QUERY, id));
    }
}
