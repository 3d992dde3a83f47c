//! Volumes that are mounts themselves (NFS, tmpfs, a device): mounted while a container uses them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::Error;
use crate::containers::{Container, Containers, Phase};

/// Finds a server's address on the runtime that the caller is on.
pub(crate) fn resolver() -> impl Fn(&str) -> Result<IpAddr, String> + Send + Sync {
    let runtime = tokio::runtime::Handle::try_current();
    move |name: &str| match &runtime {
        Ok(runtime) => runtime.block_on(gantry_registry_client::lookup(name)),
        Err(e) => Err(format!("lookup {name}: {e}")),
    }
}

impl Containers {
    /// Mounts what is not mounted yet of a container that is being started. Blocks.
    pub(crate) fn mount_volumes(&self, container: &Container) -> Result<(), Error> {
        let mounts = container.record().mounts.clone();
        let resolve = resolver();
        for mount in mounts.iter().filter(|m| m.kind == "volume") {
            let volume = self.volumes.get(&mount.name)?;
            self.volumes.mount(&volume, &resolve)?;
            let attributes = [
                ("container", container.id.as_str()),
                ("destination", &mount.destination),
                ("propagation", &mount.propagation),
                ("read/write", if mount.rw { "true" } else { "false" }),
            ];
            self.announce_volume(&mount.name, "mount", owned(&attributes));
        }
        Ok(())
    }

    /// Unmounts what nobody uses any more after a container has ended, on a thread of its own: a
    /// server that is gone must hold up nobody.
    pub(crate) fn unmount_volumes(&self, container: &Arc<Container>) {
        let mounts = container.record().mounts.clone();
        if !mounts.iter().any(|m| m.kind == "volume") {
            return;
        }
        for mount in mounts.iter().filter(|m| m.kind == "volume") {
            let attributes = owned(&[("container", &container.id)]);
            self.announce_volume(&mount.name, "unmount", attributes);
        }
        let service = self.clone();
        tokio::task::spawn_blocking(move || {
            for mount in mounts.iter().filter(|m| m.kind == "volume") {
                let Ok(volume) = service.volumes.get(&mount.name) else {
                    continue;
                };
                let is_used = || service.runs_with_volume(&mount.name);
                if let Err(e) = service.volumes.unmount(&volume, is_used) {
                    tracing::warn!(volume = mount.name, "it stays mounted: {e}");
                }
            }
        });
    }

    /// Whether a container that runs, or is about to, has the volume.
    pub(crate) fn runs_with_volume(&self, name: &str) -> bool {
        !self.runners_of_volume(name).is_empty()
    }

    /// IDs of containers that run with a volume, or are about to.
    pub(crate) fn runners_of_volume(&self, name: &str) -> Vec<String> {
        self.users(|c| {
            let record = c.record();
            let lives = record.state.phase.is_live() || record.state.phase == Phase::Starting;
            lives && has_volume(&record.mounts, name)
        })
    }

    /// IDs of the containers that have a volume mounted when they run.
    pub(crate) fn users_of_volume(&self, name: &str) -> Vec<String> {
        self.users(|c| has_volume(&c.record().mounts, name))
    }

    fn users(&self, is_one: impl Fn(&Container) -> bool) -> Vec<String> {
        let all = self.registry.all();
        let users = all.iter().filter(|c| is_one(c));
        users.map(|c| c.id.clone()).collect()
    }

    /// How many containers have each volume that any has.
    pub(crate) fn volume_users(&self) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for container in self.registry.all() {
            let record = container.record();
            let mut names: Vec<_> = record
                .mounts
                .iter()
                .filter(|m| m.kind == "volume")
                .map(|m| m.name.clone())
                .collect();
            names.sort();
            names.dedup();
            for name in names {
                *counts.entry(name).or_default() += 1;
            }
        }
        counts
    }

    /// Removes a volume that nobody uses.
    pub(crate) fn remove_volume(&self, name: &str) -> Result<(), Error> {
        let volume = self.volumes.remove(name, || self.users_of_volume(name))?;
        self.announce_volume(volume.name.as_str(), "destroy", BTreeMap::new());
        Ok(())
    }

    /// Publishes an event about a volume.
    pub(crate) fn announce_volume(
        &self,
        name: &str,
        action: &str,
        mut attributes: BTreeMap<String, String>,
    ) {
        attributes.insert("driver".to_owned(), "local".to_owned());
        self.events.volume(name, action, attributes);
    }
}

fn has_volume(mounts: &[gantry_api_types::MountPoint], name: &str) -> bool {
    mounts.iter().any(|m| m.kind == "volume" && m.name == name)
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
