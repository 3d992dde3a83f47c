//! `gantry update`

use std::cell::RefCell;

use gantry_api_types::{
    ContainerChange, ContainerUpdateRequest, ContainerUpdateResponse, Resources, RestartPolicy,
};
use gantry_client::{Client, Error};

use super::each::each;
use crate::command::{Arity, Command};
use crate::create::{Environ, Mounts, mount, published, restart_policy};
use crate::failure::Failure;
use crate::flags::{Bytes, Decimal, List, flags};
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry update`
    pub(crate) struct Update {
        /// Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)
        "blkio-weight" => blkio_weight: u16,
        /// Limit CPU CFS (Completely Fair Scheduler) period
        "cpu-period" => cpu_period: i64,
        /// Limit CPU CFS (Completely Fair Scheduler) quota
        "cpu-quota" => cpu_quota: i64,
        /// Limit the CPU real-time period in microseconds
        "cpu-rt-period" => cpu_rt_period: i64,
        /// Limit the CPU real-time runtime in microseconds
        "cpu-rt-runtime" => cpu_rt_runtime: i64,
        /// CPU shares (relative weight)
        "cpu-shares" 'c' => cpu_shares: i64,
        /// Number of CPUs
        "cpus" => cpus: Decimal,
        /// CPUs in which to allow execution (0-3, 0,1)
        "cpuset-cpus" => cpuset_cpus: String,
        /// MEMs in which to allow execution (0-3, 0,1)
        "cpuset-mems" => cpuset_mems: String,
        /// Set an environment variable, from the next start on
        "env" 'e' => env: Environ,
        /// Remove an environment variable, from the next start on
        "env-rm" => env_rm: List,
        /// Memory limit
        "memory" 'm' => memory: Bytes,
        /// Memory soft limit
        "memory-reservation" => memory_reservation: Bytes,
        /// Swap limit equal to memory plus swap: -1 to enable unlimited swap
        "memory-swap" => memory_swap: Bytes,
        /// Mount something more, from the next start on
        "mount-add" => mount_add: Mounts,
        /// Mount nothing at this path any longer, from the next start on
        "mount-rm" => mount_rm: List,
        /// Give the container another name
        "name" => name: String,
        /// Tune container pids limit (set -1 for unlimited)
        "pids-limit" => pids_limit: Option<i64>,
        /// Publish one more port, at once
        "publish-add" => publish_add: List,
        /// Publish a port no longer ([[HOST_IP:]HOST_PORT:]CONTAINER_PORT), at once
        "publish-rm" => publish_rm: List,
        /// Restart policy to apply when a container exits
        "restart" => restart: String,
    }
}

impl Command for Update {
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const ABOUT: &'static str = "Update configuration of one or more containers";
    const WORDS: Arity = Arity::AtLeast(1);

    async fn run(self, session: &Session, names: Vec<String>) -> Result<(), Failure> {
        let body = self.body().map_err(Failure::new)?;
        if body == ContainerUpdateRequest::default() {
            return Err(Failure::new(
                "you must provide one or more flags when using this command",
            ));
        }
        if names.len() > 1 && !self.name.is_empty() {
            return Err(Failure::new("--name is for one container"));
        }
        let client = &session.client().await?;
        let notes = &RefCell::new(Vec::new());
        let body = &body;
        let done = each(&names, async |name| {
            let answer = send(client, name, body).await?;
            notes.borrow_mut().extend(remarks(name, body, answer));
            Ok(())
        })
        .await;
        for note in notes.take() {
            output::line(note);
        }
        done
    }
}

impl Update {
    fn body(&self) -> Result<ContainerUpdateRequest, String> {
        let change = ContainerChange {
            name: self.name.clone(),
            publish_add: published(&self.publish_add)?.bindings,
            publish_remove: self.publish_rm.to_vec(),
            env: self.env.iter().map(ToString::to_string).collect(),
            env_remove: self.env_rm.to_vec(),
            mounts_add: self.mount_add.iter().map(mount).collect(),
            mounts_remove: self.mount_rm.to_vec(),
        };
        let restart_policy = match self.restart.as_str() {
            "" => RestartPolicy::default(),
            text => restart_policy(text)?,
        };
        Ok(ContainerUpdateRequest {
            resources: Resources {
                blkio_weight: self.blkio_weight,
                cpu_period: self.cpu_period,
                cpu_quota: self.cpu_quota,
                cpu_realtime_period: self.cpu_rt_period,
                cpu_realtime_runtime: self.cpu_rt_runtime,
                cpu_shares: self.cpu_shares,
                nano_cpus: self.cpus.0,
                cpuset_cpus: self.cpuset_cpus.clone(),
                cpuset_mems: self.cpuset_mems.clone(),
                memory: self.memory.0,
                memory_reservation: self.memory_reservation.0,
                memory_swap: self.memory_swap.0,
                pids_limit: self.pids_limit,
                ..Resources::default()
            },
            restart_policy,
            gantry: Some(change).filter(|change| *change != ContainerChange::default()),
        })
    }
}

async fn send(
    client: &Client,
    name: &str,
    body: &ContainerUpdateRequest,
) -> Result<ContainerUpdateResponse, Error> {
    let path = Client::path("/containers/", name, "/update");
    client.post(path).json(body).send().await?.json().await
}

/// What the user should know about an update that was made.
fn remarks(
    name: &str,
    body: &ContainerUpdateRequest,
    answer: ContainerUpdateResponse,
) -> Vec<String> {
    let mut remarks = answer.warnings.unwrap_or_default();
    match (&body.gantry, answer.gantry) {
        (Some(_), None) => remarks.push(format!(
            "{name}: this engine only changed limits and the restart policy: names, ports, variables and mounts of \
             a container that exists are changed by Gantry alone"
        )),
        (_, Some(changed)) if !changed.at_next_start.is_empty() => {
            let what = changed.at_next_start.join(" and ").to_lowercase();
            remarks.push(format!("{name}: new {what} from the next start on (restart it)"));
        }
        _ => {}
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_a_request() {
        let mut update = Update::default();
        assert_eq!(update.body().unwrap(), ContainerUpdateRequest::default());
        update.restart = "on-failure:3".to_owned();
        update.publish_add = List(vec!["8080:80".to_owned()]);
        let body = update.body().unwrap();
        assert_eq!(body.restart_policy.maximum_retry_count, 3);
        assert!(body.gantry.unwrap().publish_add.contains_key("80/tcp"));
        update.publish_add = List(vec!["x:y".to_owned()]);
        assert!(update.body().is_err());
    }
}
