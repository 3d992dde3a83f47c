//! What is written down about a container: `<data>/containers/<id>/container.json`.

use std::collections::BTreeMap;

use gantry_api_types::{
    BindOptions, ContainerConfig, HostConfig, MountPoint, NetworkingConfig, SecretReference,
};
use gantry_network::{BoundPort, EndpointState};
use gantry_reference::{Digest, ImageId};
use serde::{Deserialize, Serialize};

use super::mounts::Owners;
use super::phase::Phase;
use crate::health::Health;

/// The version of the format; a newer one is refused.
pub(crate) const FORMAT: u32 = 1;

/// All that is known of a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// [`FORMAT`] of the daemon that wrote it.
    pub format: u32,
    /// 64 hex digits.
    pub id: String,
    /// Without a slash.
    pub name: String,
    /// Nanoseconds since 1970.
    pub created: i64,
    /// The image's ID.
    pub image_id: ImageId,
    /// Diff IDs of the image, the lowest first.
    pub layers: Vec<Digest>,
    /// The storage driver that has the writable layer.
    pub driver: String,
    /// What runs: the request merged with the image's defaults.
    pub config: ContainerConfig,
    /// How it sits on the host.
    pub host_config: HostConfig,
    /// The networks that were asked for.
    pub networking: NetworkingConfig,
    /// Mounts beyond the root, with their sources found.
    pub mounts: Vec<MountPoint>,
    /// How mounts are used, by their destination.
    #[serde(default)]
    pub volume_options: BTreeMap<String, MountUse>,
    /// Secrets it is given at each start.
    #[serde(default)]
    pub secrets: Vec<SecretReference>,
    /// Where it is in its life.
    pub state: State,
}

/// How a container uses one mount, beyond what `inspect` shows of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MountUse {
    /// A volume to which nobody gave a name: it goes with the container where that is asked for.
    pub anonymous: bool,
    /// The image's files are not copied into it.
    pub no_copy: bool,
    /// What of the volume or image is mounted; empty is all.
    pub subpath: String,
    /// Of an image mount, the key of the snapshot that keeps its layers from being removed.
    pub image: Option<String>,
    /// The layers of an image mount, the lowest first.
    pub layers: Vec<Digest>,
    /// Options of a bind mount.
    pub bind: Option<BindOptions>,
    /// A missing source is made.
    pub create_source: bool,
    /// Whom files seem to belong to.
    pub owners: Option<Owners>,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The phase.
    pub phase: Phase,
    /// Of the last run.
    pub exit_code: i32,
    /// Why it did not start.
    pub error: String,
    /// Whether the last run lost a process to lack of memory.
    pub oom_killed: bool,
    /// PID of its first process on the host, 0 when there is none.
    pub pid: u32,
    /// Nanoseconds since 1970, 0 for never.
    pub started_at: i64,
    /// Nanoseconds since 1970, 0 for never.
    pub finished_at: i64,
    /// Automatic restarts since the last start by a person.
    pub restart_count: u32,
    /// A person stopped it: `unless-stopped` does not start it again.
    pub stopped_by_hand: bool,
    /// Its endpoints on networks, while it runs.
    #[serde(default)]
    pub endpoints: Vec<EndpointState>,
    /// How often the pause before an automatic restart has doubled.
    #[serde(default)]
    pub restart_backoff: u32,
    /// What the health check found; none without a check or before the first start.
    #[serde(default)]
    pub health: Option<Health>,
    /// This run was ended because it is not healthy: its policy may start it again.
    #[serde(default)]
    pub ended_for_health: bool,
    /// Where it was before the start that is under way.
    #[serde(default)]
    pub before_start: Phase,
}

impl State {
    /// The phase as clients see it: a start that is under way is not seen, as in Docker.
    pub(crate) fn shown(&self) -> Phase {
        match self.phase {
            Phase::Starting => self.before_start,
            phase => phase,
        }
    }

    /// An endpoint by its ID.
    pub(crate) fn endpoint(&mut self, id: &str) -> Option<&mut EndpointState> {
        self.endpoints.iter_mut().find(|e| e.endpoint_id == id)
    }

    /// The published ports of all endpoints.
    pub(crate) fn ports(&self) -> Vec<BoundPort> {
        let ports = self.endpoints.iter().flat_map(|e| e.ports.iter().copied());
        ports.collect()
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            phase: Phase::Created,
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            pid: 0,
            started_at: 0,
            finished_at: 0,
            restart_count: 0,
            stopped_by_hand: false,
            endpoints: Vec::new(),
            restart_backoff: 0,
            health: None,
            ended_for_health: false,
            before_start: Phase::Created,
        }
    }
}
