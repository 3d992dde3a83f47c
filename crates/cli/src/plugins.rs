//! Docker's command line plugins (compose, buildx), run as commands of ours.
//!
//! A plugin is a program `docker-NAME` in one of a few folders; asked `docker-cli-plugin-metadata`,
//! it tells about itself in JSON. It gets our own arguments as they were typed and replaces this
//! process. It finds the daemon as Docker's command line does, so where nothing else names one, it
//! is told ours, which is started if need be.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::config_file::ConfigFile;
use crate::contexts::Current;
use crate::failure::Failure;
use crate::session::Session;

/// Where everybody's plugins are.
const FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];
const PREFIX: &str = "docker-";
/// Tells a plugin which program runs it.
const ORIGINAL: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

/// A plugin that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// What a plugin says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Metadata {
    pub(crate) schema_version: String,
    pub(crate) vendor: String,
    pub(crate) version: String,
    pub(crate) short_description: String,
}

/// Finds one by name.
pub(crate) fn find(config: &ConfigFile, name: &str) -> Option<Plugin> {
    if !is_name(name) {
        return None;
    }
    folders(config)
        .into_iter()
        .map(|folder| folder.join(format!("{PREFIX}{name}")))
        .find(|path| is_program(path))
        .map(|path| Plugin {
            name: name.to_owned(),
            path,
        })
}

/// All of them; of two with the same name the one that would run.
pub(crate) fn all(config: &ConfigFile) -> Vec<Plugin> {
    let mut found = BTreeMap::new();
    for folder in folders(config) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let Some(name) = file.to_str().and_then(|file| file.strip_prefix(PREFIX)) else {
                continue;
            };
            if is_name(name) && is_program(&entry.path()) {
                found.entry(name.to_owned()).or_insert(entry.path());
            }
        }
    }
    found
        .into_iter()
        .map(|(name, path)| Plugin { name, path })
        .collect()
}

/// What each says about itself; those that say nothing sensible are left out. All are asked at
/// once: each takes a while to start.
pub(crate) fn described(plugins: Vec<Plugin>) -> Vec<(Plugin, Metadata)> {
    let asked: Vec<_> = plugins
        .into_iter()
        .filter_map(|plugin| {
            let child = Command::new(&plugin.path)
                .arg("docker-cli-plugin-metadata")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            Some((plugin, child))
        })
        .collect();
    asked
        .into_iter()
        .filter_map(|(plugin, child)| {
            let output = child.wait_with_output().ok()?;
            let metadata: Metadata = serde_json::from_slice(&output.stdout).ok()?;
            let sound = metadata.schema_version.starts_with("0.") && !metadata.vendor.is_empty();
            sound.then_some((plugin, metadata))
        })
        .collect()
}

/// Becomes the plugin; comes back only with a failure. `words` are all of our arguments.
pub(crate) fn become_plugin(session: &Session, plugin: &Plugin, words: &[String]) -> Failure {
    let mut command = Command::new(&plugin.path);
    // Our own option, which no plugin knows.
    command.args(words.iter().filter(|word| *word != "--no-autostart"));
    if let Ok(own) = std::env::current_exe() {
        command.env(ORIGINAL, own);
    }
    match session.current() {
        Err(failure) => return failure,
        // It reads the same options, variables and files as we do, but one variable is ours.
        Ok(Current::Host(host, _)) => {
            command.env("DOCKER_HOST", host);
        }
        Ok(Current::Context(_)) => {}
        Ok(Current::Local) => {
            if let Err(failure) = session.start_local_daemon() {
                return failure;
            }
            let endpoint = gantry_client::Endpoint::local(&gantry_client::default_run_root());
            command.env("DOCKER_HOST", endpoint.to_string());
        }
    }
    let error = command.exec();
    Failure::new(format!("cannot run {}: {error}", plugin.path.display()))
}

fn folders(config: &ConfigFile) -> Vec<PathBuf> {
    let mut folders = config.plugin_folders();
    folders.push(config.directory().join("cli-plugins"));
    folders.extend(FOLDERS.map(PathBuf::from));
    folders
}

/// Docker's rule: small letters and digits.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dockers() {
        assert!(is_name("compose") && is_name("b2"));
        for bad in ["", "2b", "Compose", "a-b", "../x"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
