//! Flags, configuration file and defaults, resolved into one set of settings.

mod lasting;
mod live;
mod logging;
mod network;
mod options;
mod warnings;

use std::path::{Path, PathBuf};

use gantry_api::ApiVersion;
use gantry_engine::Live;
use gantry_network::NetworkConfig;
use gantry_sys::hash;

use crate::Error;
use crate::address::Address;
use crate::args::RunArgs;
use crate::config::{self, Config};
use crate::tls::TlsFiles;

const CONFIG_FILE: &str = "/etc/gantry/daemon.json";
const DATA_ROOT: &str = "/var/lib/gantry";
const RUN_ROOT: &str = "/run/gantry";
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// Everything the daemon was told, checked.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where images, containers and volumes are kept.
    pub data_root: PathBuf,
    /// Where run-time state is kept.
    pub run_root: PathBuf,
    /// Where to listen; each must work.
    pub addresses: Vec<Address>,
    /// A socket to listen on if nobody else does: Docker's own.
    pub docker_socket: Option<PathBuf>,
    /// Who may use the sockets.
    pub group: Option<String>,
    /// How `tcp://` is encrypted; `None` is not at all.
    pub tls: Option<TlsFiles>,
    /// What is logged.
    pub log_level: String,
    /// The log is JSON.
    pub log_json: bool,
    /// A file to write the process number to.
    pub pidfile: Option<PathBuf>,
    /// Whether a command line started it.
    pub autostarted: bool,
    /// The oldest version of the API to serve.
    pub oldest_api: ApiVersion,
    /// Lines for the log about keys that change nothing.
    pub notes: Vec<String>,
    config: Config,
    live: Live,
    network: NetworkConfig,
}

impl Resolved {
    /// Reads the configuration file and puts the flags beside it.
    pub fn new(args: &RunArgs) -> Result<Self, Error> {
        let path = args
            .config_file
            .clone()
            .unwrap_or_else(|| CONFIG_FILE.into());
        let file = config::read(&path, args.config_file.is_some())?;
        let mut config = config::merge(file, args.keys.clone(), &path)?;
        let from_environment = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let root = |given: &Option<PathBuf>, variable, default: &str| {
            from_environment(variable)
                .filter(|_| given.is_none())
                .map(PathBuf::from)
                .or_else(|| given.clone())
                .unwrap_or_else(|| default.into())
        };
        let data_root = root(&config.data_root, "GANTRY_DATA_ROOT", DATA_ROOT);
        let run_root = root(&config.exec_root, "GANTRY_RUN_ROOT", RUN_ROOT);
        if args.stop_containers {
            config.live_restore = Some(false);
        }
        let instance = instance(&run_root);
        let tls = TlsFiles::of(&config)?;
        let mut network = network::network(&config, &run_root, instance.as_deref())?;
        network.networks_dir = data_root.join("networks");
        options::exec_options(&config.exec_opts)?;
        options::builder(&config)?;
        let mut notes = config.notes.clone();
        notes.extend(options::features(&config)?);
        Ok(Self {
            addresses: addresses(&config.hosts, &run_root, tls.is_some())?,
            docker_socket: (instance.is_none() && config.hosts.is_empty())
                .then(|| DOCKER_SOCKET.into()),
            data_root,
            run_root,
            group: config.group.clone(),
            tls,
            log_level: logging::level(&config)?,
            log_json: logging::format(&config)?,
            pidfile: config.pidfile.clone(),
            autostarted: args.autostarted,
            oldest_api: options::oldest_api(&config)?,
            notes,
            live: live::live(&config)?,
            config,
            network,
        })
    }

    /// The builder's settings.
    pub(crate) fn builder(&self) -> Result<gantry_builder::Settings, Error> {
        options::builder(&self.config)
    }

