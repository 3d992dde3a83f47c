//! `rmi`.

use gantry_api_types::ImageDeleteItem;
use gantry_image::{RemoveOptions, Removed, UsedBy};
use gantry_reference::ImageId;

use super::Images;
use crate::{Containers, Error};

impl Images {
    /// Removes a name, or an image with its layers, unless a container needs it.
    pub fn remove(
        &self,
        containers: &Containers,
        name: &str,
        force: bool,
        keep_parents: bool,
    ) -> Result<Vec<ImageDeleteItem>, Error> {
        let id = self.store.resolve(name)?.id;
        let removed = self.store.remove(
            name,
            RemoveOptions {
                force,
                keep_parents,
            },
            &users(containers),
        )?;
        self.tell_removed(&id, &removed);
        Ok(removed.iter().map(item).collect())
    }

    /// Docker's events for what went: both are about the image's id.
    pub(super) fn tell_removed(&self, id: &ImageId, removed: &[Removed]) {
        for one in removed {
            match one {
                Removed::Untagged(_) => self.tell(id.as_str(), "untag", id.as_str()),
                Removed::Image(id) => self.tell(id.as_str(), "delete", id.as_str()),
                Removed::Layer { .. } => {}
            }
        }
    }
}

/// Which containers use an image.
pub(super) fn users(containers: &Containers) -> impl Fn(&ImageId) -> Vec<UsedBy> {
    |image| {
        let all = containers.registry.all().into_iter();
        let using = all.filter(|container| container.record().image_id == *image);
        using
            .map(|container| UsedBy {
                container: container.id.clone(),
                running: container.phase().is_live(),
            })
            .collect()
    }
}

pub(super) fn item(removed: &Removed) -> ImageDeleteItem {
    let deleted = |deleted: String| ImageDeleteItem {
        deleted,
        untagged: String::new(),
    };
    match removed {
        Removed::Untagged(untagged) => ImageDeleteItem {
            untagged: untagged.clone(),
            deleted: String::new(),
        },
        Removed::Image(id) => deleted(id.to_string()),
        Removed::Layer { chain_id, .. } => deleted(chain_id.to_string()),
    }
}
