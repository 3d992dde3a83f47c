//! The peers, real Docker and Podman, in a root of their own: to compare with and to measure against.
//!
//! A Debian sid root holds dockerd, containerd, runc, crun, podman and the clients from Debian's
//! packages. The daemon runs there in mount and network namespaces of its own; nothing of it
//! touches the machine or ends up in this project.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::cache;

/// What to do with the peers.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make the root (about a minute) and print where it is
    Make,
    /// Start dockerd in it; prints how to reach it
    Up,
    /// Run a command in it, in dockerd's namespaces if that is up
    In {
        /// The command
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
    /// Stop that dockerd
    Down,
}

const SCRIPT: &str = include_str!("peers.sh");

/// Where the root is.
pub(crate) fn root() -> PathBuf {
    cache::dir().join("peers")
}

/// Does it; output goes to the terminal.
pub(crate) fn run(verb: &Verb) -> Result<()> {
    let words: Vec<String> = match verb {
        Verb::Make => vec!["make".into()],
        Verb::Up => vec!["up".into()],
        Verb::Down => vec!["down".into()],
        Verb::In { command } => std::iter::once("in".to_owned())
            .chain(command.iter().cloned())
            .collect(),
    };
    let status = Command::new("bash")
        .args(["-euc", SCRIPT, "peers"])
        .args(words)
        .env("ROOT", root())
        .status()?;
    if !status.success() {
        bail!("the peers' script failed with {status}");
    }
    Ok(())
}
