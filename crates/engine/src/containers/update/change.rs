//! Our own changes: name, environment, mounts, published ports. The writable layer stays.

use std::collections::BTreeSet;
use std::sync::Arc;

use gantry_api_types::{ContainerChange, ContainerChanged, ContainerCreateRequest};

use super::super::mounts::{self, MountPlan};
use super::super::record::Record;
use super::super::{Container, Containers};
use crate::Error;
use crate::files::Durability;

impl Containers {
    pub(super) async fn change(
        &self,
        container: &Arc<Container>,
        change: &ContainerChange,
    ) -> Result<ContainerChanged, Error> {
        let before = container.record().clone();
        let mut after = before.clone();
        change_environment(&mut after, change)?;
        // Until the container is known to have its new volumes, or does not get them.
        let _held = mounts::Held::of(self, &container.id);
        self.change_mounts(&mut after, change)?;
        self.change_ports(container, &mut after, change).await?;
        let changed = ContainerChanged {
            at_next_start: if container.phase().is_live() {
                at_next_start(change)
            } else {
                Vec::new()
            },
        };
        {
            let mut record = container.record();
            record.config = after.config;
            record.host_config = after.host_config;
            record.mounts = after.mounts;
            record.volume_options = after.volume_options;
        }
        container.save(Durability::PowerLoss)?;
        if !change.name.is_empty() {
            self.rename_container(container, &change.name)?;
        }
        Ok(changed)
    }

    fn change_mounts(&self, record: &mut Record, change: &ContainerChange) -> Result<(), Error> {
        for destination in &change.mounts_remove {
            remove_mount(record, destination)?;
        }
        if change.mounts_add.is_empty() {
            return Ok(());
        }
        let mut request = ContainerCreateRequest::default();
        request.host_config.mounts.clone_from(&change.mounts_add);
        let MountPlan {
            mounts,
            volume_options,
        } = mounts::plan(self, &record.id, &request)?;
        let taken: BTreeSet<&str> = destinations(record).collect();
        if let Some(twice) = change
            .mounts_add
            .iter()
            .find(|mount| taken.contains(mount.target.as_str()))
        {
            return Err(Error::Invalid(format!(
                "Duplicate mount point: {}",
                twice.target
            )));
        }
        record.mounts.extend(mounts);
        record.volume_options.extend(volume_options);
        record
            .host_config
            .mounts
            .extend(change.mounts_add.iter().cloned());
        let depth = |path: &str| path.split('/').filter(|part| !part.is_empty()).count();
        record.mounts.sort_by_key(|mount| depth(&mount.destination));
        Ok(())
    }
}

/// Where something is mounted already.
fn destinations(record: &Record) -> impl Iterator<Item = &str> {
    let sources = record.mounts.iter().map(|mount| mount.destination.as_str());
    let asked = record
        .host_config
        .mounts
        .iter()
        .map(|mount| mount.target.as_str());
    let tmpfs = record.host_config.tmpfs.keys().map(String::as_str);
    sources.chain(asked).chain(tmpfs)
}

fn remove_mount(record: &mut Record, destination: &str) -> Result<(), Error> {
    let place = destination.trim_end_matches('/');
    if !destinations(record).any(|there| there == place) {
        return Err(Error::Invalid(format!(
            "nothing is mounted at {destination}"
        )));
    }
    record.mounts.retain(|mount| mount.destination != place);
    record.volume_options.remove(place);
    let host = &mut record.host_config;
    host.mounts
        .retain(|mount| mount.target.trim_end_matches('/') != place);
    host.tmpfs.remove(place);
    if let Some(binds) = &mut host.binds {
        let target = |bind: &str| {
            let mut parts = bind.split(':');
            let first = parts.next().unwrap_or_default();
            parts
                .next()
                .unwrap_or(first)
                .trim_end_matches('/')
                .to_owned()
        };
        binds.retain(|bind| target(bind) != place);
    }
    if let Some(volumes) = &mut record.config.volumes {
        volumes.remove(place);
    }
    Ok(())
}

fn change_environment(record: &mut Record, change: &ContainerChange) -> Result<(), Error> {
    if change.env.is_empty() && change.env_remove.is_empty() {
        return Ok(());
    }
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    if let Some(wrong) = change.env.iter().find(|entry| name(entry).is_empty()) {
        return Err(Error::Invalid(format!(
            "invalid environment variable: {wrong}"
        )));
    }
    let env = record.config.env.get_or_insert_default();
    for gone in &change.env_remove {
        env.retain(|entry| name(entry) != *gone);
    }
    for entry in &change.env {
        match env.iter_mut().find(|there| name(there) == name(entry)) {
            Some(there) => there.clone_from(entry),
            None => env.push(entry.clone()),
        }
    }
    Ok(())
}

fn at_next_start(change: &ContainerChange) -> Vec<String> {
    let parts = [
        ("Env", change.env.is_empty() && change.env_remove.is_empty()),
        (
            "Mounts",
            change.mounts_add.is_empty() && change.mounts_remove.is_empty(),
        ),
    ];
    let changed = parts.iter().filter(|(_, unchanged)| !unchanged);
    changed.map(|(name, _)| (*name).to_owned()).collect()
}
