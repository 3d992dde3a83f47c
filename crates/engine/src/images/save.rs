//! `save`.

use std::io;

use tokio::sync::mpsc;

use super::Images;
use crate::Error;
use crate::archive::{ArchiveChunks, BACKLOG, CHUNK, ChunkWriter};

impl Images {
    /// The images as an archive that `load` takes. What cannot be found is told at once.
    pub async fn save(
        &self,
        names: Vec<String>,
        platform: Option<String>,
    ) -> Result<ArchiveChunks, Error> {
        let images = self.clone();
        let saving = crate::containers::blocking(move || {
            if names.is_empty() {
                return Err(Error::Invalid("no image is named to be saved".to_owned()));
            }
            for name in &names {
                images.for_container(name, platform.as_deref())?;
            }
            Ok(images.store.saving(&names)?)
        })
        .await?;
        let images = self.clone();
        let (sender, chunks) = mpsc::channel(BACKLOG);
        tokio::task::spawn_blocking(move || {
            let mut out = io::BufWriter::with_capacity(CHUNK, ChunkWriter(&sender));
            let written = saving
                .write(&mut out)
                .map_err(io::Error::other)
                .and_then(|()| io::Write::flush(&mut out));
            match written {
                Ok(()) => {
                    for id in saving.images() {
                        images.tell(id.as_str(), "save", id.as_str());
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "an archive ended early");
                    drop(sender.blocking_send(Err(error)));
                }
            }
        });
        Ok(chunks)
    }
}
