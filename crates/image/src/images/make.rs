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

    fn finish(&self, new: NewImage, top: Digest) -> Result<ImageId, Error> {
        let mut layers = new.base;
        layers.push(top);
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
            parent: new.parent,
            names: new.name.into_iter().collect(),
        })?;
        Ok(id)
    }
}
