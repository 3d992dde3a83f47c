//! The client's files.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use futures_util::StreamExt as _;
use gantry_builder::Digests;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;

use super::{Session, SessionError, metadata, pipe};
use crate::fsutil::{Packet, Received, receive};

const METHOD: &str = "/moby.filesync.v1.FileSync/DiffCopy";
/// Packets that are handed on at once, at most.
const BATCH: usize = 64;
/// Batches that may wait for the disk.
const QUEUE: usize = 4;

/// Which files are wanted.
#[derive(Debug, Clone, Default)]
pub struct Sync {
    /// What the client calls the folder.
    pub name: String,
    /// Paths; links on the way to them and at their end are followed. None means all.
    pub follow: Vec<String>,
    /// Patterns of what is wanted; none means all.
    pub include: Vec<String>,
    /// Patterns as of `.dockerignore`.
    pub exclude: Vec<String>,
}

impl Session {
    /// Makes a folder equal to one of the client's; only what differs travels. `digests` learns what it is.
    pub(crate) async fn sync(
        &self,
        wanted: &Sync,
        root: OwnedFd,
        digests: Option<Arc<Digests>>,
        progress: impl Fn(u64) + Send + std::marker::Sync + 'static,
    ) -> Result<Received, SessionError> {
        let (answers, queue) = mpsc::unbounded_channel();
        let mut request = Request::new(UnboundedReceiverStream::new(queue));
        let map = request.metadata_mut();
        metadata::append(map, "dir-name", std::slice::from_ref(&wanted.name));
        metadata::append(map, "include-patterns", &wanted.include);
        metadata::append(map, "exclude-patterns", &wanted.exclude);
        metadata::append(map, "followpaths", &wanted.follow);
        let packets = pipe::call::<Packet, Packet>(self, METHOD, request).await?;
        let mut packets = packets.ready_chunks(BATCH);
        let (sender, arrived) = mpsc::channel(QUEUE);
        let work = tokio::task::spawn_blocking(move || {
            let received = receive(root, digests.as_deref(), arrived, &answers, &progress);
            if let Err(error) = &received {
                let _ = answers.send(Packet::error(&error.to_string()));
            }
            received
        });
        let pump = async {
            while let Some(batch) = packets.next().await {
                let mut problem = None;
                let batch = batch.into_iter().map_while(|packet| match packet {
                    Ok(packet) => Some(packet),
                    Err(status) => {
                        problem = Some(status);
                        None
                    }
                });
                let batch: Vec<Packet> = batch.collect();
                if sender.send(batch).await.is_err() {
                    break;
                }
                if let Some(status) = problem {
                    return Err(SessionError::refused(METHOD)(status));
                }
            }
            drop(sender);
            Ok::<_, SessionError>(())
        };
        let told = pump.await;
        let received = work
            .await
            .map_err(|error| SessionError::CutOff(error.to_string()))?;
        match (told, received) {
            // Whoever failed first knows why; the other only sees the end.
            (Err(told), Err(crate::fsutil::TransferError::Gone)) => Err(told),
            (_, received) => Ok(received?),
        }
    }
}
