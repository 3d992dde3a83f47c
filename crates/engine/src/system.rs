//! `version`, `info` and `events`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use gantry_api_types::{
    API_VERSION, IndexInfo, PluginsInfo, RegistryConfig, Runtime, SwarmInfo, SystemInfo, Version,
    VersionComponent, VersionPlatform,
};
use gantry_cgroups::{Controller, Layout};

use crate::containers::{Containers, Phase};
use crate::{Error, Events, Live, Query, Settings, Subscription, clock};
use gantry_registry_client::Proxies;

/// The service for the daemon itself; a clone is the same service.
#[derive(Clone)]
pub struct System {
    settings: Arc<Settings>,
    containers: Containers,
    events: Events,
    /// A name for this installation: random, kept in the data root.
    id: String,
}

impl System {
    pub(crate) fn new(
        settings: Arc<Settings>,
        containers: Containers,
        events: Events,
        id: String,
    ) -> Self {
        Self {
            settings,
            containers,
            events,
            id,
        }
    }

    /// Full names of the devices that are described under `VENDOR/CLASS=NAME`, `VENDOR/CLASS=*`, or, the first one,
    /// under `VENDOR/CLASS` alone.
    pub fn described_devices(&self, name: &str) -> Vec<String> {
        crate::cdi::described(&self.settings.cdi_spec_dirs, name)
    }

    /// What happens from now on, and before where that is asked for.
    pub fn events(&self, query: Query) -> Subscription {
        self.events.subscribe(query)
    }

    /// `docker version`, the server's half.
    pub fn version(&self) -> Version {
        let kernel = kernel_release();
        let engine = VersionComponent {
            name: "Engine".to_owned(),
            version: self.settings.version.to_owned(),
            details: BTreeMap::from([
                ("ApiVersion".to_owned(), API_VERSION.to_owned()),
                ("MinAPIVersion".to_owned(), self.settings.oldest_api.clone()),
                ("Os".to_owned(), "linux".to_owned()),
                ("Arch".to_owned(), go_arch().to_owned()),
                ("KernelVersion".to_owned(), kernel.clone()),
                ("Experimental".to_owned(), "false".to_owned()),
                ("GitCommit".to_owned(), self.settings.commit.to_owned()),
            ]),
        };
        Version {
            platform: VersionPlatform {
                name: "Gantry".to_owned(),
            },
            components: vec![engine],
            version: self.settings.version.to_owned(),
            git_commit: self.settings.commit.to_owned(),
            api_version: API_VERSION.to_owned(),
            min_api_version: self.settings.oldest_api.clone(),
            os: "linux".to_owned(),
            arch: go_arch().to_owned(),
            kernel_version: kernel,
            ..Version::default()
        }
    }

    /// `docker info`.
    pub fn info(&self) -> Result<SystemInfo, Error> {
        let settings = &self.settings;
        let live = settings.live();
        let (running, paused, stopped) = self.count();
        let cgroups = &self.containers.cgroups;
        let has = |controller| cgroups.has(controller);
        let (os_name, os_version) = operating_system();
        let proxy = |part: fn(&Proxies) -> &Option<String>| {
            let set = settings.proxies.as_ref().and_then(|p| part(p).as_deref());
            set.map(without_password).unwrap_or_default()
        };
        Ok(SystemInfo {
            id: self.id.clone(),
            containers: running + paused + stopped,
            containers_running: running,
            containers_paused: paused,
            containers_stopped: stopped,
            images: self.containers.images.count() as i64,
            driver: self.containers.snapshots.name().to_owned(),
            driver_status: Some(Vec::new()),
            plugins: plugins(),
            memory_limit: has(Controller::Memory),
            swap_limit: cgroups.limits_swap(),
            cpu_cfs_period: has(Controller::Cpu),
            cpu_cfs_quota: has(Controller::Cpu),
            cpu_shares: has(Controller::Cpu),
            cpu_set: has(Controller::Cpuset),
            pids_limit: has(Controller::Pids),
            ipv4_forwarding: sysctl_is_on("net/ipv4/ip_forward"),
            debug: live.debug,
            n_fd: fs::read_dir("/proc/self/fd").map_or(0, |d| d.count() as i64),
            oom_kill_disable: cgroups.layout() != Layout::V2,
            n_goroutines: thread_count(),
            system_time: clock::rfc3339(clock::now_nanos()),
            logging_driver: settings.log_driver.clone(),
            cgroup_driver: "cgroupfs".to_owned(),
            cgroup_version: if cgroups.layout() == Layout::V2 {
                "2"
            } else {
                "1"
            }
            .to_owned(),
            n_events_listener: self.events.listeners() as i64,
            kernel_version: kernel_release(),
            operating_system: os_name,
            os_version,
            os_type: "linux".to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            index_server_address: "https://index.docker.io/v1/".to_owned(),
            registry_config: Some(registry_config(&live)),
            ncpu: std::thread::available_parallelism().map_or(1, |n| n.get() as i64),
            mem_total: memory_total(),
            docker_root_dir: settings.data_root.display().to_string(),
            name: host_name(),
            labels: live.labels.clone(),
            server_version: settings.version.to_owned(),
            runtimes: BTreeMap::from([
                ("gantry".to_owned(), runtime()),
                ("runc".to_owned(), runtime()),
            ]),
            default_runtime: live.default_runtime.clone(),
            swarm: SwarmInfo {
                local_node_state: "inactive".to_owned(),
                ..SwarmInfo::default()
            },
            live_restore_enabled: live.live_restore,
            warnings: Some(self.warnings()).filter(|w| !w.is_empty()),
            http_proxy: proxy(|p| &p.http_proxy),
            https_proxy: proxy(|p| &p.https_proxy),
            no_proxy: proxy(|p| &p.no_proxy),
            init_binary: "gantry-runtime".to_owned(),
            security_options: self.security_options(),
            ..SystemInfo::default()
        })
    }

