//! Files of containers as tar archives: `cp`, in and out.
//!
//! Every path of the container is resolved by the kernel within the container's root
//! ([`root`]); what is read or written is reached by descriptors from there, one component at a
//! time. A container that changes its tree meanwhile can spoil its own copy and nothing else.

mod arriving;
mod pack;
mod root;
mod stat;
mod unpack;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use gantry_api_types::PathStat;
use tokio::sync::mpsc;

use crate::Error;
use crate::containers::{Containers, blocking};

pub(crate) use arriving::Arriving;
pub(crate) use pack::pack_root;
pub(crate) use root::View;

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
    /// The archive's entry for the directory itself counts too; only where that is the root.
    pub own_root: bool,
}

/// Bytes per chunk.
pub(crate) const CHUNK: usize = 256 * 1024;
/// Chunks that may wait for a slow client.
pub(crate) const BACKLOG: usize = 8;

impl Containers {
    /// What is at a path of a container.
    pub async fn stat_path(&self, id: &str, path: &str) -> Result<PathStat, Error> {
        let container = self.registry.find(id)?;
        let view = View::open(self, &container).await?;
        let (path, asked) = (path.to_owned(), id.to_owned());
        blocking(move || stat::stat(view.root(), &path, &asked)).await
    }

    /// A path of a container as an archive, as `docker cp` reads it.
    pub async fn read_archive(
        &self,
        id: &str,
        path: &str,
    ) -> Result<(PathStat, ArchiveChunks), Error> {
        let container = self.registry.find(id)?;
        let view = View::open(self, &container).await?;
        let (name, asked) = (path.to_owned(), id.to_owned());
        let looking = Arc::clone(&view);
        let stat = blocking(move || stat::stat(looking.root(), &name, &asked)).await?;
        self.announce(&container, "archive-path", &[]);
        let (sender, chunks) = mpsc::channel(BACKLOG);
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || {
            let mut out = io::BufWriter::with_capacity(CHUNK, ChunkWriter(&sender));
            if let Err(error) = pack::pack(view.root(), &path, &mut out) {
                drop(sender.blocking_send(Err(error)));
            }
        });
        Ok((stat, chunks))
    }

    /// Unpacks an archive into a directory of a container.
    pub async fn write_archive(
        &self,
        id: &str,
        options: UnpackOptions,
        archive: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        if container.record().host_config.readonly_rootfs {
            return Err(Error::Forbidden(
                "container rootfs is marked read-only".to_owned(),
            ));
        }
        let view = View::open(self, &container).await?;
        let archive = Arriving::begin(archive);
        let (subject, asked) = (Arc::clone(&container), id.to_owned());
        blocking(move || {
            let by_user = options.own_by_user;
            let owner = by_user.then(|| root::user(&view, &subject)).transpose()?;
            unpack::unpack(view.root(), &options, owner, archive, &asked)
        })
        .await?;
        self.announce(&container, "extract-to-dir", &[]);
        Ok(())
    }
}

/// A whole directory as an archive whose names begin at it.
pub fn stream_of(directory: std::os::fd::OwnedFd) -> ArchiveChunks {
    let (sender, chunks) = mpsc::channel(BACKLOG);
    tokio::task::spawn_blocking(move || {
        let mut out = io::BufWriter::with_capacity(CHUNK, ChunkWriter(&sender));
        if let Err(e) = pack::pack(directory.as_fd(), "/", &mut out) {
            let _ = sender.blocking_send(Err(e));
        }
    });
    chunks
}

/// Unpacks an archive into a directory, which it never leaves.
///
/// `what` names it in errors.
pub fn unpack_into(
    directory: BorrowedFd<'_>,
    archive: impl io::Read,
    what: &str,
) -> Result<(), Error> {
    let options = UnpackOptions {
        path: "/".to_owned(),
        own_root: true,
        ..UnpackOptions::default()
    };
    unpack::unpack(directory, &options, None, archive, what)
}

/// Hands full buffers to the client's connection.
pub(crate) struct ChunkWriter<'a>(pub &'a mpsc::Sender<io::Result<Bytes>>);

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
