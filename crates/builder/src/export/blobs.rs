//! What an archive of images holds: documents, and layers in the form that is wanted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use gantry_archive::{DigestReader, gzip};
use gantry_image::Images;
use gantry_reference::{Algorithm, Digest};
use tokio::io::AsyncWrite;
use tokio_util::io::SyncIoBridge;

use super::document::{Descriptor, Document, media};
use crate::{Asker, Error};

/// How layers are packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    #[default]
    Gzip,
    /// Not at all.
    Uncompressed,
}

impl Compression {
    /// Reads `gzip` or `uncompressed`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "" | "gzip" => Ok(Self::Gzip),
            "uncompressed" => Ok(Self::Uncompressed),
            other => Err(Error::NotSupported(format!("layers packed with {other:?}"))),
        }
    }
}

/// Blobs by digest.
pub(crate) struct Blobs<'a> {
    store: &'a Images,
    place: &'a Path,
    blobs: BTreeMap<Digest, Blob>,
    layers: BTreeMap<(Digest, bool), Descriptor>,
}

enum Blob {
    Bytes(Vec<u8>),
    /// A layer that was compressed into a nameless file.
    File(File, u64),
    /// A layer as it lies in the store.
    Plain(u64),
}

impl<'a> Blobs<'a> {
    pub(crate) fn new(store: &'a Images, place: &'a Path) -> Self {
        Self {
            store,
            place,
            blobs: BTreeMap::new(),
            layers: BTreeMap::new(),
        }
    }

    /// Adds some bytes.
    pub(crate) fn bytes(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs
            .insert(descriptor.digest.clone(), Blob::Bytes(bytes));
        descriptor
    }

    /// Adds a manifest or an index.
    pub(crate) fn document(&mut self, document: &Document) -> Descriptor {
        let descriptor = document.descriptor.clone();
        let blob = Blob::Bytes(document.bytes.clone());
        self.blobs.insert(descriptor.digest.clone(), blob);
        descriptor
    }

    /// Adds a layer of the store.
    pub(crate) fn layer(
        &mut self,
        diff_id: &Digest,
        compression: Compression,
    ) -> Result<Descriptor, Error> {
        let key = (diff_id.clone(), compression == Compression::Gzip);
        if let Some(known) = self.layers.get(&key) {
            return Ok(known.clone());
        }
        let (descriptor, blob) = match compression {
            Compression::Gzip => self.packed(diff_id)?,
            Compression::Uncompressed => {
                let info = self.store.snapshotter().layer(diff_id)?;
                let size = info
                    .map(|info| info.tar_size)
                    .ok_or_else(|| gone(diff_id))?;
                (
                    Descriptor::new(media::LAYER, diff_id.clone(), size),
                    Blob::Plain(size),
                )
            }
        };
        self.blobs.insert(descriptor.digest.clone(), blob);
        self.layers.insert(key, descriptor.clone());
        Ok(descriptor)
    }

    fn packed(&self, diff_id: &Digest) -> Result<(Descriptor, Blob), Error> {
        let tar = self.store.snapshotter().open_tar(diff_id)?;
        let failed = || Error::file("compress a layer in", self.place);
        let mut file = tempfile::tempfile_in(self.place).map_err(failed())?;
        gzip(tar, BufWriter::with_capacity(1 << 20, &mut file)).map_err(failed())?;
        file.rewind().map_err(failed())?;
        let mut reader = DigestReader::new(Algorithm::Sha256, &file);
        io::copy(&mut reader, &mut io::sink()).map_err(failed())?;
        let (digest, size) = reader.finish();
        let descriptor = Descriptor::new(media::LAYER_GZIP, digest, size);
        Ok((descriptor, Blob::File(file, size)))
    }

    /// Gives all of them to `take`: digest, size, content.
    pub(crate) fn each(
        &self,
        mut take: impl FnMut(&Digest, u64, &mut dyn Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (digest, size) in self.names() {
            self.read(&digest, |content| take(&digest, size, content))?;
        }
        Ok(())
    }

    /// All of them: digest and size.
    pub(crate) fn names(&self) -> Vec<(Digest, u64)> {
        let size = |blob: &Blob| match blob {
            Blob::Bytes(bytes) => bytes.len() as u64,
            Blob::File(_, size) | Blob::Plain(size) => *size,
        };
        let all = self.blobs.iter();
        all.map(|(digest, blob)| (digest.clone(), size(blob)))
            .collect()
    }

    /// Puts all of them into a layout of the side that asked, as far as they are missing there.
    pub(crate) async fn send(&self, asker: &Arc<dyn Asker>, layout: &str) -> Result<(), Error> {
        for (digest, size) in self.names() {
            let Some(out) = asker.put_blob(layout, digest.as_str(), size).await? else {
                continue;
            };
            // On this thread, with the build's own data; others go on meanwhile.
            tokio::task::block_in_place(|| self.read(&digest, |content| send(content, out)))?;
        }
        Ok(())
    }

    /// Gives one of them to `take`.
    pub(crate) fn read(
        &self,
        digest: &Digest,
        take: impl FnOnce(&mut dyn Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self.blobs.get(digest) {
            Some(Blob::Bytes(bytes)) => take(&mut &bytes[..]),
            Some(Blob::Plain(_)) => take(&mut self.store.snapshotter().open_tar(digest)?),
            Some(Blob::File(file, _)) => {
                let mut file = file;
                file.rewind().map_err(Error::file("read", self.place))?;
                take(&mut file)
            }
            None => Err(gone(digest)),
        }
    }
}

fn send(content: &mut dyn Read, out: Box<dyn AsyncWrite + Send + Unpin>) -> Result<(), Error> {
    let failed = || Error::file("write", "a blob of a layout");
    let mut out = SyncIoBridge::new(out);
    io::copy(content, &mut out).map_err(failed())?;
    out.flush().map_err(failed())?;
    out.shutdown().map_err(failed())
}

fn gone(layer: &Digest) -> Error {
    Error::CutOff(format!("the layer {layer} has gone"))
}

/// Writes an image layout as an archive.
pub(crate) fn write_archive(
    blobs: &Blobs<'_>,
    files: &[(&str, Vec<u8>)],
    out: impl Write,
) -> Result<(), Error> {
    let failed = || Error::file("write", "the archive");
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 20, out));
    for folder in ["blobs/", "blobs/sha256/"] {
        let mut header = header(tar::EntryType::Directory, 0o755, 0);
        archive
            .append_data(&mut header, folder, io::empty())
            .map_err(failed())?;
    }
    blobs.each(|digest, size, content| {
        let mut header = header(tar::EntryType::Regular, 0o644, size);
        let name = format!("blobs/sha256/{}", digest.hex());
        archive
            .append_data(&mut header, name, content)
            .map_err(failed())
    })?;
    for (name, bytes) in files {
        let mut header = header(tar::EntryType::Regular, 0o644, bytes.len() as u64);
        archive
            .append_data(&mut header, name, &bytes[..])
            .map_err(failed())?;
    }
    let mut out = archive.into_inner().map_err(failed())?;
    out.flush().map_err(failed())
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}
