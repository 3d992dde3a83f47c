//! Real-time processes on cgroup v1: a group can give no more than the groups above it have, and
//! new groups have nothing.

use gantry_oci::{Cpu, Resources};

use super::{Container, Containers};
use crate::Error;

impl Containers {
    /// Gives the groups above the container's what the daemon may give, the highest first.
    pub(super) fn lend_realtime(&self, container: &Container) -> Result<(), Error> {
        let ours = self.settings.realtime;
        let asked = container
            .record()
            .host_config
            .resources
            .cpu_realtime_runtime;
        if asked == 0 || ours.runtime == 0 {
            return Ok(());
        }
        let budget = Resources {
            cpu: Some(Cpu {
                realtime_runtime: i64::try_from(ours.runtime).ok(),
                realtime_period: Some(ours.period).filter(|period| *period != 0),
                ..Cpu::default()
            }),
            ..Resources::default()
        };
        let path = self.cgroup_path(container);
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        for parent in parents.filter(|parent| !parent.is_empty()) {
            self.cgroups.create(parent, &budget).map_err(|e| {
                Error::Invalid(format!(
                    "cpu-rt-runtime of the daemon cannot be given to {parent}: {e}"
                ))
            })?;
        }
        Ok(())
    }
}
