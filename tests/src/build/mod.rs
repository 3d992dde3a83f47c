//! Images from Dockerfiles.

mod buildkit;
mod cache;
mod carry;
mod classic;
mod corpus;
mod debug;
mod faults;
mod full;
mod history;
mod keys;
mod layouts;
mod llb;
mod mounts;
mod outputs;
mod programs;
mod refused;
mod remote;
mod rights;
mod statements;
mod usage;

use std::fs;
use std::path::PathBuf;

use crate::harness::{Client, Daemon, Run};

/// A context with this Dockerfile.
fn context(client: &Client, dockerfile: &str) -> PathBuf {
    context_in(&client.daemon, dockerfile)
}

fn context_in(daemon: &Daemon, dockerfile: &str) -> PathBuf {
    let folder = daemon.world.folder().join("context");
    fs::create_dir_all(folder.join("src/deep")).unwrap();
    fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
    fs::write(folder.join("src/a.txt"), "content\n").unwrap();
    fs::write(folder.join("src/deep/b.log"), "log\n").unwrap();
    folder
}

/// Builds without BuildKit.
fn build(client: &Client, arguments: &str) -> Run {
    let script = format!("export DOCKER_BUILDKIT=0; $C build {arguments}");
    client.script(&script, "")
}

/// Runs a script with Docker's plugins at hand and plain progress.
fn script(client: &Client, script: &str) -> Run {
    let installed = gantry_compat::clients::installed();
    let plugin = |name: &str| {
        let path = installed.join(name);
        assert!(
            path.exists(),
            "{name} is missing: run tests/clients/install"
        );
        path.display().to_string()
    };
    let plugins = [
        plugin("buildx/docker-buildx"),
        plugin("compose/docker-compose"),
    ];
    let script = format!(
        "export BUILDKIT_PROGRESS=plain; mkdir -p $DOCKER_CONFIG/cli-plugins; cp -n {} $DOCKER_CONFIG/cli-plugins/; {script}",
        plugins.join(" ")
    );
    client.script(&script, "")
}
