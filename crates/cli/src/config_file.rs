//! `~/.docker/config.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

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
        let path = self.directory.join("config.json");
        let mut keys: serde_json::Map<String, serde_json::Value> = match std::fs::read(&path) {
            Ok(bytes) if !bytes.is_empty() => serde_json::from_slice(&bytes)
                .map_err(|e| Failure::new(format!("{}: {e}", path.display())))?,
            _ => serde_json::Map::new(),
        };
        match name {
            Some(name) => keys.insert("currentContext".to_owned(), name.into()),
            None if keys.contains_key("currentContext") => keys.shift_remove("currentContext"),
            None => return Ok(()),
        };
        std::fs::create_dir_all(&self.directory)
            .map_err(|e| Failure::new(format!("{}: {e}", self.directory.display())))?;
        let mut text = Vec::new();
        let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut writer = serde_json::Serializer::with_formatter(&mut text, tabs);
        serde::Serialize::serialize(&keys, &mut writer).map_err(Failure::new)?;
        crate::contexts::replace(&path, &text, 0o600)
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
