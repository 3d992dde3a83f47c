//! Builds the programs that `gantry` carries inside itself: the runtime and `hello`.
//!
//! They are programs of their own, small and static, with another panic strategy, so a nested
//! cargo builds them into a target directory of its own (which also keeps the two cargos from
//! waiting for each other's lock).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a build script says what is wrong by failing"
)]

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let workspace = PathBuf::from(var("CARGO_MANIFEST_DIR")).join("../..");
    let out = PathBuf::from(var("OUT_DIR"));
    let target_dir = shared_target_dir(&out);
    let triple = var("TARGET")
        .into_string()
        .expect("target triples are ASCII");

    for dir in source_dirs(&workspace) {
        println!("cargo:rerun-if-changed={}", dir.display());
    }
    println!(
        "cargo:rerun-if-changed={}",
        workspace.join("Cargo.lock").display()
    );
    println!(
        "cargo:rerun-if-changed={}",
        workspace.join("Cargo.toml").display()
    );

    println!("cargo:rustc-env=GANTRY_COMMIT={}", commit(&workspace));
    nested_build(&workspace, &target_dir, &triple);
    for program in ["gantry-runtime", "gantry-hello"] {
        let built = target_dir.join(&triple).join("release").join(program);
        fs::copy(&built, out.join(program)).unwrap_or_else(|e| panic!("{}: {e}", built.display()));
    }
}

/// The commit that is built: as the packager says it, else as git does, else nothing is known.
///
/// The same commit gives the same program: no time, no machine, no state of the working tree.
fn commit(workspace: &Path) -> String {
    println!("cargo:rerun-if-env-changed=GANTRY_COMMIT");
    if let Some(told) = env::var("GANTRY_COMMIT")
        .ok()
        .filter(|told| !told.is_empty())
    {
        return told;
    }
    let git = |args: &[&str]| -> Option<String> {
        let output = Command::new("git")
            .arg("-C")
            .arg(workspace)
            .args(args)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // Sources unpacked inside somebody else's repository have no commit.
    let ours = git(&["rev-parse", "--show-toplevel"])
        .is_some_and(|top| Path::new(&top).canonicalize().ok() == workspace.canonicalize().ok());
    if !ours {
        return "unknown".to_owned();
    }
    // Every commit and checkout adds a line to this file.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        let log = workspace.join(log);
        if log.exists() {
            println!("cargo:rerun-if-changed={}", log.display());
        }
    }
    git(&["rev-parse", "--short=7", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}

fn nested_build(workspace: &Path, target_dir: &Path, triple: &str) {
    let mut cargo = Command::new(var("CARGO"));
    cargo
        .current_dir(workspace)
        .args([
            "build",
            "--release",
            "--package",
            "gantry-runtime-bin",
            "--package",
            "gantry-hello",
        ])
        .args(["--target", triple, "--target-dir"])
        .arg(target_dir)
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_LTO", "thin");
    // What the outer build was told is not meant for this one.
    for inherited in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
        "CARGO_MAKEFLAGS",
        "MAKEFLAGS",
    ] {
        cargo.env_remove(inherited);
    }
    let status = cargo.status().expect("cargo was running a moment ago");
    assert!(
        status.success(),
        "building the programs inside gantry failed"
    );
}

/// One target directory for all profiles: the nested build is the same in each.
///
/// OUT_DIR is `<target>/<triple>/<profile>/build/<package>/out`.
fn shared_target_dir(out: &Path) -> PathBuf {
    out.ancestors().nth(5).unwrap_or(out).join("embedded")
}

/// The folders of every workspace crate in the embedded programs' dependency trees.
fn source_dirs(workspace: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![
        workspace.join("bin/gantry-runtime"),
        workspace.join("bin/hello"),
    ];
    while let Some(dir) = open.pop() {
        let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
        for line in manifest.lines() {
            if let Some(name) = line
                .strip_prefix("gantry-")
                .and_then(|l| l.split('.').next())
            {
                open.push(workspace.join("crates").join(name));
            }
        }
        if !found.insert(dir) {
            // Seen before; its dependencies are on the list, and a crate never needs itself.
            continue;
        }
        assert!(found.len() < 64, "the embedded programs grew beyond belief");
    }
    found
}

fn var(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"))
}
