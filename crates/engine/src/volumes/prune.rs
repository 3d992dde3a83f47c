//! `volume prune`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use gantry_api_types::{Filters, VolumesPruneReport};
use gantry_volume::Volume;

use super::{VolumeService, labels};
use crate::Error;

impl VolumeService {
    /// Removes volumes that no container has: those without a name, or with `all` the others too.
    ///
    /// As in Docker, volumes with driver options stay. Snapshots stay too: nobody makes one to lose
    /// it with the volume that it shows.
    pub fn prune(&self, filters: &Filters) -> Result<VolumesPruneReport, Error> {
        let invalid = |e: gantry_api_types::FilterError| Error::Invalid(e.to_string());
        filters
            .accept(&["all", "label", "label!"])
            .map_err(invalid)?;
        let all = filters.truth("all").map_err(invalid)?.unwrap_or(false);
        if self.pruning.swap(true, Ordering::AcqRel) {
            return Err(Error::WrongPhase(
                "a prune operation is already running".to_owned(),
            ));
        }
        let done = self.remove_unused(|v| {
            (all || v.anonymous)
                && v.options.is_empty()
                && v.snapshot_of.is_none()
                && filters.pairs("label", &labels(v))
                && !(filters.has("label!") && filters.pairs("label!", &labels(v)))
        });
        self.pruning.store(false, Ordering::Release);
        let report = done?;
        let attributes =
            BTreeMap::from([("reclaimed".to_owned(), report.space_reclaimed.to_string())]);
        self.containers.events.volume("", "prune", attributes);
        Ok(report)
    }

    fn remove_unused(&self, goes: impl Fn(&Volume) -> bool) -> Result<VolumesPruneReport, Error> {
        let users = self.containers.volume_users();
        let (mut gone, mut space_reclaimed) = (Vec::new(), 0);
        for volume in self.volumes.list()? {
            if users.contains_key(volume.name.as_str()) || !goes(&volume) {
                continue;
            }
            let size = self.volumes.size(&volume.name);
            match self.containers.remove_volume(volume.name.as_str()) {
                Ok(()) => {
                    space_reclaimed += size;
                    gone.push(volume.name.to_string());
                }
                // Somebody has begun to use it.
                Err(e) => tracing::debug!(volume = %volume.name, "it stays: {e}"),
            }
        }
        Ok(VolumesPruneReport {
            volumes_deleted: Some(gone),
            space_reclaimed,
        })
    }
}
