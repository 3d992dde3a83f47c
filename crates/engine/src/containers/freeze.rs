//! `pause` and `unpause`.

use std::sync::Arc;

use super::phase::{Phase, Step};
use super::{Container, Containers, blocking};
use crate::Error;

impl Containers {
    /// Freezes all processes of a running container.
    pub async fn pause(&self, id: &str) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        let _operation = container.operation.lock().await;
        match container.phase() {
            Phase::Running => {}
            Phase::Paused => {
                return Err(Error::WrongPhase(format!(
                    "Container {} is already paused",
                    container.id
                )));
            }
            _ => {
                return Err(Error::WrongPhase(format!(
                    "container {} is not running",
                    container.id
                )));
            }
        }
        self.on_cgroup(&container, gantry_cgroups::Cgroup::freeze, "freeze")
            .await?;
        let _ = container.step(Step::Paused);
        Self::stop_health_checks(&container);
        container.save_state();
        self.announce(&container, "pause", &[]);
        Ok(())
    }

    /// Lets a paused container go on.
    pub async fn unpause(&self, id: &str) -> Result<(), Error> {
        let container = self.registry.find(id)?;
        let _operation = container.operation.lock().await;
        if container.phase() != Phase::Paused {
            return Err(Error::WrongPhase(format!(
                "Container {} is not paused",
                container.id
            )));
        }
        self.thaw(&container).await?;
        let _ = container.step(Step::Unpaused);
        self.go_on_checking_health(&container);
        container.save_state();
        self.announce(&container, "unpause", &[]);
        Ok(())
    }

    pub(crate) async fn thaw(&self, container: &Arc<Container>) -> Result<(), Error> {
        self.on_cgroup(container, gantry_cgroups::Cgroup::thaw, "thaw")
            .await
    }

    async fn on_cgroup(
        &self,
        container: &Arc<Container>,
        act: fn(&gantry_cgroups::Cgroup) -> gantry_cgroups::Result<()>,
        what: &'static str,
    ) -> Result<(), Error> {
        let (service, container) = (self.clone(), Arc::clone(container));
        blocking(move || {
            let path = service.cgroup_path(&container);
            service
                .cgroups
                .open(&path)
                .and_then(|cgroup| act(&cgroup))
                .map_err(|e| {
                    Error::Internal(format!("cannot {what} container {}: {e}", container.id))
                })
        })
        .await
    }
}
