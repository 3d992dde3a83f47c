//! Bringing images from an archive.
//!
//! The archive is read once, front to back, from a stream that cannot be rewound. Its entries are
//! never written under their names: small ones stay in memory, others go to nameless files, and a
//! plain layer under `blobs/` streams straight into the snapshotter, since its name is its diff ID.
//! Only then is the archive's own description read, wherever it stood.

mod counting;
mod docker;
mod layout;
mod parts;

use std::io::Read;

use gantry_archive::{Entries, EntryError, EntryKind, decode, read_ahead};
use gantry_content::Lease;
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};

use crate::images::Arrival;
use crate::{Error, Event, Images, Platform, Progress, manifest};
use parts::Parts;

/// Something that an archive brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// An image under this name.
    Name(Reference, ImageId),
    /// An image without a name.
    Id(ImageId),
}

impl Loaded {
    /// The image.
    pub const fn image(&self) -> &ImageId {
        match self {
            Self::Name(_, id) | Self::Id(id) => id,
        }
    }

    /// Docker's line for it.
    pub fn message(&self) -> String {
        match self {
            Self::Name(name, _) => format!("Loaded image: {}\n", name.familiar()),
            Self::Id(id) => format!("Loaded image ID: {id}\n"),
        }
    }
}

/// An image that an archive describes, with all it needs but the layers' bytes.
struct Described {
    config: Vec<u8>,
    parsed: ImageConfig,
    documents: Vec<(Digest, Vec<u8>)>,
    /// For each layer its diff ID, and the entry that has its bytes.
    layers: Vec<(Digest, String)>,
    names: Vec<Reference>,
}

impl Images {
    /// Brings in the images of an archive: what `docker save` writes, or an OCI image layout in a
    /// tar; compressed or not. Of an index the image for `platform` is taken, this machine's if it
    /// is not given.
    ///
    /// Nothing of a hostile or broken archive remains. Blocks on the disk and on the reader.
    pub fn load(
        &self,
        archive: impl Read + Send + 'static,
        platform: Option<&Platform>,
        progress: &dyn Progress,
    ) -> Result<Vec<Loaded>, Error> {
        let mut parts = Parts::new(self.clone());
        let mut lease = self.hold([]);
        let loaded = Self::read_parts(archive, &mut parts, &mut lease, progress)
            .and_then(|()| self.load_parts(&parts, platform, &mut lease, progress));
        drop(lease);
        self.drop_unneeded(parts.stored())?;
        let loaded = loaded?;
        for one in &loaded {
            progress.report(Event::Output(one.message()));
        }
        Ok(loaded)
    }

    /// Walks the archive once, keeping what may be needed.
    fn read_parts(
        archive: impl Read + Send + 'static,
        parts: &mut Parts,
        lease: &mut Lease,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let plain = decode(archive)
            .and_then(read_ahead)
            .map_err(Error::ArchiveRead)?;
        let mut archive = tar::Archive::new(plain);
        for entry in Entries::new(&mut archive).map_err(refused)? {
            let mut entry = entry.map_err(refused)?;
            match entry.kind().clone() {
                EntryKind::Directory => {}
                EntryKind::Link(target) => parts.link(entry.name(), target),
                EntryKind::File => parts.take(&mut entry, lease, progress)?,
            }
        }
        Ok(())
    }

    fn load_parts(
        &self,
        parts: &Parts,
        platform: Option<&Platform>,
        lease: &mut Lease,
        progress: &dyn Progress,
    ) -> Result<Vec<Loaded>, Error> {
        let images = if parts.has(docker::MANIFEST) {
            docker::describe(parts)?
        } else if parts.has(layout::INDEX) {
            layout::describe(parts, &platform.cloned().unwrap_or_else(Platform::host))?
        } else {
            let reason = "neither manifest.json nor index.json is in it";
            return Err(Error::Archive(reason.into()));
        };
        let mut loaded = Vec::new();
        for image in images {
            check_platform(&image, platform)?;
            loaded.extend(self.load_image(parts, image, lease, progress)?);
        }
        Ok(loaded)
    }

    fn load_image(
        &self,
        parts: &Parts,
        image: Described,
        lease: &mut Lease,
        progress: &dyn Progress,
    ) -> Result<Vec<Loaded>, Error> {
        for (diff_id, _) in &image.layers {
            lease.add(diff_id.clone());
        }
        parts.store_layers(&image.layers, progress)?;
        let id = ImageId::new(gantry_archive::Digester::sha256(&image.config));
        let documents = image.documents.iter();
        self.install(Arrival {
            config: &image.config,
            id: id.clone(),
            parsed: &image.parsed,
            documents: documents
                .map(|(digest, bytes)| (digest.clone(), &bytes[..]))
                .collect(),
            layers: image
                .layers
                .into_iter()
                .map(|(diff_id, _)| diff_id)
                .collect(),
            parent: None,
            step: false,
            names: image.names.clone(),
        })?;
        if image.names.is_empty() {
            return Ok(vec![Loaded::Id(id)]);
        }
        Ok(image
            .names
            .into_iter()
            .map(|name| Loaded::Name(name, id.clone()))
            .collect())
    }
}

/// An image of an archive without an index is taken as it is, unless the user asked for another.
fn check_platform(image: &Described, wanted: Option<&Platform>) -> Result<(), Error> {
    let found = Platform {
        os: image.parsed.os.clone(),
        architecture: image.parsed.architecture.clone(),
        variant: image.parsed.variant.clone(),
    };
    match wanted {
        Some(wanted) if !wanted.accepts(&found) => Err(Error::WrongPlatform {
            name: image
                .names
                .first()
                .map(Reference::familiar)
                .unwrap_or_default(),
            wanted: wanted.to_string(),
            found: found.to_string(),
        }),
        _ => Ok(()),
    }
}

fn refused(error: EntryError) -> Error {
    match error {
        EntryError::Read(error) => Error::ArchiveRead(error),
        other => Error::Archive(other.to_string()),
    }
}

/// Reads a configuration and pairs its diff IDs with the entries that hold the layers.
fn pair(
    name: &str,
    config: &[u8],
    entries: Vec<String>,
) -> Result<(ImageConfig, Vec<(Digest, String)>), Error> {
    let parsed = manifest::parse_config(name, config)?;
    let diff_ids = manifest::diff_ids(name, &parsed, entries.len())?;
    Ok((parsed, diff_ids.into_iter().zip(entries).collect()))
}
