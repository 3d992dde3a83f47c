//! A connection that became a raw stream, as an asynchronous one, and gRPC's client on it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use gantry_client::Hijacked;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tower_service::Service;

use crate::error::Error;

/// What may be under way unacknowledged: the other end is mostly on the same machine, and small
/// windows would make it wait for us.
pub(crate) const WINDOW: u32 = 4 << 20;
/// The same of all streams. Half of this is what h2 lets frames smaller than 256 bytes cost that wait to be read, each what
/// it lacks of those: an engine asks for each file of a context in a frame of its own.
pub(crate) const ALL_WINDOWS: u32 = 1 << 30;
/// An answer's head: in the details of an error a whole Dockerfile travels.
const LARGEST_HEAD: u32 = 32 << 20;

/// The socket, and what came with the answer's head.
pub(crate) struct Link {
    early: Bytes,
    stream: UnixStream,
}

impl Link {
    pub(crate) fn new(hijacked: Hijacked) -> Result<Self, Error> {
        let Hijacked {
            socket, leftover, ..
        } = hijacked;
        socket.set_nonblocking(true).map_err(Error::Socket)?;
        Ok(Self {
            early: Bytes::from(leftover),
            stream: UnixStream::from_std(socket).map_err(Error::Socket)?,
        })
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.early.len().min(buf.remaining());
        buf.put_slice(&self.early[..count]);
        self.early.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// gRPC's transport: HTTP/2 on a [`Link`]. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Channel {
    sender: http2::SendRequest<tonic::body::Body>,
}

impl Channel {
    pub(crate) async fn new(link: Link) -> Result<Self, Error> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(ALL_WINDOWS)
            .max_header_list_size(LARGEST_HEAD)
            .handshake(TokioIo::new(link))
            .await?;
        tokio::spawn(async move {
            // The requests under way tell of its failure.
            let _ = connection.await;
        });
        Ok(Self { sender })
    }
}

impl Service<http::Request<tonic::body::Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
