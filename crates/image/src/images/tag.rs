//! Giving names.

use gantry_reference::{ImageId, Reference};
use jiff::Timestamp;

use super::Images;
use crate::Error;
use crate::catalog::{Change, Name};

impl Images {
    /// Gives an image one more name; a name that stood for another image moves.
    pub fn tag(&self, source: &str, target: &Reference) -> Result<ImageId, Error> {
        if target.digest().is_some() {
            return Err(Error::TagWithDigest);
        }
        let _change = self.lock_changes();
        let image = self.find(source)?.id().clone();
        let name = Name {
            image: image.clone(),
            given: Timestamp::now(),
        };
        self.0.catalog.apply(Change {
            add_names: vec![(target.clone(), name)],
            ..Change::default()
        })?;
        Ok(image)
    }

    /// Gives names to an image that is here, in one step.
    pub(crate) fn give_names(&self, image: &ImageId, names: Vec<Reference>) -> Result<(), Error> {
        let _change = self.lock_changes();
        if !self.0.catalog.read().images.contains_key(image) {
            return Err(Error::NotFound(image.to_string()));
        }
        let name = Name {
            image: image.clone(),
            given: Timestamp::now(),
        };
        let add_names = names
            .into_iter()
            .map(|reference| (reference, name.clone()))
            .collect();
        self.0.catalog.apply(Change {
            add_names,
            ..Change::default()
        })
    }
}
