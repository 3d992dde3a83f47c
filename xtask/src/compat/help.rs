//! The help texts of the stock command line.

use std::process::Command;

use anyhow::Result;
use gantry_compat::help;

use crate::{peers, shell};

/// Writes them down. No daemon is needed, and none is asked: so nothing is hidden.
pub(super) fn record() -> Result<()> {
    peers::run(&peers::Verb::Make)?;
    let ask = |words: &[&str]| {
        shell::run(
            Command::new("chroot")
                .arg(peers::root())
                .arg("docker")
                .args(words)
                .env("HOME", help::HOME)
                .env("DOCKER_HOST", "unix:///nonexistent/docker.sock"),
        )
        .map(Some)
    };
    help::write(&help::walk(&ask, &[])?)
}
