//! One message, one packet, and the descriptors beside it.
//!
//! All functions are one system call and return [`io::ErrorKind::WouldBlock`] on a non-blocking
//! socket, so they serve epoll loops and `AsyncFd::try_io` alike.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message in bytes.
pub const MAX_PACKET: usize = 64 * 1024;
/// The most descriptors beside one message; the kernel's own bound is 253 (SCM_MAX_FD).
pub const MAX_FDS: usize = 250;

/// What [`receive`] took from the socket.
#[derive(Debug)]
pub enum Packet {
    /// A message's bytes are in the buffer; these descriptors came with it.
    Message(Vec<OwnedFd>),
    /// The other side has closed its end.
    Closed,
}

/// Writes a message as the bytes of a packet; refuses one larger than [`MAX_PACKET`].
pub fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > MAX_PACKET {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "message of {} bytes is larger than a packet ({MAX_PACKET} bytes)",
                bytes.len()
            ),
        ));
    }
    Ok(bytes)
}

/// Reads a packet's bytes as a message.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(io::Error::from)
}

/// Sends one packet.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(fds.len()))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "too many descriptors",
        ));
    }
    let flags = SendFlags::NOSIGNAL;
    rustix::io::retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, flags))?;
    Ok(())
}

/// Receives one packet; `buffer` then holds exactly its bytes. Descriptors are close-on-exec.
pub fn receive(socket: impl AsFd, buffer: &mut Vec<u8>) -> io::Result<Packet> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    // Only as much as this packet needs: a monitor stays small.
    let flags = RecvFlags::PEEK | RecvFlags::TRUNC;
    let mut nothing = [0; 0];
    let (_, length) =
        rustix::io::retry_on_intr(|| rustix::net::recv(&socket, &mut nothing, flags))?;
    buffer.clear();
    buffer.resize(length.min(MAX_PACKET), 0);
    let received = rustix::io::retry_on_intr(|| {
        let mut parts = [IoSliceMut::new(buffer)];
        recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let fds: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    if received
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "packet was cut off",
        ));
    }
    buffer.truncate(received.bytes);
    // A message is never empty, so nothing received means the end.
    if received.bytes == 0 && fds.is_empty() {
        return Ok(Packet::Closed);
    }
    Ok(Packet::Message(fds))
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    }

    #[test]
    fn a_message_and_its_descriptors_arrive_together() {
        let (daemon, monitor) = pair();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let attach = Attach {
            stdout: true,
            leftover: vec![0, 255, 16],
            ..Attach::default()
        };
        let call = Call {
            seq: 7,
            request: Request::Attach(attach),
        };
        send(&daemon, &encode(&call).unwrap(), &[writer.as_fd()]).unwrap();
        drop(writer);

        let mut buffer = Vec::new();
        let Packet::Message(fds) = receive(&monitor, &mut buffer).unwrap() else {
            panic!("closed");
        };
        assert_eq!(decode::<Call>(&buffer).unwrap(), call);
        assert_eq!(fds.len(), 1);
        rustix::io::write(&fds[0], b"x").unwrap();
        assert_eq!(rustix::io::read(&reader, &mut [0; 8]).unwrap(), 1);
    }

    #[test]
    fn an_empty_socket_would_block_and_a_closed_one_says_so() {
        let (daemon, monitor) = pair();
        let mut buffer = Vec::new();
        let error = receive(&monitor, &mut buffer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(daemon);
        assert!(matches!(
            receive(&monitor, &mut buffer).unwrap(),
            Packet::Closed
        ));
    }

    #[test]
    fn a_message_larger_than_a_packet_is_refused() {
        let message = Message::Reply {
            seq: 1,
            reply: Reply::Failed(Failure {
                kind: FailureKind::Internal,
                message: "x".repeat(MAX_PACKET),
            }),
        };
        assert_eq!(
            encode(&message).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
