//! Making an image here: a configuration and one more layer.

use std::io::Read;

use gantry_archive::Digester;
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};

use super::Images;
use super::install::Arrival;
use crate::{Error, manifest};

/// An image to be made.
#[derive(Debug, Clone, Default)]
pub struct NewImage {
    /// Diff IDs of the layers below, the lowest first.
    pub base: Vec<Digest>,
    /// All but the layers.
    pub config: ImageConfig,
    /// The image that it is made from.
    pub parent: Option<ImageId>,
    /// What to call it.
    pub name: Option<Reference>,
    /// Whether it only keeps a layer of a build.
    pub step: bool,
}

impl Images {
    /// Makes an image whose topmost layer is this plain archive. Blocks on the disk and the reader.
    ///
    /// Nothing of an archive that is refused remains.
    pub fn make(&self, new: NewImage, layer: &mut dyn Read) -> Result<ImageId, Error> {
        let mut lease = self.hold(new.base.iter().cloned());
        let taken = self
            .0
            .snapshotter
            .take(layer, &mut |diff_id| lease.add(diff_id.clone()))?;
        let made = self.finish(new, taken.diff_id.clone());
        drop(lease);
        if made.is_err() {
            self.drop_unneeded(vec![taken.diff_id])?;
        }
        made
    }

    /// Makes an image of layers that are here, without one of its own.
    pub fn make_bare(&self, new: NewImage) -> Result<ImageId, Error> {
        let lease = self.hold(new.base.iter().cloned());
        let made = self.write_down(new);
        drop(lease);
        made
    }

    /// Whether an image with a name has this layer.
    pub fn layer_is_named(&self, layer: &Digest) -> bool {
        let contents = self.0.catalog.read();
        let mut having = contents
            .images
            .iter()
            .filter(|(_, r)| r.layers.contains(layer));
        having.any(|(id, _)| !contents.names_of(id).is_empty())
    }

    fn finish(&self, mut new: NewImage, top: Digest) -> Result<ImageId, Error> {
        new.base.push(top);
        self.write_down(new)
    }

    /// Writes the configuration and the record.
    fn write_down(&self, new: NewImage) -> Result<ImageId, Error> {
        let layers = new.base;
        let mut config = new.config;
        config.rootfs.kind = "layers".into();
        config.rootfs.diff_ids = layers.iter().map(ToString::to_string).collect();
        manifest::diff_ids("the new image", &config, layers.len())?;
        manifest::check_count("the new image", layers.len())?;
        let bytes = manifest::config_bytes(&config);
        let id = ImageId::new(Digester::sha256(&bytes));
        self.install(Arrival {
            config: &bytes,
            id: id.clone(),
            parsed: &config,
            documents: Vec::new(),
            layers,
            // The same image may be made again on top of itself.
            parent: new.parent.filter(|parent| *parent != id),
            step: new.step,
            names: new.name.into_iter().collect(),
        })?;
        Ok(id)
    }
}
