//! What images take on the disk.

use std::collections::{HashMap, HashSet};

use gantry_reference::{Digest, ImageId};

use super::Images;
use crate::Error;

/// What all images take together, and each shares with others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of file content of all layers here, each counted once.
    pub layers: u64,
    shared: HashMap<ImageId, u64>,
}

impl Usage {
    /// Bytes that an image has in common with others.
    pub fn shared_by(&self, image: &ImageId) -> u64 {
        self.shared.get(image).copied().unwrap_or_default()
    }
}

impl Images {
    /// Counts what images take.
    pub fn usage(&self) -> Result<Usage, Error> {
        let images: Vec<(ImageId, HashSet<Digest>)> = {
            let contents = self.0.catalog.read();
            let layers = |record: &crate::catalog::Record| record.layers.iter().cloned().collect();
            let images = contents.images.iter();
            images
                .map(|(id, record)| (id.clone(), layers(record)))
                .collect()
        };
        let mut sizes = HashMap::new();
        for layer in self.0.snapshotter.layers()? {
            if let Some(info) = self.0.snapshotter.layer(&layer)? {
                sizes.insert(layer, info.size);
            }
        }
        let mut users: HashMap<&Digest, usize> = HashMap::new();
        for layer in images.iter().flat_map(|(_, layers)| layers) {
            *users.entry(layer).or_default() += 1;
        }
        let size = |layer: &Digest| sizes.get(layer).copied().unwrap_or_default();
        let shared = |layers: &HashSet<Digest>| {
            let common = layers.iter().filter(|layer| users[*layer] > 1);
            common.map(size).sum()
        };
        Ok(Usage {
            layers: sizes.values().sum(),
            shared: images
                .iter()
                .map(|(id, layers)| (id.clone(), shared(layers)))
                .collect(),
        })
    }
}
