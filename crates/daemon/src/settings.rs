//! Flags, configuration file and defaults, resolved into one set of settings.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use gantry_api_types::Ulimit;
use gantry_network::{Cidr, NetworkConfig, files::DnsOptions};

use crate::Error;
use crate::args::RunArgs;
use crate::config::ConfigFile;

const CONFIG_FILE: &str = "/etc/gantry/daemon.json";
const DATA_ROOT: &str = "/var/lib/gantry";
const RUN_ROOT: &str = "/run/gantry";
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
const SHM_SIZE: i64 = 64 << 20;

/// Everything the daemon was told, checked.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where images, containers and volumes are kept.
    pub data_root: PathBuf,
    /// Where run-time state is kept.
    pub run_root: PathBuf,
    /// Sockets to listen on that must work.
    pub sockets: Vec<PathBuf>,
    /// A socket to listen on if nobody else does: Docker's own.
    pub docker_socket: Option<PathBuf>,
    /// Who may use the sockets.
    pub group: Option<String>,
    /// What is logged.
    pub log_level: String,
    /// Whether a command line started it.
    pub autostarted: bool,
    config: ConfigFile,
    network: NetworkConfig,
}

impl Resolved {
    /// Reads the configuration file and lets the flags win over it.
    pub fn new(args: &RunArgs) -> Result<Self, Error> {
        let path = args
            .config_file
            .clone()
            .unwrap_or_else(|| CONFIG_FILE.into());
        let mut config = ConfigFile::read(&path, args.config_file.is_some())?;
        overlay(&mut config, args);
        let data_root = config.data_root.clone().unwrap_or_else(|| DATA_ROOT.into());
        let run_root = config.exec_root.clone().unwrap_or_else(|| RUN_ROOT.into());
        let instance = instance(&run_root);
        let sockets = sockets(&config.hosts, &run_root)?;
        let docker_socket =
            (instance.is_none() && config.hosts.is_empty()).then(|| DOCKER_SOCKET.into());
        let network = network(&config, &run_root, instance.as_deref())?;
        Ok(Self {
            data_root,
            run_root,
            sockets,
            docker_socket,
            group: config.group.clone(),
            log_level: log_level(&config)?,
            autostarted: args.autostarted,
            config,
            network,
        })
    }

    /// The engine's settings.
    pub(crate) fn engine(&self) -> Result<gantry_engine::Settings, Error> {
        let config = &self.config;
        let default_parent =
            instance(&self.run_root).map_or_else(|| "gantry".to_owned(), |i| format!("gantry-{i}"));
        let shm_size = match &config.default_shm_size {
            None => SHM_SIZE,
            Some(text) => gantry_units::parse_ram(text)
                .map_err(|e| setting("default-shm-size", text, &e.to_string()))?,
        };
        Ok(gantry_engine::Settings {
            data_root: self.data_root.clone(),
            run_root: self.run_root.clone(),
            cgroup_parent: config
                .cgroup_parent
                .as_deref()
                .map_or(default_parent, |p| p.trim_matches('/').to_owned()),
            cgroup_v2: Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
            shm_size,
            log_driver: log_driver(config)?,
            log_options: config.log_opts.clone(),
            init: config.init,
            ulimits: ulimits(config),
            labels: config.labels.clone(),
            registry_mirrors: config.registry_mirrors.clone(),
            insecure_registries: config.insecure_registries.clone(),
            max_concurrent_downloads: config.max_concurrent_downloads.unwrap_or(3).max(1),
            debug: config.debug,
            version: env!("CARGO_PKG_VERSION"),
            doors: std::sync::Mutex::default(),
        })
    }

    /// The networks' settings.
    pub(crate) fn network(&self) -> NetworkConfig {
        self.network.clone()
    }

    /// The storage driver that was asked for.
    pub(crate) fn storage_driver(&self) -> Option<&str> {
        self.config.storage_driver.as_deref()
    }
}

/// Flags win; lists add up, as in Docker.
fn overlay(config: &mut ConfigFile, args: &RunArgs) {
    fn set<T: Clone>(to: &mut Option<T>, from: Option<&T>) {
        if from.is_some() {
            *to = from.cloned();
        }
    }
    set(&mut config.data_root, args.data_root.as_ref());
    set(&mut config.exec_root, args.exec_root.as_ref());
    set(&mut config.group, args.group.as_ref());
    set(&mut config.log_level, args.log_level.as_ref());
    set(&mut config.bip, args.bip.as_ref());
    set(&mut config.bridge, args.bridge.as_ref());
    set(&mut config.storage_driver, args.storage_driver.as_ref());
    set(&mut config.cgroup_parent, args.cgroup_parent.as_ref());
    config.debug |= args.debug;
    config.hosts.extend(args.hosts.iter().cloned());
    config
        .registry_mirrors
        .extend(args.registry_mirror.iter().cloned());
    config
        .insecure_registries
        .extend(args.insecure_registry.iter().cloned());
    config.dns.extend(args.dns.iter().cloned());
}

