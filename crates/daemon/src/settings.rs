//! Flags, configuration file and defaults, resolved into one set of settings.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gantry_api::ApiVersion;
use gantry_api_types::Ulimit;
use gantry_engine::Live;
use gantry_network::{AddressPool, Cidr, NetworkConfig, files::DnsOptions};

use crate::Error;
use crate::address::Address;
use crate::args::RunArgs;
use crate::config::{self, Config, Size};
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
        let mut network = network(&config, &run_root, instance.as_deref())?;
        network.networks_dir = data_root.join("networks");
        exec_options(&config.exec_opts)?;
        builder(&config)?;
        let mut notes = config.notes.clone();
        notes.extend(features(&config)?);
        Ok(Self {
            addresses: addresses(&config.hosts, &run_root, tls.is_some())?,
            docker_socket: (instance.is_none() && config.hosts.is_empty())
                .then(|| DOCKER_SOCKET.into()),
            data_root,
            run_root,
            group: config.group.clone(),
            tls,
            log_level: log_level(&config)?,
            log_json: log_format(&config)?,
            pidfile: config.pidfile.clone(),
            autostarted: args.autostarted,
            oldest_api: oldest_api(&config)?,
            notes,
            live: live(&config)?,
            config,
            network,
        })
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
            storage_size: storage_size(&config.storage_opts)?,
            log_driver: log_driver(config)?,
            log_options: config.log_opts.clone(),
            init: config.init,
            ulimits: ulimits(config),
            no_new_privileges: config.no_new_privileges,
            seccomp_profile: seccomp_profile(config)?,
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

    /// The builder's settings.
    pub(crate) fn builder(&self) -> Result<gantry_builder::Settings, Error> {
        builder(&self.config)
    }

    /// What a reload takes over.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// Keys whose new value only a new start takes over.
    pub(crate) fn changed_for_good(&self, new: &Self) -> Vec<&'static str> {
        let (old, new) = (&self.config, &new.config);
        [
            (old.hosts != new.hosts, "hosts"),
            (old.data_root != new.data_root, "data-root"),
            (old.exec_root != new.exec_root, "exec-root"),
            (old.bip != new.bip, "bip"),
            (old.bridge != new.bridge, "bridge"),
            (old.mtu != new.mtu, "mtu"),
            (old.dns != new.dns, "dns"),
            (old.log_driver != new.log_driver, "log-driver"),
            (old.log_opts != new.log_opts, "log-opts"),
            (old.log_level != new.log_level, "log-level"),
            (old.storage_driver != new.storage_driver, "storage-driver"),
            (
                old.default_ulimits != new.default_ulimits,
                "default-ulimits",
            ),
            (old.proxies != new.proxies, "proxies"),
            (old.group != new.group, "group"),
            (old.cgroup_parent != new.cgroup_parent, "cgroup-parent"),
            (
                old.seccomp_profile != new.seccomp_profile,
                "seccomp-profile",
            ),
            (
                old.no_new_privileges != new.no_new_privileges,
                "no-new-privileges",
            ),
            (old.init != new.init, "init"),
            (old.storage_opts != new.storage_opts, "storage-opts"),
            (old.exec_opts != new.exec_opts, "exec-opts"),
            (old.ip != new.ip, "ip"),
            (old.fixed_cidr != new.fixed_cidr, "fixed-cidr"),
            (old.ipv6 != new.ipv6, "ipv6"),
            (old.bip6 != new.bip6, "bip6"),
            (old.fixed_cidr_v6 != new.fixed_cidr_v6, "fixed-cidr-v6"),
            (
                old.default_gateway_v6 != new.default_gateway_v6,
                "default-gateway-v6",
            ),
            (old.firewall != new.firewall, "firewall"),
            (old.userland_proxy != new.userland_proxy, "userland-proxy"),
            (
                old.allow_direct_routing != new.allow_direct_routing,
                "allow-direct-routing",
            ),
            (
                old.default_gateway != new.default_gateway,
                "default-gateway",
            ),
            (old.icc != new.icc, "icc"),
            (old.ip_masq != new.ip_masq, "ip-masq"),
            (
                old.default_network_opts != new.default_network_opts,
                "default-network-opts",
            ),
            (old.ip_forward != new.ip_forward, "ip-forward"),
            (
                old.default_address_pools != new.default_address_pools,
                "default-address-pools",
            ),
            (
                old.host_gateway_ip != new.host_gateway_ip,
                "host-gateway-ip",
            ),
            (
                old.host_gateway_ips != new.host_gateway_ips,
                "host-gateway-ips",
            ),
            (old.dns_search != new.dns_search, "dns-search"),
            (old.dns_opts != new.dns_opts, "dns-opts"),
            (old.cdi_spec_dirs != new.cdi_spec_dirs, "cdi-spec-dirs"),
            (
                old.min_api_version != new.min_api_version,
                "min-api-version",
            ),
            (old.builder != new.builder, "builder"),
            (old.pidfile != new.pidfile, "pidfile"),
            (
                old.secrets_key_file != new.secrets_key_file,
                "secrets-key-file",
            ),
            (old.log_format != new.log_format, "log-format"),
            (old.tls != new.tls, "tls"),
            (old.tlsverify != new.tlsverify, "tlsverify"),
            (old.tlscacert != new.tlscacert, "tlscacert"),
            (old.tlscert != new.tlscert, "tlscert"),
            (old.tlskey != new.tlskey, "tlskey"),
        ]
        .into_iter()
        .filter_map(|(changed, key)| changed.then_some(key))
        .collect()
    }

    /// Doors that anybody can walk in through.
    fn warnings(&self) -> Vec<String> {
        let open = self.addresses.iter().filter_map(|address| match address {
            Address::Tcp(at) => Some(at),
            _ => None,
        });
        let open: Vec<_> = open.collect();
        match &self.tls {
            None => open
                .iter()
                .map(|at| format!(
                    "WARNING: API is accessible on http://{at} without encryption.\n         Access to the remote API is equivalent to root access on the host. Refer\n         to the \"Docker daemon attack surface\" section in the documentation for\n         more information: https://docs.docker.com/go/attack-surface/"
                ))
                .collect(),
            Some(tls) if tls.ca.is_none() => open
                .iter()
                .map(|at| format!(
                    "WARNING: API is accessible on https://{at} without TLS client verification.\n         Access to the remote API is equivalent to root access on the host. Refer\n         to the \"Docker daemon attack surface\" section in the documentation for\n         more information: https://docs.docker.com/go/attack-surface/"
                ))
                .collect(),
            Some(_) => Vec::new(),
        }
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
    let mut hasher = DefaultHasher::new();
    run_root.hash(&mut hasher);
    Some(format!("{:08x}", hasher.finish() as u32))
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

/// What a reload may change.
fn live(config: &Config) -> Result<Live, Error> {
    let usual = Live::default();
    let at_least_1 = |key, number: Option<i64>, usual| match number {
        // As with Docker, 0 stands for the default.
        None | Some(0) => Ok(usual),
        Some(number) => usize::try_from(number)
            .map_err(|_| setting(key, &number.to_string(), "expected a number above 0")),
    };
    let one_of = |key, given: &Option<String>, known: &[&str], usual: &str| match given.as_deref() {
        None | Some("") => Ok(usual.to_owned()),
        Some(value) if known.contains(&value) => Ok(value.to_owned()),
        Some(other) => Err(setting(
            key,
            other,
            &format!("expected {}", known.join(" or ")),
        )),
    };
    for label in &config.labels {
        if !label.contains('=') {
            return Err(setting("labels", label, "expected key=value"));
        }
    }
    Ok(Live {
        debug: config.debug,
        labels: config.labels.clone(),
        registry_mirrors: config.registry_mirrors.clone(),
        insecure_registries: config.insecure_registries.clone(),
        max_concurrent_downloads: at_least_1(
            "max-concurrent-downloads",
            config.max_concurrent_downloads,
            usual.max_concurrent_downloads,
        )?,
        max_concurrent_uploads: at_least_1(
            "max-concurrent-uploads",
            config.max_concurrent_uploads,
            usual.max_concurrent_uploads,
        )?,
        max_download_attempts: at_least_1(
            "max-download-attempts",
            config.max_download_attempts,
            usual.max_download_attempts,
        )?,
        shm_size: match &config.default_shm_size {
            None => usual.shm_size,
            Some(Size::Number(bytes)) => *bytes,
            Some(Size::Text(text)) => gantry_units::parse_ram(text)
                .map_err(|e| setting("default-shm-size", text, &e.to_string()))?,
        },
        ipc_mode: one_of(
            "default-ipc-mode",
            &config.default_ipc_mode,
            &["private", "shareable"],
            &usual.ipc_mode,
        )?,
        cgroupns_mode: one_of(
            "default-cgroupns-mode",
            &config.default_cgroupns_mode,
            &["private", "host"],
            "",
        )?,
        default_runtime: one_of(
            "default-runtime",
            &config.default_runtime,
            &["gantry", "runc", "io.containerd.runc.v2"],
            &usual.default_runtime,
        )?,
        live_restore: config.live_restore.unwrap_or(true),
        shutdown_timeout: match config.shutdown_timeout {
            None => usual.shutdown_timeout,
            Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        },
    })
}

/// The default size of writable layers, in bytes.
fn storage_size(options: &[String]) -> Result<Option<u64>, Error> {
    let mut size = None;
    for option in options {
        let wrong = |reason: &str| setting("storage-opts", option, reason);
        let Some(("size" | "overlay.size" | "overlay2.size" | "erofs.size", value)) =
            option.split_once('=')
        else {
            return Err(wrong("unknown option; expected size=10G"));
        };
        let bytes = gantry_units::parse_ram(value).map_err(|e| wrong(&e.to_string()))?;
        // As with Docker, 0 is no limit.
        size = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    }
    Ok(size)
}

/// `native.cgroupdriver=cgroupfs` is what is done; anything else is refused.
fn exec_options(options: &[String]) -> Result<(), Error> {
    for option in options {
        let reason = match option.split_once('=') {
            Some(("native.cgroupdriver", "cgroupfs")) => continue,
            Some(("native.cgroupdriver", "systemd")) => {
                "the systemd cgroup driver is not supported by this version of Gantry; its \
                 containers' cgroups are its own, beside those of systemd"
            }
            Some(("native.cgroupdriver", _)) => "native.cgroupdriver must be cgroupfs",
            _ => "unknown option; expected native.cgroupdriver=cgroupfs",
        };
        return Err(setting("exec-opts", option, reason));
    }
    Ok(())
}

/// Docker's features: what we do anyway may be switched on, what we do not do off.
fn features(config: &Config) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for (name, on) in &config.features {
        let note = match (name.as_str(), on) {
            ("containerd-snapshotter", _) => {
                "images are kept in a store of their own, neither containerd's nor Docker's"
            }
            ("buildkit", _) => "the builder is chosen by the client",
            ("cdi", true) => "CDI devices are always available",
            ("cdi", false) => {
                return Err(setting(
                    "features",
                    "cdi=false",
                    "CDI devices are always available",
                ));
            }
            (other, _) => return Err(setting("features", other, "unknown feature")),
        };
        notes.push(format!("features: {name} changes nothing: {note}"));
    }
    Ok(notes)
}

