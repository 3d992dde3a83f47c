//! `daemon.json`: Docker's keys, ours beside them, anything else refused by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Error;

/// The configuration file's content; what is missing is decided by [`crate::Settings`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ConfigFile {
    /// Where images, containers and volumes are kept.
    pub data_root: Option<PathBuf>,
    /// Where run-time state is kept: sockets, process records.
    pub exec_root: Option<PathBuf>,
    /// Where to listen, `unix:///path`.
    pub hosts: Vec<String>,
    /// Who may use the socket.
    pub group: Option<String>,
    /// More log output.
    pub debug: bool,
    /// `debug`, `info`, `warn` or `error`.
    pub log_level: Option<String>,
    /// Registries asked before Docker Hub.
    pub registry_mirrors: Vec<String>,
    /// Registries that may speak HTTP or show an unknown certificate.
    pub insecure_registries: Vec<String>,
    /// How many layers of one pull are downloaded at once.
    pub max_concurrent_downloads: Option<usize>,
    /// Address and prefix of the default bridge.
    pub bip: Option<String>,
    /// Name of the default bridge; ours is made when it is missing.
    pub bridge: Option<String>,
    /// Largest packet on the default bridge, bytes.
    pub mtu: Option<u32>,
    /// Address that published ports listen on when none is given.
    pub ip: Option<String>,
    /// Whether forwarding is switched on; `true` if missing.
    pub ip_forward: Option<bool>,
    /// Name servers of containers.
    pub dns: Vec<String>,
    /// Search domains of containers.
    pub dns_search: Vec<String>,
    /// Resolver options of containers.
    pub dns_opts: Vec<String>,
    /// `json-file` or `none`.
    pub log_driver: Option<String>,
    /// `max-size`, `max-file`.
    pub log_opts: BTreeMap<String, String>,
    /// `erofs` or `overlay`; chosen by what the kernel can if missing.
    pub storage_driver: Option<String>,
    /// Labels of this daemon, shown by `info`.
    pub labels: Vec<String>,
    /// Accepted as Docker spells it: containers always outlive this daemon.
    pub live_restore: Option<bool>,
    /// The cgroup below which containers are put.
    pub cgroup_parent: Option<String>,
    /// Whether containers get the reaping init in front of their program.
    pub init: bool,
    /// Limits of containers that set none, as `--default-ulimit`.
    pub default_ulimits: BTreeMap<String, Ulimit>,
    /// Size of `/dev/shm`, as `64m`.
    pub default_shm_size: Option<String>,
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

impl ConfigFile {
    /// Reads `path`; a missing file is an empty one unless it was asked for by name.
    pub fn read(path: &Path, must_exist: bool) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                return Ok(Self::default());
            }
            Err(source) => {
                return Err(Error::File {
                    action: "read",
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Self::parse(&text).map_err(|reason| Error::Config {
            path: path.to_owned(),
            reason: reason.to_string(),
        })
    }

    /// Parses the text of a configuration file.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        if text.trim().is_empty() {
            Ok(Self::default())
        } else {
            serde_json::from_str(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_keys_are_understood() {
        let config = ConfigFile::parse(
            r#"{"data-root": "/d", "registry-mirrors": ["http://127.0.0.1:5000"],
                "log-opts": {"max-size": "10m"}, "live-restore": true}"#,
        )
        .unwrap();
        assert_eq!(config.data_root.as_deref(), Some(Path::new("/d")));
        assert_eq!(config.registry_mirrors, ["http://127.0.0.1:5000"]);
        assert_eq!(config.log_opts["max-size"], "10m");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let refused = ConfigFile::parse(r#"{"data-roof": "/d"}"#)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("`data-roof`"), "{refused}");
    }

    #[test]
    fn a_missing_file_is_empty_unless_it_was_named() {
        let path = Path::new("/nonexistent/daemon.json");
        assert_eq!(
            ConfigFile::read(path, false).unwrap(),
            ConfigFile::default()
        );
        assert!(ConfigFile::read(path, true).is_err());
    }
}
