//! Limits that this kernel lacks, found out by trying: at `create`, where the user still reads it.

use gantry_api_types::{HostConfig, Resources};

use super::Containers;
use crate::ids;

impl Containers {
    /// Warnings about limits of which only a group of its own can tell whether the kernel has them.
    ///
    /// The common ones are known from the controllers alone; for the others a group is made, and
    /// removed again, which takes about a millisecond.
    pub(super) fn lacking_limits(&self, host: &HostConfig) -> Vec<String> {
        let rare = rare(&host.resources);
        let Ok(limits) = crate::spec::limits(&rare) else {
            return Vec::new();
        };
        if limits == gantry_oci::Resources::default() {
            return Vec::new();
        }
        let Ok(id) = ids::random_id() else {
            return Vec::new();
        };
        let parent = self.settings.cgroup_parent.trim_matches('/');
        // What cannot even be tried fails at the start, with its reason.
        let Ok(group) = self.cgroups.create(&format!("/{parent}/try-{id}"), &limits) else {
            return Vec::new();
        };
        if let Err(e) = group.remove() {
            tracing::debug!("a group that was made to try limits stays: {e}");
        }
        group.warnings().iter().map(ToString::to_string).collect()
    }
}

fn rare(all: &Resources) -> Resources {
    Resources {
        blkio_weight: all.blkio_weight,
        blkio_weight_device: all.blkio_weight_device.clone(),
        blkio_device_read_bps: all.blkio_device_read_bps.clone(),
        blkio_device_write_bps: all.blkio_device_write_bps.clone(),
        blkio_device_read_iops: all.blkio_device_read_iops.clone(),
        blkio_device_write_iops: all.blkio_device_write_iops.clone(),
        memory_swappiness: all.memory_swappiness,
        cpu_realtime_period: all.cpu_realtime_period,
        cpu_realtime_runtime: all.cpu_realtime_runtime,
        ..Resources::default()
    }
}
