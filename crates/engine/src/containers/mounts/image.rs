//! `--mount type=image`: another image's files, read-only.

use gantry_api_types::Mount;
use gantry_reference::ImageId;

use super::object::Wrong;
use super::volume::check_subpath;
use super::{Found, Planner, Point};
use crate::Error;
use crate::containers::record::MountUse;
use crate::containers::{Container, Containers};

impl Planner<'_> {
    /// Finds the image; an empty snapshot keeps its layers from being removed.
    pub(super) fn image_object(&self, mount: &Mount, destination: &str) -> Result<Found, Wrong> {
        if mount.source.is_empty() {
            return Err(Wrong::missing("Source"));
        }
        let subpath = mount
            .image_options
            .clone()
            .map(|options| options.subpath)
            .unwrap_or_default();
        if !subpath.is_empty() {
            check_subpath(&subpath)?;
        }
        let image = self.service.images.for_container(&mount.source, None)?;
        let key = snapshot_key(self.id, destination);
        self.service
            .snapshots
            .prepare(&key, &image.layers)
            .map_err(Error::from)?;
        let point = Point {
            kind: "image",
            name: &mount.source,
            source: image.id.as_str(),
            destination,
            read_only: true,
            propagation: "rprivate",
            ..Point::default()
        };
        let used = MountUse {
            subpath,
            image: Some(key),
            layers: image.layers,
            ..MountUse::default()
        };
        Ok((point.build(), used))
    }
}

impl Containers {
    /// Lets go of the images that a container has mounted, which may have been removed with force
    /// meanwhile.
    pub(in crate::containers) fn release_image_mounts(
        &self,
        container: &Container,
    ) -> Result<(), Error> {
        let record = container.record().clone();
        for mount in &record.mounts {
            let used = record.volume_options.get(&mount.destination);
            let Some((key, layers)) = used.and_then(|u| Some((u.image.as_ref()?, &u.layers)))
            else {
                continue;
            };
            self.snapshots.remove(key)?;
            if let Ok(image) = mount.source.parse::<ImageId>() {
                self.images.release(&image, layers.clone())?;
            }
        }
        Ok(())
    }
}

/// A container's ID, and what tells its image mounts apart (FNV-1a of the destination).
fn snapshot_key(id: &str, destination: &str) -> String {
    let hash = destination.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| {
        (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{id}.{hash:016x}")
}
