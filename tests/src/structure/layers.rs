//! A crate may use only crates of its own layer that stand above it in the list, or of lower layers.

use std::collections::HashMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The layers, the lowest first; within a layer a crate may use those before it.
const LAYERS: [&[&str]; 6] = [
    &[
        "sys",
        "reference",
        "oci",
        "log-format",
        "units",
        "dockerfile",
        "gotemplate",
        "api-types",
        "archive",
        "build-session",
        "nft",
        "netlink",
    ],
    &["cgroups", "seccomp", "runtime", "oci-runtime", "monitor"],
    &[
        "content",
        "snapshot",
        "registry-client",
        "image",
        "dns",
        "network",
        "volume",
        "logs",
        "log-drivers",
        "events",
    ],
    &["engine", "builder"],
    &["buildkit", "api", "client", "build-client", "cli", "daemon"],
    &[
        "gantry",
        "gantry-runtime-bin",
        "gantry-hello",
        "gantry-compat",
        "xtask",
        "gantry-tests",
    ],
];

/// Crates that no crate of the first name may use, however low they stand.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    ("cli", &["engine", "api", "daemon"]),
    ("client", &["engine", "api", "daemon"]),
    (
        "api",
        &[
            "snapshot", "network", "image", "runtime", "monitor", "cgroups",
        ],
    ),
];

#[test]
fn no_crate_imports_upwards() {
    let rank = rank();
    let mut wrong = Vec::new();
    for (user, used) in edges() {
        let place = |name: &str| {
            *rank
                .get(name)
                .unwrap_or_else(|| panic!("{name} has no layer: add it to the list"))
        };
        if place(&used) >= place(&user) {
            wrong.push(format!("{user} uses {used}, which stands above it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_command_line_knows_no_engine_and_the_api_no_drivers() {
    let edges = edges();
    for (user, forbidden) in FORBIDDEN {
        for used in forbidden {
            assert!(
                !edges.contains(&(user.to_owned(), (*used).to_owned())),
                "{user} must not use {used}"
            );
        }
    }
}

#[test]
fn the_monitor_stays_small_and_without_an_async_runtime() {
    let metadata = metadata();
    let resolve = metadata.resolve.expect("resolved");
    let id = |name: &str| {
        metadata
            .packages
            .iter()
            .find(|p| *p.name == name)
            .map(|p| p.id.clone())
            .expect("in the workspace")
    };
    let mut open = vec![id("gantry-runtime-bin")];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(next) = open.pop() {
        let node = resolve
            .nodes
            .iter()
            .find(|n| n.id == next)
            .expect("resolved");
        for dep in &node.deps {
            let normal = dep
                .dep_kinds
                .iter()
                .any(|k| k.kind == DependencyKind::Normal && k.target.is_none());
            if normal && seen.insert(dep.name.clone()) {
                open.push(dep.pkg.clone());
            }
        }
    }
    assert!(!seen.contains("tokio"), "{seen:?}");
    assert!(
        seen.len() <= 40,
        "{} crates in the monitor: {seen:?}",
        seen.len()
    );
}

fn rank() -> HashMap<String, usize> {
    LAYERS
        .iter()
        .copied()
        .flatten()
        .enumerate()
        .map(|(place, name)| ((*name).to_owned(), place))
        .collect()
}

/// (user, used) of the workspace's own crates, without the prefix `gantry-`; tests may use anything.
fn edges() -> Vec<(String, String)> {
    let metadata = metadata();
    let own = |name: &str| {
        metadata
            .workspace_packages()
            .iter()
            .any(|p| *p.name == name)
    };
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| d.kind == DependencyKind::Normal)
        {
            if own(&dependency.name) {
                edges.push((short(&package.name), short(&dependency.name)));
            }
        }
    }
    edges
}

/// `gantry-engine` -> `engine`; the binaries' packages keep their names.
fn short(name: &str) -> String {
    let in_list = LAYERS[5].contains(&name);
    if in_list {
        name.to_owned()
    } else {
        name.strip_prefix("gantry-").unwrap_or(name).to_owned()
    }
}

fn metadata() -> cargo_metadata::Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        // What other systems would need is not here.
        .other_options([
            "--filter-platform".to_owned(),
            format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
            "--offline".to_owned(),
        ])
        .exec()
        .expect("cargo metadata works")
}
