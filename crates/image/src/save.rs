//! Writing images to an archive: what `docker save` writes since version 25.
//!
//! The archive is an OCI image layout (image-spec, `image-layout.md`) with plain layers, and beside
//! its index the `manifest.json` and `repositories` that older readers look for. Everything in it is
//! known before the first byte is written, so that it can be streamed, and the same images give
//! the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use gantry_archive::Digester;
use gantry_reference::{Digest, ImageId, Reference, Selector};
use serde::Serialize;
use tar::{Builder, EntryType, Header};

use crate::images::SMALL_BLOB_MAX;
use crate::manifest::media;
use crate::{Error, Image, Images};

/// What an archive will hold.
pub struct Saving {
    images: Images,
    saved: Vec<Saved>,
    /// Keeps the layers here until they are written.
    _lease: gantry_content::Lease,
}

/// An image, and the names that the archive gives it.
struct Saved {
    image: Image,
    tags: Vec<Reference>,
    /// Made for the archive: the layers' digests in it are those of the plain tars.
    manifest: Vec<u8>,
}

/// Where some bytes of the archive are.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    media_type: &'static str,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Described,
    layers: Vec<Described>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Described>,
}

/// An entry of `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<ImageId>,
    layer_sources: BTreeMap<Digest, Described>,
}

/// A blob of the archive.
enum Blob {
    Bytes(Vec<u8>),
    Layer(u64),
}

impl Images {
    /// Finds what is to be saved: by name with tag, by name alone (all its tags), by id.
    pub fn saving(&self, names: &[String]) -> Result<Saving, Error> {
        let mut saved: Vec<Saved> = Vec::new();
        for name in names {
            let (image, tags) = self.named(name)?;
            match saved.iter_mut().find(|known| known.image.id == image.id) {
                Some(known) => known.tags.extend(tags),
                None => saved.push(Saved {
                    manifest: self.archive_manifest(&image)?,
                    image,
                    tags,
                }),
            }
        }
        for one in &mut saved {
            one.tags.sort();
            one.tags.dedup();
        }
        let layers = saved.iter().flat_map(|one| one.image.layers.clone());
        Ok(Saving {
            images: self.clone(),
            _lease: self.hold(layers.collect::<Vec<_>>()),
            saved,
        })
    }

    /// The image, and those of its names that the text means.
    fn named(&self, text: &str) -> Result<(Image, Vec<Reference>), Error> {
        let image = self.resolve(text)?;
        let tags = match Selector::parse(text)? {
            Selector::Name(name, _) if name.digest().is_none() && name.was_tagged() => {
                vec![name]
            }
            Selector::Name(name, _) if name.digest().is_none() => {
                let same = |tag: &&Reference| tag.repository() == name.repository();
                image.repo_tags.iter().filter(same).cloned().collect()
            }
            _ => Vec::new(),
        };
        Ok((image, tags))
    }

    fn archive_manifest(&self, image: &Image) -> Result<Vec<u8>, Error> {
        let layers = image.layers.iter().map(|layer| self.plain_layer(layer));
        let config = Described {
            media_type: media::OCI_CONFIG,
            digest: image.id.digest().clone(),
            size: image.raw_config.len() as u64,
            annotations: BTreeMap::new(),
        };
        Ok(json(&Manifest {
            schema_version: 2,
            media_type: media::OCI_MANIFEST,
            config,
            layers: layers.collect::<Result<_, Error>>()?,
        }))
    }

    fn plain_layer(&self, diff_id: &Digest) -> Result<Described, Error> {
        let info = self.0.snapshotter.layer(diff_id)?;
        let info = info.ok_or_else(|| gantry_snapshot::Error::LayerNotFound(diff_id.clone()))?;
        Ok(Described {
            media_type: media::OCI_LAYER,
            digest: diff_id.clone(),
            size: info.tar_size,
            annotations: BTreeMap::new(),
        })
    }
}

impl Saving {
    /// The images' ids, in the order of asking.
    pub fn images(&self) -> impl Iterator<Item = &ImageId> {
        self.saved.iter().map(|saved| &saved.image.id)
    }

