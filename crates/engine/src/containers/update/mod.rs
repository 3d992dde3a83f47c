//! `update`: limits and the restart policy of a container, at once if it runs; and, ours, its name,
//! published ports, environment and mounts.

mod change;
mod limits;
mod ports;

use std::sync::Arc;

use gantry_api_types::{
    ContainerUpdateRequest, ContainerUpdateResponse, HostConfig, Resources, RestartPolicy,
};

use super::phase::Phase;
use super::{Container, Containers, blocking, restart, supported};
use crate::Error;
use crate::files::Durability;

impl Containers {
    /// Changes a container; after an error it is as it was.
    pub async fn update(
        &self,
        id: &str,
        request: ContainerUpdateRequest,
    ) -> Result<ContainerUpdateResponse, Error> {
        let container = self.registry.find(id)?;
        let _operation = container.operation.lock().await;
        let warnings = self
            .update_limits(&container, &request)
            .await
            .map_err(|e| cannot_update(&container, e))?;
        let changed = match &request.gantry {
            Some(change) => Some(
                self.change(&container, change)
                    .await
                    .map_err(|e| cannot_update(&container, e))?,
            ),
            None => None,
        };
        self.announce(&container, "update", &[]);
        Ok(ContainerUpdateResponse {
            warnings: Some(warnings).filter(|warnings| !warnings.is_empty()),
            gantry: changed,
        })
    }

    async fn update_limits(
        &self,
        container: &Arc<Container>,
        request: &ContainerUpdateRequest,
    ) -> Result<Vec<String>, Error> {
        if matches!(container.phase(), Phase::Removing | Phase::Dead) {
            return Err(Error::WrongPhase(
                "container is marked for removal and cannot be \"update\"".to_owned(),
            ));
        }
        let before = container.record().host_config.clone();
        let mut after = before.clone();
        limits::merge(&mut after.resources, &request.resources)?;
        merge_policy(&mut after, &request.restart_policy)?;
        restart::needs_a_check(&container.record().config, &after)?;
        if after == before {
            return Ok(Vec::new());
        }
        let mut warnings = crate::spec::check(&mut after)?;
        container.record().host_config = after.clone();
        let applied = match container.save(Durability::PowerLoss) {
            Ok(()) if container.phase().is_live() => {
                self.apply_limits(
                    container,
                    limits::named(&after.resources, &request.resources),
                )
                .await
            }
            saved => saved.map(|()| self.lacking_limits(&after)),
        };
        match applied {
            Ok(more) => {
                warnings.extend(more);
                Ok(warnings)
            }
            Err(e) => {
                container.record().host_config = before;
                container.save_state();
                Err(e)
            }
        }
    }

    /// Writes limits into a running container's cgroup; returns what the kernel does not have.
    async fn apply_limits(
        &self,
        container: &Arc<Container>,
        resources: Resources,
    ) -> Result<Vec<String>, Error> {
        let limits = crate::spec::limits(&resources)?;
        let (service, container) = (self.clone(), Arc::clone(container));
        blocking(move || {
            let path = service.cgroup_path(&container);
            let done = service
                .cgroups
                .open(&path)
                .and_then(|cgroup| cgroup.update(&limits));
            match done {
                Ok(warnings) => Ok(warnings.iter().map(ToString::to_string).collect()),
                Err(e) => Err(Error::Internal(format!("the kernel refuses a limit: {e}"))),
            }
        })
        .await
    }
}

fn merge_policy(host: &mut HostConfig, policy: &RestartPolicy) -> Result<(), Error> {
    if policy.name.is_empty() {
        return Ok(());
    }
    if host.auto_remove && policy.name != "no" {
        return Err(Error::WrongPhase(
            "Restart policy cannot be updated because AutoRemove is enabled for the container"
                .to_owned(),
        ));
    }
    host.restart_policy = policy.clone();
    supported::restart_policy(host)
}

/// What is wrong with the request itself is told without more words, as in Docker.
fn cannot_update(container: &Container, error: Error) -> Error {
    match error {
        Error::Invalid(_) | Error::Spec(_) | Error::NotSupported(_) => error,
        other => other.within(format!("Cannot update container {}", container.id)),
    }
}
