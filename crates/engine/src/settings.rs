//! What the daemon is told: once at its start, and what a reload of its configuration may change.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use gantry_api_types::Ulimit;

/// The engine's settings.
#[derive(Debug)]
pub struct Settings {
    /// Where images, containers and volumes are kept.
    pub data_root: PathBuf,
    /// Where run-time state is kept.
    pub run_root: PathBuf,
    /// The file with the key that secrets are encrypted with.
    pub secrets_key: PathBuf,
    /// Parent cgroup of containers, without slashes around it.
    pub cgroup_parent: String,
    /// Whether the machine's cgroups are pure v2.
    pub cgroup_v2: bool,
    /// What real-time processes of all containers may take together.
    pub realtime: Realtime,
    /// Bytes that a container may write to its own layer unless it says otherwise.
    pub storage_size: Option<u64>,
    /// Log driver when a container names none.
    pub log_driver: String,
    /// Its options.
    pub log_options: BTreeMap<String, String>,
    /// Whether containers get the reaping init by default.
    pub init: bool,
    /// Limits of containers that set none.
    pub ulimits: Vec<Ulimit>,
    /// Whether no program in a container may gain rights by executing another, by default.
    pub no_new_privileges: bool,
    /// The system-call filter of containers that name none, as `--security-opt seccomp=` takes it;
    /// `None` is the one that is built in.
    pub seccomp_profile: Option<String>,
    /// Where CDI describes devices, the last one wins.
    pub cdi_spec_dirs: Vec<PathBuf>,
    /// How registries are reached; `None` takes it from the environment.
    pub proxies: Option<gantry_registry_client::Proxies>,
    /// What the configuration's author should know; `info` shows it.
    pub warnings: Vec<String>,
    /// The oldest version of the API that is served.
    pub oldest_api: String,
    /// The version of the program.
    pub version: &'static str,
    /// The commit that the program was built from.
    pub commit: &'static str,
    /// The sockets on which the daemon listens, once it does: monitors keep duplicates, so that a
    /// socket mounted into a container stays valid when the daemon is replaced.
    pub doors: Mutex<Vec<Arc<OwnedFd>>>,
    /// What a reload changes.
    pub live: RwLock<Arc<Live>>,
}

/// A share of the processors for real-time processes, in microseconds; zeros are none of our business.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Realtime {
    /// Of how long.
    pub period: u64,
    /// How long.
    pub runtime: u64,
}

/// The settings that take effect without a new start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Debug output is on.
    pub debug: bool,
    /// Labels of the daemon.
    pub labels: Vec<String>,
    /// Mirrors of Docker Hub.
    pub registry_mirrors: Vec<String>,
    /// Registries that may speak HTTP.
    pub insecure_registries: Vec<String>,
    /// How many layers are downloaded at once.
    pub max_concurrent_downloads: usize,
    /// How many layers are uploaded at once.
    pub max_concurrent_uploads: usize,
    /// How often a download is tried.
    pub max_download_attempts: usize,
    /// Bytes of `/dev/shm` when a container says nothing.
    pub shm_size: i64,
    /// IPC namespace of containers that name none: `private` or `shareable`.
    pub ipc_mode: String,
    /// Cgroup namespace of containers that name none: `private` or `host`; empty for what the
    /// machine's cgroups suggest.
    pub cgroupns_mode: String,
    /// The runtime's name of containers that name none.
    pub default_runtime: String,
    /// Containers go on when the daemon ends.
    pub live_restore: bool,
    /// How long a daemon that ends waits for containers that it stops; `None` waits for ever.
    pub shutdown_timeout: Option<Duration>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            debug: false,
            labels: Vec::new(),
            registry_mirrors: Vec::new(),
            insecure_registries: Vec::new(),
            max_concurrent_downloads: 3,
            max_concurrent_uploads: 5,
            max_download_attempts: 5,
            shm_size: 64 << 20,
            ipc_mode: "private".to_owned(),
            cgroupns_mode: String::new(),
            default_runtime: "gantry".to_owned(),
            live_restore: true,
            shutdown_timeout: Some(Duration::from_secs(15)),
        }
    }
}

impl Live {
    /// The values as a reload's event tells them, by the configuration's keys.
    pub(crate) fn attributes(&self) -> BTreeMap<String, String> {
        let json = |list: &[String]| serde_json::to_string(list).unwrap_or_default();
        let timeout = match self.shutdown_timeout {
            Some(time) => time.as_secs().to_string(),
            None => "-1".to_owned(),
        };
        [
            ("debug", self.debug.to_string()),
            ("default-cgroupns-mode", self.cgroupns_mode.clone()),
            ("default-ipc-mode", self.ipc_mode.clone()),
            ("default-runtime", self.default_runtime.clone()),
            ("default-shm-size", self.shm_size.to_string()),
            ("insecure-registries", json(&self.insecure_registries)),
            ("labels", json(&self.labels)),
            ("live-restore", self.live_restore.to_string()),
            (
                "max-concurrent-downloads",
                self.max_concurrent_downloads.to_string(),
            ),
            (
                "max-concurrent-uploads",
                self.max_concurrent_uploads.to_string(),
            ),
            (
                "max-download-attempts",
                self.max_download_attempts.to_string(),
            ),
            ("registry-mirrors", json(&self.registry_mirrors)),
            ("shutdown-timeout", timeout),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

impl Settings {
    /// The settings that hold now.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other settings.
    pub(crate) fn set_live(&self, live: Live) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
    }

    /// The listening sockets.
    pub(crate) fn doors(&self) -> Vec<Arc<OwnedFd>> {
        self.doors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