fn oldest_api(config: &Config) -> Result<ApiVersion, Error> {
    let Some(text) = &config.min_api_version else {
        return Ok(ApiVersion::OLDEST);
    };
    let version: ApiVersion = text
        .parse()
        .map_err(|()| setting("min-api-version", text, "expected a version such as 1.24"))?;
    if version < ApiVersion::OLDEST || version > ApiVersion::NEWEST {
        let reason = format!("expected {} to {}", ApiVersion::OLDEST, ApiVersion::NEWEST);
        return Err(setting("min-api-version", text, &reason));
    }
    Ok(version)
}

/// The default filter as `--security-opt seccomp=` takes it.
fn seccomp_profile(config: &Config) -> Result<Option<String>, Error> {
    match config.seccomp_profile.as_deref() {
        None | Some("" | "builtin" | "default") => Ok(None),
        Some("unconfined") => Ok(Some("unconfined".to_owned())),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(Error::file("read the seccomp profile", path))?;
            serde_json::from_str::<serde_json::Value>(&text)
                .map_err(|e| setting("seccomp-profile", path, &e.to_string()))?;
            Ok(Some(text))
        }
    }
}

fn builder(config: &Config) -> Result<gantry_builder::Settings, Error> {
    let settings = config.builder.settings();
    settings.map_err(|(key, reason)| setting(key, "", &reason))
}

