//! The last steps of bringing an image in, the same for every way it comes.

use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};
use jiff::Timestamp;

use super::Images;
use crate::Error;
use crate::catalog::{Change, Name, Record};

/// An image whose layers are in the snapshotter already.
pub(crate) struct Arrival<'a> {
    /// The configuration's bytes.
    pub config: &'a [u8],
    /// Their digest.
    pub id: ImageId,
    /// What they mean.
    pub parsed: &'a ImageConfig,
    /// Manifest and index: digest and bytes; the image's own manifest first.
    pub documents: Vec<(Digest, &'a [u8])>,
    /// Diff IDs, the lowest first.
    pub layers: Vec<Digest>,
    /// The image that it was made from here.
    pub parent: Option<ImageId>,
    /// Whether it only keeps a layer of a build.
    pub step: bool,
    /// What to call it.
    pub names: Vec<Reference>,
}

impl Images {
    /// Writes configuration, manifest and record, and the names last.
    ///
    /// The caller holds a lease on the layers. Once this returns, the image is there for good.
    pub(crate) fn install(&self, arrival: Arrival<'_>) -> Result<(), Error> {
        let blobs: Vec<Digest> = std::iter::once(arrival.id.digest().clone())
            .chain(arrival.documents.iter().map(|(digest, _)| digest.clone()))
            .collect();
        let _lease = self.hold(blobs.iter().cloned());
        self.0.content.put(arrival.id.digest(), arrival.config)?;
        for (digest, bytes) in &arrival.documents {
            self.0.content.put(digest, bytes)?;
        }
        let record = Record {
            manifest: arrival.documents.first().map(|(digest, _)| digest.clone()),
            blobs,
            size: self.size_of(&arrival.layers)?,
            layers: arrival.layers,
            created: created(arrival.parsed),
            parent: arrival.parent,
            step: arrival.step,
        };
        let _change = self.lock_changes();
        self.record(arrival.id, record, arrival.names)
    }

    fn record(&self, id: ImageId, mut record: Record, names: Vec<Reference>) -> Result<(), Error> {
        // The same image may have come before under another manifest; both stay.
        if let Some(known) = self.0.catalog.read().images.get(&id) {
            for blob in &known.blobs {
                if !record.blobs.contains(blob) {
                    record.blobs.push(blob.clone());
                }
            }
            record.step &= known.step;
            record.parent = record.parent.or_else(|| known.parent.clone());
            record.manifest = record.manifest.or_else(|| known.manifest.clone());
        }
        let name = Name {
            image: id.clone(),
            given: Timestamp::now(),
        };
        let add_names = names
            .into_iter()
            .map(|reference| (reference, name.clone()))
            .collect();
        self.0.catalog.apply(Change {
            add_image: Some((id, record)),
            add_names,
            ..Change::default()
        })
    }

    fn size_of(&self, layers: &[Digest]) -> Result<u64, Error> {
        let mut size = 0;
        for layer in layers {
            let info = self.0.snapshotter.layer(layer)?;
            size += info
                .ok_or_else(|| gantry_snapshot::Error::LayerNotFound(layer.clone()))?
                .size;
        }
        Ok(size)
    }
}

/// When an image says that it was made; the epoch if it does not.
fn created(config: &ImageConfig) -> Timestamp {
    let created = config.created.as_deref().and_then(|text| text.parse().ok());
    created.unwrap_or(Timestamp::UNIX_EPOCH)
}
