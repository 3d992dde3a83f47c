//! Every case of `tests/build`, compared with what real Docker with BuildKit makes of it.

use std::process::{Command, Stdio};

use gantry_compat::corpus::{self, Case, Client, Listed};

use crate::harness::{Daemon, World, eventually, gantry_binary};

/// Where cases fetch files from.
const ADDRESS: &str = "127.0.0.1:5001";

#[test]
fn cases_come_out_as_with_docker_by_the_stock_client() {
    come_out("buildx");
}

#[test]
fn cases_come_out_as_with_docker_by_the_stock_client_without_buildkit() {
    come_out("classic");
}

#[test]
fn cases_come_out_as_with_docker_by_our_client() {
    come_out("own");
}

/// Builds all cases through this client.
fn come_out(name: &str) {
    let daemon = Daemon::with_registry();
    serve(&daemon.world);
    let work = daemon.world.folder();
    let mut listed = Listed::read().unwrap();
    let mut left = Vec::new();
    let (socket, config) = (daemon.socket(), work.join("client"));
    let client = match name {
        "classic" => Client::classic(&socket, &config),
        "buildx" => Client::buildx(&socket, &config),
        _ => Client::own(&gantry_binary(), &socket, &config),
    };
    let client = client.unwrap();
    for case in Case::all().unwrap() {
        if case.is_for(name).unwrap() {
            let ours = corpus::play(&case, &client, work).unwrap();
            let golden = case.golden().unwrap();
            left.extend(corpus::verdict(&case, &golden, &ours, name, &mut listed));
        }
    }
    assert!(
        left.is_empty(),
        "{} differences that tests/build/differences.txt does not list:\n{}",
        left.len(),
        left.join("\n")
    );
}

/// Serves `.served` in a world; the files have an old date.
fn serve(world: &World) {
    let folder = world.folder().join("served");
    let from = corpus::folder().join(".served");
    let (from, to) = (from.display(), folder.display());
    let script = format!("cp -r {from} {to} && find {to} -exec touch -d @1400000000 {{}} +");
    world.sh(&script).ok();
    let mut command: Command = world.command("python3");
    let (host, port) = ADDRESS.split_once(':').unwrap();
    command
        .args(["-m", "http.server", port, "--bind", host, "--directory"])
        .arg(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // It ends with its world, whose first process reaps it.
    #[expect(clippy::zombie_processes, reason = "nothing of this process waits")]
    let _serving = command.spawn().unwrap();
    eventually("files are served", || {
        world.sh(&format!("exec 3<>/dev/tcp/{host}/{port}")).code == 0
    });
}
