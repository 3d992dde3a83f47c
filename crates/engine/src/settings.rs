//! What the daemon is told once, at its start.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use gantry_api_types::Ulimit;

/// The engine's settings.
#[derive(Debug)]
pub struct Settings {
    /// Where images, containers and volumes are kept.
    pub data_root: PathBuf,
    /// Where run-time state is kept.
    pub run_root: PathBuf,
    /// Parent cgroup of containers, without slashes around it.
    pub cgroup_parent: String,
    /// Whether the machine's cgroups are pure v2.
    pub cgroup_v2: bool,
    /// Bytes of `/dev/shm` when a container says nothing.
    pub shm_size: i64,
    /// Log driver when a container names none.
    pub log_driver: String,
    /// Its options.
    pub log_options: BTreeMap<String, String>,
    /// Whether containers get the reaping init by default.
    pub init: bool,
    /// Limits of containers that set none.
    pub ulimits: Vec<Ulimit>,
    /// Labels of the daemon.
    pub labels: Vec<String>,
    /// Mirrors of Docker Hub.
    pub registry_mirrors: Vec<String>,
    /// Registries that may speak HTTP.
    pub insecure_registries: Vec<String>,
    /// How many layers of one pull are downloaded at once.
    pub max_concurrent_downloads: usize,
    /// Debug output is on.
    pub debug: bool,
    /// The version of the program.
    pub version: &'static str,
    /// The sockets on which the daemon listens, once it does: monitors keep duplicates, so that a
    /// socket mounted into a container stays valid when the daemon is replaced.
    pub doors: Mutex<Vec<Arc<OwnedFd>>>,
}

impl Settings {
    /// The listening sockets.
    pub(crate) fn doors(&self) -> Vec<Arc<OwnedFd>> {
        self.doors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
