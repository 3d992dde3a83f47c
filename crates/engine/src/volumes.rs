//! Volumes as the API shows them.

mod copies;
mod prune;
mod transfer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gantry_api_types::{Filters, Volume as VolumeBody, VolumeCreateRequest, VolumeListing};
use gantry_volume::{NewVolume, Volume, VolumeName, Volumes};

use crate::containers::Containers;
use crate::{Error, clock};

/// What Docker writes on a volume without a name.
const ANONYMOUS: &str = "com.docker.volume.anonymous";
/// What we write on a snapshot: the volume that it shows.
const SNAPSHOT_OF: &str = "gantry.snapshot.of";

/// The service for volumes; a clone is the same service.
#[derive(Clone)]
pub struct VolumeService {
    volumes: Arc<Volumes>,
    containers: Containers,
    pruning: Arc<AtomicBool>,
}

impl VolumeService {
    pub(crate) fn new(volumes: Arc<Volumes>, containers: Containers) -> Self {
        Self {
            volumes,
            containers,
            pruning: Arc::default(),
        }
    }

    /// The volume of the wanted name, made when it is missing; a random name if none is wanted.
    pub fn create(&self, request: VolumeCreateRequest) -> Result<VolumeBody, Error> {
        let anonymous = request.name.is_empty();
        let name = if anonymous {
            VolumeName::random()?
        } else {
            VolumeName::new(&request.name)?
        };
        let new = NewVolume {
            name,
            driver: request.driver,
            options: request.driver_opts,
            labels: request.labels,
            anonymous,
        };
        let made = self.volumes.ensure(new, None)?;
        if made.new {
            self.announce(&made.volume, "create");
        }
        Ok(self.body(&made.volume))
    }

    /// The volumes that pass the filters.
    pub fn list(&self, filters: &Filters) -> Result<VolumeListing, Error> {
        const KNOWN: [&str; 4] = ["dangling", "driver", "label", "name"];
        filters
            .accept(&KNOWN)
            .map_err(|e| Error::Invalid(e.to_string()))?;
        let dangling = filters
            .truth("dangling")
            .map_err(|e| Error::Invalid(e.to_string()))?;
        let users = dangling
            .map(|_| self.containers.volume_users())
            .unwrap_or_default();
        let passes = |v: &Volume| {
            (!filters.has("name") || filters.values("name").any(|n| v.name.as_str().contains(n)))
                && filters.exact("driver", "local")
                && filters.pairs("label", &labels(v))
                && dangling.is_none_or(|d| d != users.contains_key(v.name.as_str()))
        };
        let all = self.volumes.list()?;
        let volumes = all.iter().filter(|v| passes(v)).map(|v| self.body(v));
        Ok(VolumeListing {
            volumes: volumes.collect(),
            warnings: None,
        })
    }

    /// One volume.
    pub fn inspect(&self, name: &str) -> Result<VolumeBody, Error> {
        Ok(self.body(&self.volumes.get(name)?))
    }

    /// Removes a volume that no container has; `force` makes a missing one no error.
    pub fn remove(&self, name: &str, force: bool) -> Result<(), Error> {
        match self.containers.remove_volume(name) {
            Err(Error::Volume(gantry_volume::Error::NotFound(_))) if force => Ok(()),
            done => done,
        }
    }

    fn announce(&self, volume: &Volume, action: &str) {
        self.containers
            .announce_volume(volume.name.as_str(), action, BTreeMap::new());
    }

    fn body(&self, volume: &Volume) -> VolumeBody {
        VolumeBody {
            created_at: clock::rfc3339(volume.created as i64 * 1_000_000_000),
            driver: "local".to_owned(),
            labels: Some(labels(volume)).filter(|labels| !labels.is_empty()),
            options: Some(volume.options.clone()).filter(|options| !options.is_empty()),
            mountpoint: self.volumes.path(&volume.name).display().to_string(),
            name: volume.name.to_string(),
            scope: "local".to_owned(),
            ..VolumeBody::default()
        }
    }
}

/// What its maker wrote on it, and what we know.
fn labels(volume: &Volume) -> BTreeMap<String, String> {
    let mut labels = volume.labels.clone();
    if volume.anonymous {
        labels.insert(ANONYMOUS.to_owned(), String::new());
    }
    if let Some(of) = &volume.snapshot_of {
        labels.insert(SNAPSHOT_OF.to_owned(), of.clone());
    }
    labels
}
