//! `image prune`.

use gantry_api_types::{Filters, ImagesPruneReport};
use gantry_image::{RemoveOptions, Removed};

use super::{Images, list, remove};
use crate::{Containers, Error};

impl Images {
    /// Removes images that no container uses: those without a name, or with `dangling=false` all.
    pub fn prune(
        &self,
        containers: &Containers,
        filters: &Filters,
    ) -> Result<ImagesPruneReport, Error> {
        let invalid = |error: gantry_api_types::FilterError| Error::Invalid(error.to_string());
        filters
            .accept(&["dangling", "label", "label!", "until"])
            .map_err(invalid)?;
        // Unlike in a list, the default is the careful one, and false means "all".
        let mut wanted = Filters::default();
        for name in filters.names().filter(|name| *name != "dangling") {
            filters
                .values(name)
                .for_each(|value| wanted.add(name, value));
        }
        if filters.truth("dangling").map_err(invalid)?.unwrap_or(true) {
            wanted.add("dangling", "true");
        }
        let users = remove::users(containers);
        let all_of_it = RemoveOptions {
            force: true,
            keep_parents: false,
        };
        let mut gone = Vec::new();
        for image in self.store.list(&list::filter(&wanted)?)? {
            // One that others were made from goes with the last of them.
            if users(&image.id).is_empty() && self.store.contains(&image.id) {
                let removed = self.store.remove(image.id.as_str(), all_of_it, &users)?;
                self.tell_removed(&image.id, &removed);
                gone.extend(removed);
            }
        }
        let space_reclaimed = gone.iter().map(size).sum();
        self.events.pruned("image", space_reclaimed);
        Ok(ImagesPruneReport {
            space_reclaimed,
            images_deleted: (!gone.is_empty()).then(|| gone.iter().map(remove::item).collect()),
        })
    }
}

const fn size(removed: &Removed) -> u64 {
    match removed {
        Removed::Layer { size, .. } => *size,
        _ => 0,
    }
}
