//! Files of containers as tar archives: `cp`, in and out.
//!
//! Every path of the container is resolved by the kernel within the container's root
//! ([`root`]); what is read or written is reached by descriptors from there, one component at a
//! time. A container that changes its tree meanwhile can spoil its own copy and nothing else.

mod pack;
mod root;
mod stat;
mod unpack;

use std::io;

use bytes::Bytes;
use gantry_api_types::PathStat;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::io::SyncIoBridge;

use crate::Error;
use crate::containers::{Containers, blocking};
use root::RootView;

/// Chunks of an archive on their way to a client; an error ends them.
pub type ArchiveChunks = mpsc::Receiver<io::Result<Bytes>>;

/// How an archive is unpacked into a container.
#[derive(Debug, Clone, Default)]
pub struct UnpackOptions {
    /// The directory inside, which must exist.
    pub path: String,
    /// A directory must not take a file's place, nor a file a directory's.
    pub keep_kinds: bool,
    /// Give all to the container's user instead of keeping the archive's owners.
    pub own_by_user: bool,
}

/// Bytes per chunk.
const CHUNK: usize = 256 * 1024;
/// Chunks that may wait for a slow client.
const BACKLOG: usize = 8;

impl Containers {
    /// What is at a path of a container.
    pub async fn stat_path(&self, id: &str, path: &str) -> Result<PathStat, Error> {
        let view = RootView::new(self, id)?;
        let path = path.to_owned();
        blocking(move || view.with(|root| stat::stat(root, &path, view.container()))).await
    }

    /// A path of a container as an archive, as `docker cp` reads it.
    pub async fn read_archive(
        &self,
        id: &str,
        path: &str,
    ) -> Result<(PathStat, ArchiveChunks), Error> {
        let view = RootView::new(self, id)?;
        let path = path.to_owned();
        let (stat_sender, stat_receiver) = tokio::sync::oneshot::channel();
        let (sender, chunks) = mpsc::channel(BACKLOG);
        tokio::task::spawn_blocking(move || {
            view.with(|root| {
                let found = stat::stat(root, &path, view.container());
                let is_missing = found.is_err();
                if stat_sender.send(found).is_err() || is_missing {
                    return Ok(());
                }
                let mut out = io::BufWriter::with_capacity(CHUNK, ChunkWriter(&sender));
                if let Err(e) = pack::pack(root, &path, &mut out) {
                    let _ = sender.blocking_send(Err(e));
                }
                Ok(())
            })
        });
        match stat_receiver.await {
            Ok(found) => Ok((found?, chunks)),
            Err(_) => Err(Error::Internal(format!(
                "cannot enter the root of container {id}"
            ))),
        }
    }

    /// Unpacks an archive into a directory of a container.
    pub async fn write_archive(
        &self,
        id: &str,
        options: UnpackOptions,
        archive: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<(), Error> {
        let view = RootView::new(self, id)?;
        if self.registry.find(id)?.record().host_config.readonly_rootfs {
            return Err(Error::Forbidden(
                "container rootfs is marked read-only".to_owned(),
            ));
        }
        let archive = SyncIoBridge::new(archive);
        blocking(move || {
            let owner = options.own_by_user.then(|| view.user()).transpose()?;
            view.with(|root| unpack::unpack(root, &options, owner, archive, view.container()))
        })
        .await
    }
}

/// Hands full buffers to the client's connection.
struct ChunkWriter<'a>(&'a mpsc::Sender<io::Result<Bytes>>);

impl io::Write for ChunkWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn missing(path: &str, container: &str) -> Error {
    Error::NoSuchPath {
        path: path.to_owned(),
        container: container.to_owned(),
    }
}
