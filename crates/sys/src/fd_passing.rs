//! Descriptors over Unix sockets (`SCM_RIGHTS`, unix(7)), one message a packet.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use crate::{Errno, Result};

/// The most descriptors that one message carries here (the kernel's limit is `SCM_MAX_FD`, 253).
pub const MAX_FDS: usize = 64;

const SPACE: usize = rustix::cmsg_space!(ScmRights(MAX_FDS));

/// A connected pair of `SOCK_SEQPACKET` sockets, close-on-exec.
pub fn seqpacket_pair() -> Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// Sends one message with descriptors. The peer's death is `EPIPE`, never a signal.
pub fn send(socket: impl AsFd, data: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    send_with(socket.as_fd(), data, fds, SendFlags::NOSIGNAL)
}

/// As [`send`], with `EAGAIN` in place of waiting.
pub fn try_send(socket: impl AsFd, data: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    send_with(socket.as_fd(), data, fds, flags)
}

fn send_with(
    socket: BorrowedFd<'_>,
    data: &[u8],
    fds: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if fds.len() > MAX_FDS {
        return Err(Errno::TOOMANYREFS);
    }
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::TOOMANYREFS);
    }
    let sent =
        retry_on_intr(|| rustix::net::sendmsg(socket, &[IoSlice::new(data)], &mut control, flags))?;
    if sent == data.len() {
        Ok(())
    } else {
        Err(Errno::MSGSIZE)
    }
}

/// What [`receive`] got.
#[derive(Debug)]
pub struct Received {
    /// How many bytes; 0 is the peer's end (send no empty messages).
    pub bytes: usize,
    /// The descriptors, close-on-exec.
    pub fds: Vec<OwnedFd>,
}

/// Receives one message. `EMSGSIZE` when it, or its descriptors, did not fit.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Result<Received> {
    receive_with(socket.as_fd(), buffer, RecvFlags::CMSG_CLOEXEC)
}

/// As [`receive`], with `EAGAIN` in place of waiting.
pub fn try_receive(socket: impl AsFd, buffer: &mut [u8]) -> Result<Received> {
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    receive_with(socket.as_fd(), buffer, flags)
}

fn receive_with(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> Result<Received> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = retry_on_intr(|| {
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)
    })?;
    let mut fds = Vec::new();
    for item in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = item {
            fds.extend(rights);
        }
    }
    if message
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
    {
        return Err(Errno::MSGSIZE);
    }
    Ok(Received {
        bytes: message.bytes,
        fds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_descriptor_arrives_and_works() {
        let (left, right) = seqpacket_pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        send(&left, b"take this", &[writer.as_fd()]).unwrap();
        drop(writer);
        let mut buffer = [0; 64];
        let got = receive(&right, &mut buffer).unwrap();
        assert_eq!(&buffer[..got.bytes], b"take this");
        rustix::io::write(&got.fds[0], b"through").unwrap();
        drop(got);
        let mut text = String::new();
        std::fs::File::from(reader)
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn a_cut_message_is_an_error_and_the_end_is_zero() {
        let (left, right) = seqpacket_pair().unwrap();
        send(&left, &[7; 100], &[]).unwrap();
        assert_eq!(receive(&right, &mut [0; 10]).unwrap_err(), Errno::MSGSIZE);
        assert_eq!(try_receive(&right, &mut [0; 10]).unwrap_err(), Errno::AGAIN);
        drop(left);
        assert_eq!(receive(&right, &mut [0; 10]).unwrap().bytes, 0);
    }
}