    /// What is open to anybody, and what other firewalls shut.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.settings.warnings.clone();
        warnings.extend(self.containers.networks.warnings());
        warnings
    }

    /// As Docker lists them.
    fn security_options(&self) -> Vec<String> {
        let profile = match self.settings.seccomp_profile.as_deref() {
            None => "builtin",
            Some("unconfined") => "unconfined",
            Some(_) => "custom-profile",
        };
        let mut options = Vec::new();
        if crate::apparmor::is_enabled() {
            options.push("name=apparmor".to_owned());
        }
        options.push(format!("name=seccomp,profile={profile}"));
        let private = match self.settings.live().cgroupns_mode.as_str() {
            "" => self.settings.cgroup_v2,
            mode => mode == "private",
        };
        if private {
            options.push("name=cgroupns".to_owned());
        }
        if self.settings.no_new_privileges {
            options.push("name=no-new-privileges".to_owned());
        }
        options
    }

    /// Takes over what a reload changed, and says so.
    pub fn reloaded(&self) {
        let mut attributes = self.settings.live().attributes();
        attributes.insert("name".to_owned(), host_name());
        self.events.daemon(&self.id, "reload", attributes);
    }

    fn count(&self) -> (i64, i64, i64) {
        self.containers
            .registry
            .all()
            .iter()
            .fold((0, 0, 0), |(running, paused, stopped), c| {
                match c.record().state.shown() {
                    Phase::Running | Phase::Restarting => (running + 1, paused, stopped),
                    Phase::Paused => (running, paused + 1, stopped),
                    _ => (running, paused, stopped + 1),
                }
            })
    }
}

/// A URL as it may be shown.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}xxxxx:xxxxx{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_owned(),
    }
}

fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn plugins() -> PluginsInfo {
    let list = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
    PluginsInfo {
        volume: list(&["local"]),
        network: list(&["bridge", "host", "ipvlan", "macvlan", "null"]),
        authorization: None,
        log: list(&gantry_log_drivers::Driver::LISTED.map(gantry_log_drivers::Driver::name)),
    }
}

fn runtime() -> Runtime {
    Runtime {
        path: "gantry-runtime".to_owned(),
        ..Runtime::default()
    }
}

fn registry_config(settings: &Live) -> RegistryConfig {
    // With a slash at the end, as Docker shows them.
    let mirrors: Vec<String> = settings
        .registry_mirrors
        .iter()
        .map(|url| format!("{}/", url.trim_end_matches('/')))
        .collect();
    let hub = IndexInfo {
        name: "docker.io".to_owned(),
        mirrors: mirrors.clone(),
        secure: true,
        official: true,
    };
    let insecure = |name: &String| {
        let info = IndexInfo {
            name: name.clone(),
            mirrors: Vec::new(),
            secure: false,
            official: false,
        };
        (name.clone(), info)
    };
    let (networks, hosts): (Vec<&String>, Vec<&String>) = settings
        .insecure_registries
        .iter()
        .partition(|entry| entry.contains('/'));
    let mut index_configs: BTreeMap<String, IndexInfo> = hosts.into_iter().map(insecure).collect();
    index_configs.insert("docker.io".to_owned(), hub);
    let mut insecure_registry_cidrs = vec!["::1/128".to_owned(), "127.0.0.0/8".to_owned()];
    insecure_registry_cidrs.extend(networks.into_iter().cloned());
    RegistryConfig {
        insecure_registry_cidrs,
        index_configs,
        mirrors,
    }
}

/// Go's name of this processor, as images have it.
fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

fn operating_system() -> (String, String) {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|v| v.trim_matches('"').to_owned())
    };
    (
        value("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()),
        value("VERSION_ID").unwrap_or_default(),
    )
}

fn sysctl_is_on(name: &str) -> bool {
    fs::read_to_string(format!("/proc/sys/{name}")).is_ok_and(|v| v.trim() != "0")
}

fn thread_count() -> i64 {
    fs::read_dir("/proc/self/task").map_or(0, |d| d.count() as i64)
}

fn memory_total() -> i64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    text.lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .and_then(|l| l.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse::<i64>().ok())
        .map_or(0, |kib| kib * 1024)
}
