//! What an archive of images holds: documents, and layers in the form that is wanted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;

use gantry_archive::{DigestReader, gzip};
use gantry_image::Images;
use gantry_reference::{Algorithm, Digest};

use super::document::{Descriptor, Document, media};
use crate::Error;

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
        for (digest, blob) in &self.blobs {
            match blob {
                Blob::Bytes(bytes) => take(digest, bytes.len() as u64, &mut &bytes[..])?,
                Blob::Plain(size) => {
                    let mut tar = self.store.snapshotter().open_tar(digest)?;
                    take(digest, *size, &mut tar)?;
                }
                Blob::File(file, size) => {
                    let mut file = file;
                    file.rewind().map_err(Error::file("read", self.place))?;
                    take(digest, *size, &mut file)?;
                }
            }
        }
        Ok(())
    }
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

/// Writes an image layout as files below a folder.
pub(crate) fn write_folder(
    blobs: &Blobs<'_>,
    files: &[(&str, Vec<u8>)],
    folder: &Path,
) -> Result<(), Error> {
    let below = folder.join("blobs/sha256");
    std::fs::create_dir_all(&below).map_err(Error::file("create", &below))?;
    blobs.each(|digest, _, content| {
        let path = below.join(digest.hex());
        let mut file = File::create(&path).map_err(Error::file("create", &path))?;
        io::copy(content, &mut file)
            .map_err(Error::file("write", &path))
            .map(drop)
    })?;
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(Error::file("write", &path))?;
    }
    Ok(())
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