    /// The engine's settings.
    pub(crate) fn engine(&self, commit: &'static str) -> Result<gantry_engine::Settings, Error> {
        let config = &self.config;
        let default_parent =
            instance(&self.run_root).map_or_else(|| "gantry".to_owned(), |i| format!("gantry-{i}"));
        Ok(gantry_engine::Settings {
            data_root: self.data_root.clone(),
            run_root: self.run_root.clone(),
            secrets_key: config
                .secrets_key_file
                .clone()
                .unwrap_or_else(|| self.data_root.join("secrets.key")),
            cgroup_parent: config
                .cgroup_parent
                .as_deref()
                .map_or(default_parent, |p| p.trim_matches('/').to_owned()),
            cgroup_v2: Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
            realtime: options::realtime(config)?,
            storage_size: options::storage_size(&config.storage_opts)?,
            log_driver: logging::driver(config)?,
            log_options: config.log_opts.clone(),
            init: config.init,
            ulimits: options::ulimits(config),
            no_new_privileges: config.no_new_privileges,
            seccomp_profile: options::seccomp_profile(config)?,
            cdi_spec_dirs: config
                .cdi_spec_dirs
                .clone()
                .unwrap_or_else(|| vec!["/etc/cdi".into(), "/var/run/cdi".into()]),
            proxies: config.proxies.clone().map(|p| gantry_engine::Proxies {
                http_proxy: p.http_proxy,
                https_proxy: p.https_proxy,
                no_proxy: p.no_proxy,
            }),
            warnings: self.warnings(),
            oldest_api: self.oldest_api.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            commit,
            doors: std::sync::Mutex::default(),
            live: std::sync::RwLock::new(std::sync::Arc::new(self.live.clone())),
        })
    }

    /// What a reload takes over.
    pub(crate) fn live(&self) -> &Live {
        &self.live
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

/// A short name for a daemon with a run root of its own, so that its table, bridge and cgroup do
/// not meet those of another daemon; `None` for the default run root.
fn instance(run_root: &Path) -> Option<String> {
    if run_root == Path::new(RUN_ROOT) {
        return None;
    }
    Some(format!("{:08x}", hash::stable(run_root) as u32))
}

fn addresses(hosts: &[String], run_root: &Path, tls: bool) -> Result<Vec<Address>, Error> {
    if hosts.is_empty() {
        return Ok(vec![Address::Unix(run_root.join("gantry.sock"))]);
    }
    hosts
        .iter()
        .map(|host| Address::parse(host, tls).map_err(|reason| setting("hosts", host, &reason)))
        .collect()
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

    fn flags(keys: &serde_json::Value) -> RunArgs {
        RunArgs {
            keys: keys.as_object().unwrap().clone(),
            ..RunArgs::default()
        }
    }

    #[test]
    fn flags_stand_beside_the_file() {
        let args = flags(&serde_json::json!({"data-root": "/flag"}));
        let resolved = resolve(r#"{"bip": "10.9.0.1/24"}"#, &args).unwrap();
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
        let own = flags(&serde_json::json!({"exec-root": "/tmp/run"}));
        let resolved = resolve("{}", &own).unwrap();
        assert_eq!(resolved.docker_socket, None);
        assert_eq!(
            resolved.addresses,
            [Address::Unix("/tmp/run/gantry.sock".into())]
        );
        assert_ne!(resolved.network.table_name(), "gantry");
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        for (json, key) in [
            (r#"{"bip": "10.9.0.1"}"#, "bip"),
            (r#"{"hosts": ["npipe:////x"]}"#, "hosts"),
            (r#"{"default-ipc-mode": "host"}"#, "default-ipc-mode"),
            (r#"{"default-runtime": "kata"}"#, "default-runtime"),
            (
                r#"{"exec-opts": ["native.cgroupdriver=systemd"]}"#,
                "exec-opts",
            ),
            (
                r#"{"max-concurrent-downloads": -1}"#,
                "max-concurrent-downloads",
            ),
            (r#"{"features": {"time-travel": true}}"#, "features"),
            (r#"{"min-api-version": "1.99"}"#, "min-api-version"),
            (r#"{"labels": ["one"]}"#, "labels"),
            (r#"{"log-level": "loud"}"#, "log-level"),
            (r#"{"dns": ["one"]}"#, "dns"),
        ] {
            let refused = resolve(json, &RunArgs::default()).unwrap_err().to_string();
            assert!(refused.contains(&format!("for {key}:")), "{refused}");
        }
    }
}
