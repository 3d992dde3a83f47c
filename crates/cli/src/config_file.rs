//! `~/.docker/config.json`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// What we read of the file; other keys are left to others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConfigFile {
    /// Logins by registry.
    pub(crate) auths: BTreeMap<String, Login>,
    /// The program that keeps all logins.
    pub(crate) creds_store: Option<String>,
    /// Programs that keep the logins of single registries.
    pub(crate) cred_helpers: BTreeMap<String, String>,
    pub(crate) detach_keys: String,
    pub(crate) ps_format: String,
    pub(crate) images_format: String,
    pub(crate) networks_format: String,
    pub(crate) secret_format: String,
    pub(crate) current_context: Option<String>,
    /// Headers of every request.
    #[serde(rename = "HttpHeaders")]
    pub(crate) http_headers: BTreeMap<String, String>,
    /// Other names of commands.
    aliases: BTreeMap<String, String>,
    cli_plugins_extra_dirs: Vec<PathBuf>,
    pub(crate) volumes_format: String,
    pub(crate) stats_format: String,
    /// Conditions of everything that is pruned.
    pub(crate) prune_filters: Vec<String>,
    /// Proxies for containers, by daemon; `default` for all.
    pub(crate) proxies: BTreeMap<String, Proxy>,
    #[serde(skip)]
    directory: PathBuf,
}

/// A login as the file has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Login {
    pub(crate) auth: String,
    pub(crate) username: String,
    pub(crate) password: String,
    #[serde(rename = "identitytoken")]
    pub(crate) identity_token: String,
}

/// Proxies for containers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Proxy {
    http_proxy: String,
    https_proxy: String,
    ftp_proxy: String,
    all_proxy: String,
    no_proxy: String,
}

impl ConfigFile {
    /// Reads the file; one that is not there or makes no sense is as good as empty, but the latter
    /// is worth a warning.
    pub(crate) fn load(directory: Option<&str>) -> Self {
        let directory = directory.map_or_else(default_directory, PathBuf::from);
        let path = directory.join("config.json");
        let mut config = match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(config) => config,
                Err(error) => {
                    eprintln!(
                        "WARNING: Error loading config file: {}: {error}",
                        path.display()
                    );
                    Self::default()
                }
            },
            Err(_) => Self::default(),
        };
        config.directory = directory;
        config
    }

    /// Changes the file, leaving alone all that the change does not touch; gives its path. Nothing is
    /// written if nothing changes.
    pub(crate) fn change(
        &self,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<PathBuf, String> {
        let path = self.directory.join("config.json");
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let before: Map<String, Value> = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| told(&error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(told(&error)),
        };
        let mut file = before.clone();
        change(&mut file);
        if file == before {
            return Ok(path);
        }
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        serde::Serialize::serialize(&file, &mut serializer).map_err(|error| told(&error))?;
        self.replace(&path, &text).map_err(|error| told(&error))?;
        Ok(path)
    }

    /// Writes beside and renames over; the file has secrets, and is for its owner alone. A link to it
    /// stays one.
    fn replace(&self, path: &Path, text: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let temporary = target.with_extension(format!("json.{}", std::process::id()));
        let mut file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &target)
    }

    /// Proxy variables for a container, for a daemon at that address.
    pub(crate) fn proxy_variables(&self, daemon: &str) -> Vec<(String, String)> {
        let Some(proxy) = self
            .proxies
            .get(daemon)
            .or_else(|| self.proxies.get("default"))
        else {
            return Vec::new();
        };
        let named = [
            ("HTTP_PROXY", &proxy.http_proxy),
            ("HTTPS_PROXY", &proxy.https_proxy),
            ("FTP_PROXY", &proxy.ftp_proxy),
            ("NO_PROXY", &proxy.no_proxy),
            ("ALL_PROXY", &proxy.all_proxy),
        ];
        named
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .flat_map(|(name, value)| {
                [
                    (name.to_owned(), value.clone()),
                    (name.to_lowercase(), value.clone()),
                ]
            })
            .collect()
    }

    /// The folder that the file is in.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What a word stands for.
    pub(crate) fn alias(&self, word: &str) -> Option<&str> {
        self.aliases.get(word).map(String::as_str)
    }

    /// Further folders with plugins.
    pub(crate) fn plugin_folders(&self) -> Vec<PathBuf> {
        self.cli_plugins_extra_dirs.clone()
    }

    /// Writes down which context is the current one; all other keys stay as they are.
    pub(crate) fn set_current_context(&self, name: Option<&str>) -> Result<(), Failure> {
        let changed = self.change(|keys| {
            match name {
                Some(name) => keys.insert("currentContext".to_owned(), name.into()),
                None => keys.shift_remove("currentContext"),
            };
        });
        changed.map(drop).map_err(Failure::new)
    }
}

fn default_directory() -> PathBuf {
    if let Some(directory) = std::env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty()) {
        return PathBuf::from(directory);
    }
    std::env::var_os("HOME")
        .map_or_else(|| PathBuf::from("/root"), PathBuf::from)
        .join(Path::new(".docker"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_read_and_the_rest_left_alone() {
        let text = r#"{"auths":{"r.example":{"auth":"dTpw"}},"HttpHeaders":{"A":"b"},"detachKeys":"ctrl-x",
            "credHelpers":{"gcr.io":"gcloud"},"proxies":{"default":{"httpProxy":"http://p"}}}"#;
        let config: ConfigFile = serde_json::from_str(text).unwrap();
        assert_eq!(config.auths["r.example"].auth, "dTpw");
        assert_eq!(config.detach_keys, "ctrl-x");
        assert_eq!(config.cred_helpers["gcr.io"], "gcloud");
        assert_eq!(
            config.proxy_variables("unix:///x"),
            [
                ("HTTP_PROXY".to_owned(), "http://p".to_owned()),
                ("http_proxy".to_owned(), "http://p".to_owned())
            ]
        );
    }
}
