//! `export`: the whole root as an archive, without what is mounted in it.

use std::io;

use tokio::sync::mpsc;

use super::Containers;
use crate::Error;
use crate::archive::{ArchiveChunks, BACKLOG, CHUNK, ChunkWriter, View, pack_root};

impl Containers {
    /// The files of a container, running or not, as one archive.
    pub async fn export(&self, id: &str) -> Result<ArchiveChunks, Error> {
        let container = self.registry.find(id)?;
        let view = View::open(self, &container).await?;
        let root = super::blocking(move || {
            let root = view.bare_root()?;
            Ok((root, view))
        });
        let (root, view) = root.await?;
        self.announce(&container, "export", &[]);
        let (sender, chunks) = mpsc::channel(BACKLOG);
        tokio::task::spawn_blocking(move || {
            let mut out = io::BufWriter::with_capacity(CHUNK, ChunkWriter(&sender));
            if let Err(error) = pack_root(&root, &mut out) {
                drop(sender.blocking_send(Err(error)));
            }
            // In this order: the mount goes before others may make one.
            drop(root);
            drop(view);
        });
        Ok(chunks)
    }
}
