//! `rm`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::phase::{Phase, Step};
use super::{Container, Containers, blocking};
use crate::Error;
use crate::files::Durability;

/// How often a container is ended again that was just being started.
const TRIES: usize = 5;

/// How to remove a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// End it first if it runs.
    pub force: bool,
    /// Its anonymous volumes too.
    pub volumes: bool,
}

impl Containers {
    /// Removes a container.
    pub async fn remove(&self, id: &str, options: RemoveOptions) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        if options.force {
            return self.remove_by_force(&container, options.volumes).await;
        }
        self.remove_container(&container, options.volumes).await
    }

    /// A container that is just being started, by hand or by its restart policy, cannot be ended
    /// before it runs: then it is ended again.
    async fn remove_by_force(
        &self,
        container: &Arc<Container>,
        volumes: bool,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            self.end_now(container).await?;
            match self.remove_container(container, volumes).await {
                Err(Error::WrongPhase(_)) => {}
                done => return done,
            }
        }
        self.remove_container(container, volumes).await
    }

    /// `rm --link parent/alias`: the parent no longer reaches the other where the bridge keeps them
    /// apart, and from its next start on does not know it by that name.
    pub async fn remove_link(&self, name: &str) -> Result<(), Error> {
        let name = name.trim_start_matches('/');
        let Some((parent, alias)) = name.rsplit_once('/') else {
            self.registry.find(name)?;
            return Err(Error::WrongPhase(
                "Conflict, cannot remove the default link name of the container".to_owned(),
            ));
        };
        let parent = self.registry.find(parent)?;
        let _operation = parent.operation.lock().await;
        let is_meant = |link: &String| link.rsplit(['/', ':']).next() == Some(alias);
        let removed = match &mut parent.record().host_config.links {
            Some(links) => {
                let before = links.len();
                links.retain(|link| !is_meant(link));
                before != links.len()
            }
            None => false,
        };
        if !removed {
            return Err(Error::NoSuchContainer(name.to_owned()));
        }
        self.open_links().await;
        parent.save(Durability::PowerLoss)
    }

    /// Removes a container that asked for it with `--rm`; its anonymous volumes go too.
    pub(crate) fn remove_in_background(&self, container: &Arc<Container>) {
        let (service, container) = (self.clone(), Arc::clone(container));
        tokio::spawn(async move {
            if let Err(e) = service.remove_container(&container, true).await
                && !container.progress().borrow().removed
            {
                tracing::error!(container = %container.id, "cannot remove it: {e}");
            }
        });
    }

    pub(super) async fn remove_container(
        &self,
        container: &Arc<Container>,
        volumes: bool,
    ) -> Result<(), Error> {
        let _operation = container.operation.lock().await;
        container.cancel_restart();
        container
            .step(Step::BeginRemove)
            .map_err(|phase| cannot_remove(container, phase))?;
        // From here on only its removal makes sense, also to a daemon after ours.
        container.save_state();
        self.finish_log(container).await;
        let (service, subject) = (self.clone(), Arc::clone(container));
        let taken_down = blocking(move || service.take_off_disk(&subject)).await;
        if let Err(e) = taken_down {
            let _ = container.step(Step::RemoveFailed);
            container.save_state();
            return Err(e);
        }
        self.registry.remove(container);
        self.sampler.forget(&container.id);
        if volumes {
            self.remove_anonymous_volumes(container);
        }
        self.announce(container, "destroy", &[]);
        container.report(|p| p.removed = true);
        Ok(())
    }

    /// The record goes last: what is left of a removal that was cut short is removed at the next
    /// start of the daemon or by another `rm`.
    fn take_off_disk(&self, container: &Container) -> Result<(), Error> {
        self.snapshots.remove(&container.id)?;
        let (image, layers) = {
            let record = container.record();
            (record.image_id.clone(), record.layers.clone())
        };
        // Its image may have been removed with force meanwhile.
        self.images.release(&image, layers)?;
        self.release_image_mounts(container)?;
        for dir in [&container.run_dir, &container.state_dir] {
            remove_dir(dir)?;
        }
        Ok(())
    }

    fn remove_anonymous_volumes(&self, container: &Container) {
        let record = container.record().clone();
        for mount in record.mounts.iter().filter(|m| m.kind == "volume") {
            let anonymous = record
                .volume_options
                .get(&mount.destination)
                .is_some_and(|u| u.anonymous);
            if !anonymous {
                continue;
            }
            if let Err(e) = self.remove_volume(&mount.name) {
                tracing::debug!(container = %container.id, "its volume stays: {e}");
            }
        }
    }

    /// Names of the containers that use a secret.
    pub fn users_of_secret(&self, id: &str) -> Vec<String> {
        self.registry
            .all()
            .iter()
            .filter(|c| c.record().secrets.iter().any(|s| s.secret_id == id))
            .map(|c| c.name())
            .collect()
    }
}

fn remove_dir(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::file("remove", dir)(e)),
        _ => Ok(()),
    }
}

fn cannot_remove(container: &Container, phase: Phase) -> Error {
    let name = container.name();
    match phase {
        Phase::Running | Phase::Paused | Phase::Starting | Phase::Restarting => {
            let (state, hint) = if phase == Phase::Paused {
                ("paused", "unpause and then stop")
            } else if phase == Phase::Restarting {
                ("restarting", "stop")
            } else {
                ("running", "stop")
            };
            Error::WrongPhase(format!(
                "cannot remove container \"{name}\": container is {state}: {hint} the container before removing or force remove"
            ))
        }
        _ => Error::WrongPhase(format!(
            "removal of container {name} is already in progress"
        )),
    }
}