fn log_format(config: &Config) -> Result<bool, Error> {
    match config.log_format.as_deref() {
        None | Some("" | "text") => Ok(false),
        Some("json") => Ok(true),
        Some(other) => Err(setting("log-format", other, "expected text or json")),
    }
}

fn network(
    config: &Config,
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
    default_bridge(config, &mut network)?;
    publishing(config, &mut network)?;
    if let Some(ip) = &config.ip {
        network.publish_default_address = ip
            .parse()
            .map_err(|_| setting("ip", ip, "expected an IPv4 address"))?;
    }
    let gateways = config
        .host_gateway_ip
        .iter()
        .chain(&config.host_gateway_ips);
    for gateway in gateways {
        network.host_gateway = Some(
            gateway
                .parse()
                .map_err(|_| setting("host-gateway-ip", gateway, "expected an IPv4 address"))?,
        );
    }
    network.default_address_pools = config
        .default_address_pools
        .iter()
        .map(|pool| {
            let base: Cidr = pool.base.parse().map_err(|e: gantry_network::Error| {
                setting("default-address-pools", &pool.base, &e.to_string())
            })?;
            Ok(AddressPool {
                base,
                size: pool.size,
            })
        })
        .collect::<Result<_, Error>>()?;
    // Docker's 0 is the default.
    network.mtu = config.mtu.filter(|mtu| *mtu != 0);
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

/// What the configuration says of the default bridge alone.
fn default_bridge(config: &Config, network: &mut NetworkConfig) -> Result<(), Error> {
    if let Some(range) = &config.fixed_cidr {
        let cidr = range
            .parse()
            .map_err(|e: gantry_network::Error| setting("fixed-cidr", range, &e.to_string()))?;
        network.fixed_cidr = Some(cidr);
    }
    if let Some(router) = &config.default_gateway {
        let address = router
            .parse()
            .map_err(|_| setting("default-gateway", router, "expected an IPv4 address"))?;
        network.default_gateway = Some(address);
    }
    default_bridge_ipv6(config, network)?;
    network.icc = config.icc.unwrap_or(true);
    network.masquerade = config.ip_masq.unwrap_or(true);
    network
        .default_options
        .clone_from(&config.default_network_opts);
    Ok(())
}

/// The same of IPv6. An address or a subnet without `ipv6` would change nothing.
fn default_bridge_ipv6(config: &Config, network: &mut NetworkConfig) -> Result<(), Error> {
    network.ipv6 = config.ipv6;
    let cidr = |name: &'static str, text: &String| -> Result<Cidr, Error> {
        let parsed: Result<Cidr, _> = text.parse();
        let parsed = parsed.map_err(|e| setting(name, text, &e.to_string()))?;
        if parsed.is_ipv4() {
            return Err(setting(
                name,
                text,
                "expected an IPv6 address with a prefix",
            ));
        }
        if !config.ipv6 {
            return Err(setting(name, text, "it needs \"ipv6\": true"));
        }
        Ok(parsed)
    };
    let bip6 = config.bip6.as_ref().map(|text| cidr("bip6", text));
    network.bip6 = bip6.transpose()?;
    let subnet = config.fixed_cidr_v6.as_ref();
    network.fixed_cidr_v6 = subnet.map(|text| cidr("fixed-cidr-v6", text)).transpose()?;
    if let Some(router) = &config.default_gateway_v6 {
        let address = router
            .parse()
            .map_err(|_| setting("default-gateway-v6", router, "expected an IPv6 address"))?;
        network.default_gateway_v6 = Some(address);
    }
    Ok(())
}

