//! `daemon.json`: Docker's keys, ours beside them, anything else refused by name.
//!
//! [`keys`] is the table of all keys, from which the flags are made too; `file` reads the file and
//! puts the flags beside it; [`Config`] holds the keys that have an effect.

mod builder;
mod file;
pub mod keys;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

pub use builder::BuilderConfig;
pub(crate) use file::{merge, read};

/// What was configured; what is missing is decided by [`crate::Resolved`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where images, containers and volumes are kept.
    pub data_root: Option<PathBuf>,
    /// Where run-time state is kept: sockets, process records.
    pub exec_root: Option<PathBuf>,
    /// The file with the key that secrets are encrypted with.
    pub secrets_key_file: Option<PathBuf>,
    /// A file to write the daemon's process number to.
    pub pidfile: Option<PathBuf>,
    /// Where to listen.
    pub hosts: Vec<String>,
    /// Who may use the socket.
    pub group: Option<String>,
    /// TLS on `tcp://`.
    pub tls: Option<bool>,
    /// TLS, and clients must have a certificate.
    pub tlsverify: Option<bool>,
    /// Of the CA that clients' certificates must be of.
    pub tlscacert: Option<PathBuf>,
    /// The daemon's certificate.
    pub tlscert: Option<PathBuf>,
    /// Its key.
    pub tlskey: Option<PathBuf>,
    /// More log output.
    pub debug: bool,
    /// `debug`, `info`, `warn`, `error` or `fatal`.
    pub log_level: Option<String>,
    /// `text` or `json`.
    pub log_format: Option<String>,
    /// Registries asked before Docker Hub.
    pub registry_mirrors: Vec<String>,
    /// Registries that may speak HTTP or show an unknown certificate.
    pub insecure_registries: Vec<String>,
    /// How many layers are downloaded at once.
    pub max_concurrent_downloads: Option<i64>,
    /// How many layers are uploaded at once.
    pub max_concurrent_uploads: Option<i64>,
    /// How often a download is tried.
    pub max_download_attempts: Option<i64>,
    /// How registries are reached.
    pub proxies: Option<Proxies>,
    /// Address and prefix of the default bridge.
    pub bip: Option<String>,
    /// IPv6 on the default bridge.
    pub ipv6: bool,
    /// Its IPv6 address and prefix.
    pub bip6: Option<String>,
    /// Its IPv6 subnet.
    pub fixed_cidr_v6: Option<String>,
    /// The IPv6 router of containers on it.
    pub default_gateway_v6: Option<String>,
    /// `honor-input`
    pub firewall: Option<String>,
    /// Whether ports are relayed between families of addresses; `true` if missing.
    pub userland_proxy: Option<bool>,
    /// Whether published ports are reached at containers' own addresses too.
    pub allow_direct_routing: bool,
    /// The part of the default bridge's subnet that containers' addresses come from.
    pub fixed_cidr: Option<String>,
    /// The router of containers on the default bridge.
    pub default_gateway: Option<String>,
    /// Whether containers on the default bridge reach each other; `true` if missing.
    pub icc: Option<bool>,
    /// Whether the default bridge masquerades; `true` if missing.
    pub ip_masq: Option<bool>,
    /// Options of new networks, by driver.
    pub default_network_opts: BTreeMap<String, BTreeMap<String, String>>,
    /// Name of the default bridge; ours is made when it is missing.
    pub bridge: Option<String>,
    /// Largest packet on the default bridge, bytes.
    pub mtu: Option<u32>,
    /// Address that published ports listen on when none is given.
    pub ip: Option<String>,
    /// Whether forwarding is switched on; `true` if missing.
    pub ip_forward: Option<bool>,
    /// Ranges that networks get their subnets from.
    pub default_address_pools: Vec<Pool>,
    /// What `host-gateway` stands for.
    pub host_gateway_ip: Option<String>,
    /// The same, by family.
    pub host_gateway_ips: Vec<String>,
    /// Name servers of containers.
    pub dns: Vec<String>,
    /// Search domains of containers.
    pub dns_search: Vec<String>,
    /// Resolver options of containers.
    pub dns_opts: Vec<String>,
    /// Log driver of containers that name none.
    pub log_driver: Option<String>,
    /// Its options.
    pub log_opts: BTreeMap<String, String>,
    /// `erofs` or `overlay`; chosen by what the kernel can if missing.
    pub storage_driver: Option<String>,
    /// `size=10G`, also as `overlay2.size=10G`.
    pub storage_opts: Vec<String>,
    /// Labels of this daemon, shown by `info`.
    pub labels: Vec<String>,
    /// Whether containers outlive this daemon; `true` if missing.
    pub live_restore: Option<bool>,
    /// Seconds that a daemon which stops its containers gives them.
    pub shutdown_timeout: Option<i64>,
    /// The cgroup below which containers are put.
    pub cgroup_parent: Option<String>,
    /// Microseconds of the groups above containers in which real-time processes get their share.
    pub cpu_rt_period: i64,
    /// That share in microseconds; 0 leaves those groups alone.
    pub cpu_rt_runtime: i64,
    /// `native.cgroupdriver=cgroupfs`
    pub exec_opts: Vec<String>,
    /// Runtime of containers that name none.
    pub default_runtime: Option<String>,
    /// Whether containers get the reaping init in front of their program.
    pub init: bool,
    /// Limits of containers that set none, as `--default-ulimit`.
    pub default_ulimits: BTreeMap<String, Ulimit>,
    /// Size of `/dev/shm`, as `64m`.
    pub default_shm_size: Option<Size>,
    /// `private` or `shareable`.
    pub default_ipc_mode: Option<String>,
    /// `private` or `host`.
    pub default_cgroupns_mode: Option<String>,
    /// Programs in containers gain no rights by executing others.
    pub no_new_privileges: bool,
    /// `builtin`, `unconfined` or a file.
    pub seccomp_profile: Option<String>,
    /// Where CDI describes devices.
    pub cdi_spec_dirs: Option<Vec<PathBuf>>,
    /// The oldest version of the API that is served.
    pub min_api_version: Option<String>,
    /// Building.
    pub builder: BuilderConfig,
    /// Features by name.
    pub features: BTreeMap<String, bool>,
    /// Lines for the log about keys that change nothing.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// One of `default-ulimits`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Ulimit {
    /// Its name, again.
    #[serde(default)]
    pub name: String,
    /// Hard limit.
    pub hard: i64,
    /// Soft limit.
    pub soft: i64,
}

/// One of `default-address-pools`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The whole range.
    pub base: String,
    /// Prefix length of each subnet.
    pub size: u8,
}

/// `proxies`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Proxies {
    /// For `http:` URLs.
    pub http_proxy: Option<String>,
    /// For `https:` URLs.
    pub https_proxy: Option<String>,
    /// What is reached directly.
    pub no_proxy: Option<String>,
}

/// Bytes, as a number or as `64m`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// Bytes.
    Number(i64),
    /// With a unit.
    Text(String),
}
