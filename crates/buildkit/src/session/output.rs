//! What goes to the client: archives and trees.

use std::future::Future as _;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWrite, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;

use super::pipe::{self, BytesMessage};
use super::{Session, SessionError, metadata};
use crate::fsutil::{Packet, TransferError, send};

const METHOD: &str = "/moby.filesync.v1.FileSend/DiffCopy";
/// Under this key goes which export it is.
const EXPORT: &str = "buildkit-attachable-exporter-id";
const CHUNK: usize = 256 << 10;
const QUEUE: usize = 16;

/// An archive on its way; its shutdown waits until the client has all of it.
pub(super) struct Archive {
    bytes: DuplexStream,
    task: Option<JoinHandle<Result<(), SessionError>>>,
}

impl Session {
    /// Sends an archive.
    pub(super) fn archive_of(&self, export: &str) -> Result<Archive, SessionError> {
        let pipe = pipe::open(self, METHOD, |map| metadata::insert(map, EXPORT, export))?;
        let (bytes, mut ours) = tokio::io::duplex(CHUNK);
        let (to_client, mut from_client) = (pipe.to_client, pipe.from_client);
        let sending = async move {
            loop {
                let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
                let read = ours.read_buf(&mut chunk).await;
                if read.map_err(|_| SessionError::Gone)? == 0 {
                    return Ok(());
                }
                let data = chunk.freeze();
                if to_client.send(BytesMessage { data }).await.is_err() {
                    return Ok(());
                }
            }
        };
        let receiving = async move {
            while let Some(word) = from_client.next().await {
                word.map_err(SessionError::refused(METHOD))?;
            }
            Ok(())
        };
        let task = tokio::spawn(async move {
            let (sent, received) = tokio::join!(sending, receiving);
            received.and(sent)
        });
        Ok(Archive::new(bytes, task))
    }

    /// Sends a tree.
    pub(super) async fn tree_of(&self, export: &str, root: OwnedFd) -> Result<(), SessionError> {
        let (answers, queue) = mpsc::channel(QUEUE);
        let mut request = Request::new(ReceiverStream::new(queue));
        metadata::insert(request.metadata_mut(), EXPORT, export);
        let (sender, arrived) = mpsc::channel(QUEUE);
        // The client answers only when the first packets have come.
        let work = tokio::task::spawn_blocking(move || {
            let sent = send(&root, arrived, &answers);
            if let Err(error) = &sent {
                let _ = answers.blocking_send(Packet::error(&error.to_string()));
            }
            sent
        });
        let mut packets = pipe::call::<Packet, Packet>(self, METHOD, request).await?;
        let mut told = Ok(());
        while let Some(packet) = packets.next().await {
            match packet {
                Ok(packet) => {
                    let _ = sender.send(packet).await;
                }
                Err(status) => {
                    told = Err(SessionError::refused(METHOD)(status));
                    break;
                }
            }
        }
        drop(sender);
        let sent = work
            .await
            .map_err(|error| SessionError::CutOff(error.to_string()))?;
        match (told, sent) {
            (Err(told), Err(TransferError::Gone)) => Err(told),
            (_, sent) => Ok(sent?),
        }
    }
}

impl AsyncWrite for Archive {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.bytes).poll_write(cx, bytes)) {
            Ok(written) => Poll::Ready(Ok(written)),
            // The task knows why nobody reads any more.
            Err(error) => self.poll_end(cx).map(|end| end.and(Err(error))),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.bytes).poll_shutdown(cx))?;
        self.poll_end(cx)
    }
}

impl Archive {
    /// What a task takes on its way; the task ends when the bytes have ended and the client has all of them.
    pub(super) fn new(bytes: DuplexStream, task: JoinHandle<Result<(), SessionError>>) -> Self {
        Self {
            bytes,
            task: Some(task),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(task) = &mut self.task else {
            return Poll::Ready(Ok(()));
        };
        let end = ready!(Pin::new(task).poll(cx));
        self.task = None;
        Poll::Ready(match end {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(io::Error::other(error.to_string())),
            Err(error) => Err(io::Error::other(error.to_string())),
        })
    }
}
