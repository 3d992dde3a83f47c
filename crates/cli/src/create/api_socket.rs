//! `--use-api-socket`: the daemon's socket inside, and our logins for registries with it.

use std::path::Path;

use gantry_api_types::{ContainerConfig, HostConfig, Mount};
use serde_json::{Map, Value, json};

use super::body::Environment;
use super::flags::ContainerFlags;

/// Where the logins are, as with Docker.
const USUAL: &str = "/run/secrets/docker";
/// Where they are in a container with secrets, which hide what else lies in their folder.
const BESIDE_SECRETS: &str = "/run/docker";

/// A configuration file that a container finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientConfig {
    folder: &'static str,
    text: String,
}

impl ClientConfig {
    /// An archive with it, to be unpacked at the container's root.
    pub(crate) fn archive(&self) -> std::io::Result<Vec<u8>> {
        let mut header = tar::Header::new_gnu();
        header.set_size(self.text.len() as u64);
        header.set_mode(0o600);
        let path = Path::new(self.folder.trim_start_matches('/')).join("config.json");
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, path, self.text.as_bytes())?;
        archive.into_inner()
    }
}

/// Adds the socket, and says where the client inside finds our logins, if we have any.
pub(super) fn bring(
    flags: &ContainerFlags,
    environment: &Environment,
    config: &mut ContainerConfig,
    host_config: &mut HostConfig,
) -> Result<Option<ClientConfig>, String> {
    if !flags.use_api_socket {
        return Ok(None);
    }
    let Some(socket) = &environment.api_socket else {
        return Err("--use-api-socket needs a daemon on a unix socket".to_owned());
    };
    host_config.mounts.push(Mount {
        kind: "bind".to_owned(),
        source: socket.clone(),
        target: "/var/run/docker.sock".to_owned(),
        ..Mount::default()
    });
    let variables = config.env.get_or_insert_default();
    // Who names a folder knows what is in it.
    let named = variables.iter().any(|v| v.starts_with("DOCKER_CONFIG="));
    if named || environment.logins.is_empty() {
        return Ok(None);
    }
    let folder = if flags.secret.is_empty() {
        USUAL
    } else {
        BESIDE_SECRETS
    };
    variables.push(format!("DOCKER_CONFIG={folder}"));
    Ok(Some(client_config(folder, &environment.logins)))
}

fn client_config(folder: &'static str, logins: &Map<String, Value>) -> ClientConfig {
    ClientConfig {
        folder,
        text: json!({ "auths": logins }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_file_is_for_its_owner_alone() {
        let logins = Map::from_iter([("r.example".to_owned(), json!({"auth": "dTpw"}))]);
        let bytes = client_config(USUAL, &logins).archive().unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let path = entry.path().unwrap().display().to_string();
        assert_eq!(path, "run/secrets/docker/config.json");
        assert_eq!(entry.header().mode().unwrap(), 0o600);
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert_eq!(text, r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#);
    }
}
