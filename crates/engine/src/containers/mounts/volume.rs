//! Volumes, made where they are missing.

use std::collections::BTreeMap;

use gantry_api_types::Mount;
use gantry_units::VolumeSpec;
use gantry_volume::{NewVolume, Volume, VolumeName};

use super::destination::is_local;
use super::object::{Wrong, owners_of};
use super::{Found, Planner, Point};
use crate::Error;
use crate::containers::record::MountUse;

impl Planner<'_> {
    /// `-v name:/destination`.
    pub(super) fn named_by_flag(
        &self,
        spec: &VolumeSpec,
        name: &str,
        driver: &str,
    ) -> Result<Found, Error> {
        let new = NewVolume {
            driver: driver.to_owned(),
            ..NewVolume::named(VolumeName::new(name)?)
        };
        let volume = self.ensure(new)?;
        refuse_writing(&volume, spec.read_only)?;
        // Docker shows "z" for a volume without a mode.
        let mode = if spec.mode.is_empty() {
            "z"
        } else {
            &spec.mode
        };
        let used = MountUse {
            no_copy: spec.no_copy,
            ..MountUse::default()
        };
        Ok(self.found(&volume, &spec.target, mode, spec.read_only, used))
    }

    /// A volume that is this container's alone.
    pub(super) fn anonymous(&self, driver: &str, destination: &str) -> Result<Found, Error> {
        let new = NewVolume {
            driver: driver.to_owned(),
            anonymous: true,
            ..NewVolume::named(VolumeName::random()?)
        };
        let volume = self.ensure(new)?;
        let used = MountUse {
            anonymous: true,
            ..MountUse::default()
        };
        Ok(self.found(&volume, destination, "", false, used))
    }

    /// `--mount type=volume`.
    pub(super) fn volume_object(&self, mount: &Mount, destination: &str) -> Result<Found, Wrong> {
        let options = mount.volume_options.clone().unwrap_or_default();
        let driver = options.driver_config.unwrap_or_default();
        let anonymous = mount.source.is_empty();
        if !options.subpath.is_empty() {
            if anonymous {
                return Err(Wrong::Reason(
                    "must not set Subpath when using anonymous volumes".to_owned(),
                ));
            }
            check_subpath(&options.subpath)?;
        }
        let name = if anonymous {
            VolumeName::random()
        } else {
            VolumeName::new(&mount.source)
        };
        let volume = self.ensure(NewVolume {
            name: name.map_err(Error::from)?,
            driver: driver.name,
            options: driver.options,
            labels: options.labels,
            anonymous,
        })?;
        refuse_writing(&volume, mount.read_only)?;
        let used = MountUse {
            anonymous,
            no_copy: options.no_copy,
            subpath: options.subpath,
            owners: owners_of(mount)?,
            ..MountUse::default()
        };
        Ok(self.found(&volume, destination, "z", mount.read_only, used))
    }

    fn ensure(&self, new: NewVolume) -> Result<Volume, Error> {
        let made = self.service.volumes.ensure(new, Some(self.id))?;
        if made.new {
            self.service
                .announce_volume(made.volume.name.as_str(), "create", BTreeMap::new());
        }
        Ok(made.volume)
    }

    fn found(
        &self,
        volume: &Volume,
        destination: &str,
        mode: &str,
        read_only: bool,
        used: MountUse,
    ) -> Found {
        let path = self.service.volumes.path(&volume.name);
        let point = Point {
            kind: "volume",
            name: volume.name.as_str(),
            source: &path.display().to_string(),
            destination,
            mode,
            read_only,
            ..Point::default()
        };
        (point.build(), used)
    }
}

pub(super) fn check_subpath(subpath: &str) -> Result<(), Wrong> {
    if is_local(subpath) {
        return Ok(());
    }
    Err(Wrong::Reason(
        "subpath must be a relative path within the volume".to_owned(),
    ))
}

fn refuse_writing(volume: &Volume, read_only: bool) -> Result<(), Error> {
    match &volume.snapshot_of {
        Some(of) if !read_only => Err(Error::Invalid(format!(
            "volume {} is a snapshot of {of}, which does not change: mount it read-only",
            volume.name
        ))),
        _ => Ok(()),
    }
}
