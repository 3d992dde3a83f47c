//! The mounts of a container: [`plan`] reads what a request asks for, in all of its forms, as one
//! list with sources that exist; [`prepare`] opens what only the daemon may find; [`live`] mounts
//! volumes that are mounts themselves.

mod bind;
mod destination;
mod from;
mod image;
mod live;
mod object;
mod owners;
mod point;
mod prepare;
mod propagation;
mod volume;

use std::collections::BTreeMap;
use std::path::Path;

use gantry_api_types::{ContainerCreateRequest, MountPoint};
use gantry_units::{VolumeSource, VolumeSpec};

use super::Containers;
use super::record::MountUse;
use crate::Error;
use destination::destination;
use point::Point;

pub(crate) use live::resolver;
pub(super) use owners::Owners;
pub(crate) use prepare::{Prepared, use_of};

/// What [`plan`] finds.
#[derive(Debug, Default)]
pub(crate) struct MountPlan {
    /// The mounts, parents before children.
    pub mounts: Vec<MountPoint>,
    /// How they are used, by destination.
    pub volume_options: BTreeMap<String, MountUse>,
}

/// A mount and how it is used.
type Found = (MountPoint, MountUse);

/// Who plans, and for which container.
#[derive(Clone, Copy)]
struct Planner<'a> {
    service: &'a Containers,
    /// The container, which holds its volumes until it is known.
    id: &'a str,
}

/// Finds the source of every mount; makes volumes and host directories that are missing and may be.
///
/// Volumes are held for the container `id`: the caller lets go ([`Containers::let_go_of_volumes`])
/// once the container is known, or did not come to be. Earlier forms win over later ones on the
/// same destination: `-v` and `--mount`, then `--volumes-from`, then the image's volumes.
pub(crate) fn plan(
    service: &Containers,
    id: &str,
    request: &ContainerCreateRequest,
) -> Result<MountPlan, Error> {
    let mut plan = MountPlan::default();
    let planner = Planner { service, id };
    let done = planner.all(request, &mut plan);
    if let Err(e) = done {
        planner.undo(&plan);
        return Err(e);
    }
    plan.mounts
        .sort_by_key(|m| Path::new(&m.destination).components().count());
    Ok(plan)
}

impl Planner<'_> {
    fn all(&self, request: &ContainerCreateRequest, plan: &mut MountPlan) -> Result<(), Error> {
        let host = &request.host_config;
        for text in host.binds.iter().flatten() {
            let found = self.flag(text, &host.volume_driver)?;
            if tmpfs_at(request, &found.0.destination) {
                return Err(duplicate(&found.0.destination));
            }
            plan.add(found)?;
        }
        for mount in &host.mounts {
            plan.add(self.object(mount)?)?;
        }
        for found in self.volumes_from(host.volumes_from.as_deref().unwrap_or_default())? {
            if !plan.has(&found.0.destination) {
                plan.add(found)?;
            }
        }
        let paths = request.config.volumes.iter().flatten();
        for (path, _) in paths {
            let destination = destination(path).map_err(Error::Invalid)?;
            if !tmpfs_at(request, &destination) && !plan.has(&destination) {
                let driver = host.volume_driver.as_str();
                plan.add(self.anonymous(driver, &destination)?)?;
            }
        }
        Ok(())
    }

    /// `-v`: `destination`, `source:destination` or `source:destination:mode`.
    fn flag(&self, text: &str, driver: &str) -> Result<Found, Error> {
        let spec: VolumeSpec = text
            .parse()
            .map_err(|e: gantry_units::Error| Error::Invalid(e.to_string()))?;
        match &spec.source {
            VolumeSource::Anonymous if text.contains(':') => Err(Error::Invalid(format!(
                "invalid volume specification: '{text}'"
            ))),
            VolumeSource::Anonymous => self.anonymous(driver, &spec.target),
            VolumeSource::Host(source) => bind::of_flag(&spec, source),
            VolumeSource::Named(name) => self.named_by_flag(&spec, name, driver),
        }
    }

    /// Takes back what was made for a container that does not come to be.
    fn undo(&self, plan: &MountPlan) {
        self.service.let_go_of_volumes(self.id);
        for (destination, used) in &plan.volume_options {
            if let Some(key) = &used.image {
                let _ = self.service.snapshots.remove(key);
            }
            let mount = plan.mounts.iter().find(|m| m.destination == *destination);
            if let Some(mount) = mount.filter(|_| used.anonymous)
                && let Err(e) = self.service.remove_volume(&mount.name)
            {
                tracing::debug!(volume = mount.name, "it stays: {e}");
            }
        }
    }
}

impl Containers {
    /// The container is known now, and with it that it uses its volumes; or it never will be.
    pub(super) fn let_go_of_volumes(&self, id: &str) {
        self.volumes.let_go(id);
    }

    /// Takes back what [`plan`] made.
    pub(super) fn undo_mounts(&self, id: &str, plan: &MountPlan) {
        Planner { service: self, id }.undo(plan);
    }
}

/// Lets go of a container's volumes when it is dropped.
pub(super) struct Held<'a> {
    service: &'a Containers,
    id: &'a str,
}

impl<'a> Held<'a> {
    pub(super) fn of(service: &'a Containers, id: &'a str) -> Self {
        Self { service, id }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.service.let_go_of_volumes(self.id);
    }
}

impl MountPlan {
    fn has(&self, destination: &str) -> bool {
        self.mounts.iter().any(|m| m.destination == destination)
    }

    fn add(&mut self, (mount, used): Found) -> Result<(), Error> {
        if self.has(&mount.destination) {
            return Err(duplicate(&mount.destination));
        }
        self.volume_options.insert(mount.destination.clone(), used);
        self.mounts.push(mount);
        Ok(())
    }
}

fn duplicate(destination: &str) -> Error {
    Error::Invalid(format!("Duplicate mount point: {destination}"))
}

fn tmpfs_at(request: &ContainerCreateRequest, destination: &str) -> bool {
    let tmpfs = &request.host_config.tmpfs;
    tmpfs.keys().any(|t| Path::new(t) == Path::new(destination))
}
