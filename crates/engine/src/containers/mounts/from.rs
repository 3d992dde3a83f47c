//! `--volumes-from`.

use std::collections::BTreeMap;

use gantry_units::{VolumeSource, VolumeSpec};

use super::{Found, Planner};
use crate::Error;
use crate::containers::record::MountUse;

impl Planner<'_> {
    /// The mounts of other containers, as `container[:ro|rw|z|Z]` each; of two on one destination
    /// the later one counts.
    pub(super) fn volumes_from(&self, others: &[String]) -> Result<Vec<Found>, Error> {
        let mut found = BTreeMap::new();
        for text in others {
            if text.is_empty() {
                return Err(Error::Invalid(
                    "volumes-from specification cannot be an empty string".to_owned(),
                ));
            }
            let (name, mode) = text.split_once(':').unwrap_or((text, ""));
            let read_only = is_read_only(mode)?;
            let other = self.service.registry.find(name);
            let other = other.map_err(|e| Error::Invalid(e.to_string()))?;
            let record = other.record().clone();
            for mut mount in record.mounts {
                mount.rw = mount.rw && !read_only;
                let used = record.volume_options.get(&mount.destination).cloned();
                let used = self.inherited(used.unwrap_or_default(), &mount.name, &mount.kind)?;
                found.insert(mount.destination.clone(), (mount, used));
            }
        }
        Ok(found.into_values().collect())
    }

    /// It stays the other container's: `rm -v` of this one leaves it alone.
    fn inherited(&self, used: MountUse, name: &str, kind: &str) -> Result<MountUse, Error> {
        if kind == "volume" {
            // Held, so that it does not go while this container is being made.
            let name = gantry_volume::VolumeName::new(name)?;
            let new = gantry_volume::NewVolume::named(name);
            self.service.volumes.ensure(new, Some(self.id))?;
        }
        let image = match &used.image {
            Some(key) => {
                let own = key
                    .split_once('.')
                    .map_or_else(|| key.clone(), |(_, hash)| format!("{}.{hash}", self.id));
                self.service.snapshots.prepare(&own, &used.layers)?;
                Some(own)
            }
            None => None,
        };
        Ok(MountUse {
            anonymous: false,
            no_copy: true,
            image,
            ..used
        })
    }
}

/// Only words about access and SELinux: the rest is the other container's.
fn is_read_only(mode: &str) -> Result<bool, Error> {
    let wrong = || Error::Invalid(format!("invalid mode: {mode}"));
    if mode.is_empty() {
        return Ok(false);
    }
    // As a volume's mode it has words once each; of those, some are no business of ours.
    let spec: VolumeSpec = format!("xx:/x:{mode}").parse().map_err(|_| wrong())?;
    let foreign = spec.no_copy || spec.propagation.is_some();
    if foreign || !matches!(spec.source, VolumeSource::Named(_)) {
        return Err(wrong());
    }
    Ok(spec.read_only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_volumes_from() {
        assert!(is_read_only("ro").unwrap());
        assert!(!is_read_only("").unwrap());
        assert!(is_read_only("ro,z").unwrap());
        for bad in ["rx", "rslave", "nocopy", "ro,rw", "a:b"] {
            let error = is_read_only(bad).unwrap_err().to_string();
            assert_eq!(error, format!("invalid mode: {bad}"));
        }
    }
}
