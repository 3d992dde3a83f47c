//! `system df`: what images, containers and volumes take on the disk.

use std::collections::HashMap;
use std::path::Path;

use gantry_api_types::{ContainerSummary, DiskUsage, Filters, ImageSummary, Volume, VolumeUsage};

use crate::{Engine, Error, ListOptions};

impl Engine {
    /// Counts what takes room; `kinds` names what to count, all if it is `None`. The build cache
    /// is the builder's to count.
    pub async fn disk_usage(&self, kinds: Option<&[String]>) -> Result<DiskUsage, Error> {
        let wants =
            |kind: &str| kinds.is_none_or(|kinds| kinds.iter().any(|wanted| wanted == kind));
        let mut usage = DiskUsage::default();
        let containers = self.containers_with_sizes(wants("container")).await?;
        if wants("image") {
            let (layers, images) = self.images_with_sizes(&containers).await?;
            usage.layers_size = layers as i64;
            usage.images = Some(images);
        }
        if wants("volume") {
            usage.volumes = Some(self.volumes_with_sizes(&containers).await?);
        }
        if wants("container") {
            usage.containers = Some(containers);
        }
        Ok(usage)
    }

    async fn containers_with_sizes(&self, size: bool) -> Result<Vec<ContainerSummary>, Error> {
        self.containers
            .list(&ListOptions {
                all: true,
                size,
                ..ListOptions::default()
            })
            .await
    }

    async fn images_with_sizes(
        &self,
        containers: &[ContainerSummary],
    ) -> Result<(u64, Vec<ImageSummary>), Error> {
        let mut users: HashMap<String, i64> = HashMap::new();
        for container in containers {
            *users.entry(container.image_id.clone()).or_default() += 1;
        }
        let images = self.images.clone();
        crate::containers::blocking(move || {
            let usage = images.store().usage()?;
            let mut list = images.list(&Filters::default(), false, true)?;
            for image in &mut list {
                image.containers = users.get(&image.id).copied().unwrap_or_default();
            }
            Ok((usage.layers, list))
        })
        .await
    }

    async fn volumes_with_sizes(
        &self,
        containers: &[ContainerSummary],
    ) -> Result<Vec<Volume>, Error> {
        let mut users: HashMap<String, i64> = HashMap::new();
        for mount in containers.iter().flat_map(|container| &container.mounts) {
            if !mount.name.is_empty() {
                *users.entry(mount.name.clone()).or_default() += 1;
            }
        }
        let volumes = self.volumes.clone();
        crate::containers::blocking(move || {
            let mut list = volumes.list(&Filters::default())?.volumes;
            // As in Docker: the data of a volume with options are elsewhere.
            list.retain(|volume| volume.options.is_none());
            for volume in &mut list {
                volume.usage_data = Some(VolumeUsage {
                    ref_count: users.get(&volume.name).copied().unwrap_or_default(),
                    size: gantry_snapshot::size_of_tree(Path::new(&volume.mountpoint))
                        .map_or(-1, |size| size as i64),
                });
            }
            Ok(list)
        })
        .await
    }
}
