//! Images that come with the program.

use gantry_archive::Digester;
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId, Reference};

use super::Images;
use super::install::Arrival;
use crate::{Error, manifest};

impl Images {
    /// Brings in an image from bytes, unless its name is there already.
    ///
    /// `layers` are plain tars, the lowest first; the configuration's `rootfs` is made from them.
    pub fn ensure_embedded(
        &self,
        name: &Reference,
        layers: &[&[u8]],
        config: &ImageConfig,
    ) -> Result<ImageId, Error> {
        if let Some(known) = self.0.catalog.read().names.get(name) {
            return Ok(known.image.clone());
        }
        let diff_ids: Vec<Digest> = layers.iter().map(|tar| Digester::sha256(tar)).collect();
        let mut config = config.clone();
        config.rootfs.kind = "layers".into();
        config.rootfs.diff_ids = diff_ids.iter().map(ToString::to_string).collect();
        let bytes = manifest::config_bytes(&config);
        let id = ImageId::new(Digester::sha256(&bytes));
        let _lease = self.hold(diff_ids.iter().cloned());
        for (diff_id, tar) in diff_ids.iter().zip(layers) {
            self.0.snapshotter.ingest(diff_id, &mut &**tar)?;
        }
        self.install(Arrival {
            config: &bytes,
            id: id.clone(),
            parsed: &config,
            documents: Vec::new(),
            layers: diff_ids,
            parent: None,
            step: false,
            names: vec![name.clone()],
        })?;
        Ok(id)
    }
}
