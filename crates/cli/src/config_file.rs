//! `~/.docker/config.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

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
    pub(crate) current_context: Option<String>,
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

    /// Where a context's daemon listens; `None` for the default one.
    pub(crate) fn context_host(&self, name: &str) -> Result<Option<String>, String> {
        if name == "default" {
            return Ok(None);
        }
        // The directories are named by a digest of the name; reading the few there are is simpler.
        let found = std::fs::read_dir(self.directory.join("contexts/meta"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| std::fs::read(entry.path().join("meta.json")).ok())
            .filter_map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
            .find(|meta| meta["Name"] == name);
        match found {
            Some(meta) => match meta["Endpoints"]["docker"]["Host"].as_str() {
                Some(host) => Ok(Some(host.to_owned())),
                None => Err(format!("context \"{name}\": it has no docker endpoint")),
            },
            None => Err(format!(
                "context \"{name}\": context not found: open {}: no such file or directory",
                self.directory.join("contexts/meta").display()
            )),
        }
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