/// Who reaches published ports, and how.
fn publishing(config: &Config, network: &mut NetworkConfig) -> Result<(), Error> {
    network.relay_ports = config.userland_proxy.unwrap_or(true);
    network.allow_direct_routing = config.allow_direct_routing;
    network.honor_input = match config.firewall.as_deref() {
        None | Some("") => false,
        Some("honor-input") => true,
        Some(other) => return Err(setting("firewall", other, "expected honor-input")),
    };
    Ok(())
}

fn log_level(config: &Config) -> Result<String, Error> {
    match config.log_level.as_deref() {
        None if config.debug => Ok("debug".to_owned()),
        None => Ok("info".to_owned()),
        Some(_) if config.debug => Ok("debug".to_owned()),
        Some(level @ ("trace" | "debug" | "info" | "warn" | "error")) => Ok(level.to_owned()),
        // What is fatal is told on standard error besides.
        Some("fatal" | "panic") => Ok("error".to_owned()),
        Some(other) => Err(setting(
            "log-level",
            other,
            "expected debug, info, warn, error or fatal",
        )),
    }
}

fn log_driver(config: &Config) -> Result<String, Error> {
    let driver = config.log_driver.as_deref().unwrap_or("json-file");
    gantry_engine::check_log_defaults(driver, &config.log_opts)
        .map_err(|e| setting("log-driver", driver, &e.to_string()))?;
    Ok(driver.to_owned())
}

fn ulimits(config: &Config) -> Vec<Ulimit> {
    let limit = |(name, u): (&String, &config::Ulimit)| Ulimit {
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