/// A short name for a daemon with a run root of its own, so that its table, bridge and cgroup do
/// not meet those of another daemon; `None` for the default run root.
fn instance(run_root: &Path) -> Option<String> {
    if run_root == Path::new(RUN_ROOT) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    run_root.hash(&mut hasher);
    Some(format!("{:08x}", hasher.finish() as u32))
}

fn sockets(hosts: &[String], run_root: &Path) -> Result<Vec<PathBuf>, Error> {
    if hosts.is_empty() {
        return Ok(vec![run_root.join("gantry.sock")]);
    }
    hosts
        .iter()
        .map(|host| match host.strip_prefix("unix://") {
            Some("") => Ok(DOCKER_SOCKET.into()),
            Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
            Some(_) => Err(setting(
                "hosts",
                host,
                "the path of a socket must be absolute",
            )),
            None => Err(setting(
                "hosts",
                host,
                "only unix:///path is supported by this version",
            )),
        })
        .collect()
}

fn network(
    config: &ConfigFile,
    run_root: &Path,
    instance: Option<&str>,
) -> Result<NetworkConfig, Error> {
    let mut network = NetworkConfig::new(run_root, instance);
    if let Some(bridge) = &config.bridge {
        network.bridge_name.clone_from(bridge);
    }
    if let Some(bip) = &config.bip {
        let cidr: Cidr = bip
            .parse()
            .map_err(|e: gantry_network::Error| setting("bip", bip, &e.to_string()))?;
        network.bip = Some(cidr);
    }
    if let Some(ip) = &config.ip {
        network.publish_default_address = ip
            .parse()
            .map_err(|_| setting("ip", ip, "expected an IPv4 address"))?;
    }
    network.mtu = config.mtu;
    network.ip_forward = config.ip_forward.unwrap_or(true);
    network.dns = DnsOptions {
        servers: config
            .dns
            .iter()
            .map(|s| {
                s.parse()
                    .map_err(|_| setting("dns", s, "expected an IP address"))
            })
            .collect::<Result<_, _>>()?,
        search: config.dns_search.clone(),
        options: config.dns_opts.clone(),
    };
    Ok(network)
}

fn log_level(config: &ConfigFile) -> Result<String, Error> {
    match config.log_level.as_deref() {
        None if config.debug => Ok("debug".to_owned()),
        None => Ok("info".to_owned()),
        Some(level @ ("debug" | "info" | "warn" | "error")) => Ok(level.to_owned()),
        Some(other) => Err(setting(
            "log-level",
            other,
            "expected debug, info, warn or error",
        )),
    }
}

fn log_driver(config: &ConfigFile) -> Result<String, Error> {
    match config.log_driver.as_deref() {
        None => Ok("json-file".to_owned()),
        Some(driver @ ("json-file" | "none")) => Ok(driver.to_owned()),
        Some(other) => Err(setting(
            "log-driver",
            other,
            "only json-file and none are supported by this version",
        )),
    }
}

fn ulimits(config: &ConfigFile) -> Vec<Ulimit> {
    let limit = |(name, u): (&String, &crate::config::Ulimit)| Ulimit {
        name: name.clone(),
        hard: u.hard,
        soft: u.soft,
    };
    config.default_ulimits.iter().map(limit).collect()
}

fn setting(setting: &'static str, value: &str, reason: &str) -> Error {
    Error::Setting {
        setting,
        value: value.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(json: &str, args: &RunArgs) -> Result<Resolved, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        Resolved::new(&RunArgs {
            config_file: Some(file.path().to_owned()),
            ..args.clone()
        })
    }

    #[test]
    fn flags_win_over_the_file() {
        let args = RunArgs {
            data_root: Some("/flag".into()),
            ..RunArgs::default()
        };
        let resolved = resolve(r#"{"data-root": "/file", "bip": "10.9.0.1/24"}"#, &args).unwrap();
        assert_eq!(resolved.data_root, Path::new("/flag"));
        assert_eq!(resolved.network.bip, Some("10.9.0.1/24".parse().unwrap()));
    }

    #[test]
    fn only_the_default_daemon_takes_dockers_socket() {
        assert!(
            resolve("{}", &RunArgs::default())
                .unwrap()
                .docker_socket
                .is_some()
        );
        let own = RunArgs {
            exec_root: Some("/tmp/run".into()),
            ..RunArgs::default()
        };
        let resolved = resolve("{}", &own).unwrap();
        assert_eq!(resolved.docker_socket, None);
        assert_eq!(resolved.sockets, [Path::new("/tmp/run/gantry.sock")]);
        assert_ne!(resolved.network.table_name(), "gantry");
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        for (json, key) in [
            (r#"{"bip": "10.9.0.1"}"#, "bip"),
            (r#"{"hosts": ["tcp://0.0.0.0:2375"]}"#, "hosts"),
            (r#"{"log-level": "loud"}"#, "log-level"),
            (r#"{"dns": ["one"]}"#, "dns"),
        ] {
            let refused = resolve(json, &RunArgs::default()).unwrap_err().to_string();
            assert!(refused.contains(&format!("for {key}:")), "{refused}");
        }
    }
}
