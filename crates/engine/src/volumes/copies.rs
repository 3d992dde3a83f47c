//! What Docker lacks: new names, copies, snapshots.

use std::collections::BTreeMap;

use gantry_api_types::{Volume as VolumeBody, VolumeCreateRequest};
use gantry_volume::{NewVolume, VolumeName};

use super::VolumeService;
use crate::Error;

impl VolumeService {
    /// Gives a volume that no container has another name.
    pub fn rename(&self, name: &str, new: &str) -> Result<(), Error> {
        let new = VolumeName::new(new)?;
        let users = || self.containers.users_of_volume(name);
        let volume = self.volumes.rename(name, &new, users)?;
        let attributes = BTreeMap::from([("oldName".to_owned(), name.to_owned())]);
        self.containers
            .announce_volume(volume.name.as_str(), "rename", attributes);
        Ok(())
    }

    /// A volume with a copy of another's data.
    pub fn clone_volume(
        &self,
        from: &str,
        request: VolumeCreateRequest,
    ) -> Result<VolumeBody, Error> {
        self.duplicate(from, request.name, request.labels, false)
    }

    /// A copy that does not change, called as its maker wants or after the moment.
    pub fn snapshot(&self, of: &str, request: VolumeCreateRequest) -> Result<VolumeBody, Error> {
        let name = if request.name.is_empty() {
            self.volumes.get(of)?;
            let now = crate::clock::rfc3339(crate::clock::now_nanos());
            let moment: String = now.chars().filter(char::is_ascii_digit).take(17).collect();
            format!("{of}.{moment}")
        } else {
            request.name
        };
        self.duplicate(of, name, request.labels, true)
    }

    fn duplicate(
        &self,
        from: &str,
        name: String,
        labels: BTreeMap<String, String>,
        snapshot: bool,
    ) -> Result<VolumeBody, Error> {
        let new = NewVolume {
            labels,
            ..NewVolume::named(VolumeName::new(&name)?)
        };
        let volume = self.volumes.duplicate(from, new, snapshot)?;
        self.announce(&volume, "create");
        Ok(self.body(&volume))
    }

    /// Gives a volume the data that it had when the snapshot was made; no container may run with it.
    pub fn restore(&self, name: &str, snapshot: &str) -> Result<(), Error> {
        let users = || self.containers.runners_of_volume(name);
        self.volumes.restore(name, snapshot, users)?;
        let attributes = BTreeMap::from([("snapshot".to_owned(), snapshot.to_owned())]);
        self.containers.announce_volume(name, "restore", attributes);
        Ok(())
    }
}
