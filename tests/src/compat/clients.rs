//! The suites of `tests/clients`: other people's programs, which know nothing of us.

use std::path::Path;

use gantry_compat::clients::{self, Suite};

use crate::harness::{Daemon, Run};

/// One test a suite; a suite that is not in the list makes [`every_suite_is_run`] fail.
macro_rules! suites {
    ($($suite:ident),+ $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($suite)),+];
        $(#[test] fn $suite() { passes(stringify!($suite)); })+
    };
}

suites!(
    bollard,
    compose,
    docker_cli,
    dockerode,
    python_sdk,
    skopeo,
    testcontainers_node,
    testcontainers_python,
);

#[test]
fn every_suite_is_run() {
    for suite in clients::all().unwrap() {
        let name = suite.name.as_str();
        assert!(NAMES.contains(&name), "{name}");
    }
}

fn passes(name: &str) {
    assert!(
        clients::installed().join("stamp").exists(),
        "clients are missing: run tests/clients/install"
    );
    let suite = Suite::named(name).unwrap();
    let daemon = Daemon::with_registry();
    let words = suite.command();
    let mut command = daemon.world.command(Path::new(&words[0]));
    command
        .args(&words[1..])
        .envs(suite.environment(&daemon.socket(), daemon.world.folder()));
    Run::of(command).ok();
}
