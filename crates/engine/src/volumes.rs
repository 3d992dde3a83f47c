//! Volumes as the API shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use gantry_api_types::{Filters, Volume as VolumeBody, VolumeCreateRequest, VolumeListing};
use gantry_volume::{Volume, VolumeName, Volumes};

use crate::containers::Containers;
use crate::{Error, clock};

/// The service for volumes; a clone is the same service.
#[derive(Clone)]
pub struct VolumeService {
    volumes: Arc<Volumes>,
    containers: Containers,
}

impl VolumeService {
    pub(crate) fn new(volumes: Arc<Volumes>, containers: Containers) -> Self {
        Self {
            volumes,
            containers,
        }
    }

    /// The volume of the wanted name, made when it is missing; a random name if none is wanted.
    pub fn create(&self, request: VolumeCreateRequest) -> Result<VolumeBody, Error> {
        if !request.driver_opts.is_empty() {
            return Err(Error::NotSupported("driver options of a volume".to_owned()));
        }
        let anonymous = request.name.is_empty();
        let name = if anonymous {
            VolumeName::random()?
        } else {
            VolumeName::new(&request.name)?
        };
        let volume = self
            .volumes
            .ensure(name, &request.driver, request.labels, anonymous)?;
        let attributes = BTreeMap::from([("driver".to_owned(), "local".to_owned())]);
        self.containers
            .events
            .volume(volume.name.as_str(), "create", attributes);
        Ok(self.body(&volume))
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
        let passes = |v: &Volume| {
            (!filters.has("name") || filters.values("name").any(|n| v.name.as_str().contains(n)))
                && filters.exact("driver", "local")
                && filters.pairs("label", &v.labels)
                && dangling.is_none_or(|d| {
                    d == self.containers.users_of_volume(v.name.as_str()).is_empty()
                })
        };
        let volumes = self
            .volumes
            .list()?
            .iter()
            .filter(|v| passes(v))
            .map(|v| self.body(v))
            .collect();
        Ok(VolumeListing {
            volumes,
            warnings: None,
        })
    }

    /// One volume.
    pub fn inspect(&self, name: &str) -> Result<VolumeBody, Error> {
        Ok(self.body(&self.volumes.get(name)?))
    }

    /// Removes a volume that no container has; `force` makes a missing one no error.
    pub fn remove(&self, name: &str, force: bool) -> Result<(), Error> {
        match self
            .volumes
            .remove(name, &self.containers.users_of_volume(name))
        {
            Err(gantry_volume::Error::NotFound(_)) if force => Ok(()),
            Err(e) => Err(e.into()),
            Ok(volume) => {
                let attributes = BTreeMap::from([("driver".to_owned(), "local".to_owned())]);
                self.containers
                    .events
                    .volume(volume.name.as_str(), "destroy", attributes);
                Ok(())
            }
        }
    }

    fn body(&self, volume: &Volume) -> VolumeBody {
        let mut labels = volume.labels.clone();
        if volume.anonymous {
            labels.insert("com.docker.volume.anonymous".to_owned(), String::new());
        }
        VolumeBody {
            created_at: clock::rfc3339(volume.created as i64 * 1_000_000_000),
            driver: "local".to_owned(),
            labels: Some(labels),
            mountpoint: self.volumes.path(&volume.name).display().to_string(),
            name: volume.name.to_string(),
            scope: "local".to_owned(),
            ..VolumeBody::default()
        }
    }
}
