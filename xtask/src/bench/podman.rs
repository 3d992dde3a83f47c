//! Podman of the peers' root, with storage and a network namespace of its own.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::surroundings::{Namespace, in_netns};
use crate::peers;

/// Short names are those of the registry with the test images.
const REGISTRIES: &str = r#"
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "127.0.0.1:5000"
insecure = true
"#;

/// crun refuses cgroups in hybrid mode, which is what our machines have: runc, as for Docker.
const OPTIONS: [&str; 6] = [
    "--root",
    "/peerdata/podman",
    "--runroot",
    "/run/podman-bench",
    "--runtime",
    "runc",
];

/// Its namespace, held by a process that sleeps in it.
pub(super) struct Podman {
    namespace: Namespace,
    root: u32,
}

impl Podman {
    /// In the root where this process, dockerd, lives.
    pub(super) fn open(root: u32) -> Result<Self> {
        fs::write(peers::root().join("run/peer/registries.conf"), REGISTRIES)?;
        let namespace = Namespace::make()?;
        Ok(Self { namespace, root })
    }

    /// The process that holds the network namespace.
    pub(super) fn pid(&self) -> u32 {
        self.namespace.pid()
    }

    /// `podman WORDS`; paths of the shared folder are named as they are in the root.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let outside = peers::root().display().to_string();
        let mut command = in_netns(self.pid(), "nsenter".as_ref());
        command
            .args([
                "--mount",
                "--target",
                &self.root.to_string(),
                "--",
                "podman",
            ])
            .args(OPTIONS)
            .args(words.iter().map(|word| word.replace(&outside, "")))
            .args(patience(words))
            .env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1")
            .env("CONTAINERS_REGISTRIES_CONF", "/run/peer/registries.conf")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

/// `rm -f` is patient by default, Docker's is not.
fn patience(words: &[&str]) -> &'static [&'static str] {
    if words.starts_with(&["rm", "-f"]) {
        &["--time", "0"]
    } else {
        &[]
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.command(&["rm", "-f", "--all"]).status();
    }
}
