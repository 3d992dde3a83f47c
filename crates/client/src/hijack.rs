//! A connection that became a raw stream.

use std::io;
use std::os::unix::net::UnixStream;

use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;

use crate::connection::Socket;

/// A raw stream in both directions, after `attach` or the start of an exec.
///
/// It is the connection's own socket in blocking mode, so that two plain threads can copy between
/// it and the standard streams without anything in between. Half-close it by
/// [`UnixStream::shutdown`].
#[derive(Debug)]
pub struct Hijacked {
    /// The socket. (It may be TCP: reading, writing and shutting down are the same calls.)
    pub socket: UnixStream,
    /// What arrived together with the answer's head: to be read before the socket.
    pub leftover: Vec<u8>,
    /// The answer's `Content-Type`; see [`Hijacked::is_multiplexed`].
    pub content_type: Option<String>,
}

impl Hijacked {
    pub(crate) fn new(upgraded: Upgraded, content_type: Option<String>) -> io::Result<Self> {
        let Parts { io, read_buf, .. } = upgraded
            .downcast::<TokioIo<Socket>>()
            .map_err(|_| io::Error::other("the connection is not one of ours"))?;
        let socket = UnixStream::from(io.into_inner().into_fd()?);
        Ok(Self {
            socket,
            leftover: read_buf.to_vec(),
            content_type,
        })
    }

    /// Whether the daemon said that output comes in frames (see [`crate::StreamCopy`]); `None` when it
    /// did not say, as before API 1.42, where it depends on whether there is a terminal.
    pub fn is_multiplexed(&self) -> Option<bool> {
        match self.content_type.as_deref()? {
            "application/vnd.docker.multiplexed-stream" => Some(true),
            _ => None,
        }
    }
}