    /// Writes the archive. Blocks on the disk and the writer.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), Error> {
        let mut archive = Archive {
            tar: Builder::new(out),
        };
        archive.directory("blobs/")?;
        archive.directory("blobs/sha256/")?;
        for (digest, blob) in self.blobs()? {
            let name = entry(&digest);
            match blob {
                Blob::Bytes(bytes) => archive.file(&name, bytes.len() as u64, &bytes[..])?,
                Blob::Layer(size) => {
                    let tar = self.images.0.snapshotter.open_tar(&digest)?;
                    archive.file(&name, size, tar)?;
                }
            }
        }
        let files = [
            ("index.json", self.index()),
            ("manifest.json", self.items()?),
            ("oci-layout", br#"{"imageLayoutVersion": "1.0.0"}"#.to_vec()),
        ];
        for (name, bytes) in files {
            archive.file(name, bytes.len() as u64, &bytes[..])?;
        }
        if let Some(bytes) = self.repositories() {
            archive.file("repositories", bytes.len() as u64, &bytes[..])?;
        }
        archive.tar.finish().map_err(Error::ArchiveWrite)
    }

    /// Everything below `blobs/`, sorted; each once, however many images share it.
    fn blobs(&self) -> Result<BTreeMap<Digest, Blob>, Error> {
        let mut blobs = BTreeMap::new();
        for Saved {
            image, manifest, ..
        } in &self.saved
        {
            blobs.insert(Digester::sha256(manifest), Blob::Bytes(manifest.clone()));
            let config = self
                .images
                .0
                .content
                .read(image.id.digest(), SMALL_BLOB_MAX)?;
            blobs.insert(image.id.digest().clone(), Blob::Bytes(config));
            for layer in &image.layers {
                let size = self.images.plain_layer(layer)?.size;
                blobs.insert(layer.clone(), Blob::Layer(size));
            }
        }
        Ok(blobs)
    }

    fn index(&self) -> Vec<u8> {
        let mut manifests = Vec::new();
        for saved in &self.saved {
            let plain = Described {
                media_type: media::OCI_MANIFEST,
                digest: Digester::sha256(&saved.manifest),
                size: saved.manifest.len() as u64,
                annotations: BTreeMap::new(),
            };
            manifests.extend(saved.tags.iter().map(|tag| Described {
                annotations: BTreeMap::from([
                    ("io.containerd.image.name", tag.to_string()),
                    (
                        "org.opencontainers.image.ref.name",
                        tag.tag().unwrap_or_default().to_owned(),
                    ),
                ]),
                ..plain.clone()
            }));
            if saved.tags.is_empty() {
                manifests.push(plain);
            }
        }
        json(&Index {
            schema_version: 2,
            media_type: media::OCI_INDEX,
            manifests,
        })
    }

    fn items(&self) -> Result<Vec<u8>, Error> {
        let mut items = Vec::new();
        for Saved { image, tags, .. } in &self.saved {
            let mut sources = BTreeMap::new();
            for layer in &image.layers {
                sources.insert(layer.clone(), self.images.plain_layer(layer)?);
            }
            let names: Vec<String> = tags.iter().map(Reference::familiar).collect();
            // A parent says something only to somebody who gets it too.
            let parent = image.parent.clone();
            items.push(Item {
                config: entry(image.id.digest()),
                repo_tags: Some(names).filter(|names| !names.is_empty()),
                layers: image.layers.iter().map(entry).collect(),
                parent: parent.filter(|id| self.images().any(|other| other == id)),
                layer_sources: sources,
            });
        }
        Ok(json(&items))
    }

    /// Repository, tag, topmost layer: all that the first readers knew.
    fn repositories(&self) -> Option<Vec<u8>> {
        let mut all: BTreeMap<String, BTreeMap<&str, &str>> = BTreeMap::new();
        for Saved { image, tags, .. } in &self.saved {
            let Some(top) = image.layers.last() else {
                continue;
            };
            for tag in tags {
                all.entry(tag.familiar_repository())
                    .or_default()
                    .insert(tag.tag().unwrap_or_default(), top.hex());
            }
        }
        (!all.is_empty()).then(|| json(&all))
    }
}

fn entry(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

#[expect(clippy::expect_used, reason = "these types have string keys only")]
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data serialises")
}

struct Archive<W: Write> {
    tar: Builder<W>,
}

impl<W: Write> Archive<W> {
    fn directory(&mut self, name: &str) -> Result<(), Error> {
        let mut header = header(EntryType::Directory, 0o755, 0);
        self.tar
            .append_data(&mut header, name, io::empty())
            .map_err(Error::ArchiveWrite)
    }

    fn file(&mut self, name: &str, size: u64, content: impl Read) -> Result<(), Error> {
        let mut header = header(EntryType::Regular, 0o644, size);
        let mut content = Exactly {
            inner: content,
            left: size,
        };
        self.tar
            .append_data(&mut header, name, &mut content)
            .map_err(Error::ArchiveWrite)
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// Fails where there are fewer bytes than the header promised.
struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = buf
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buf[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}
