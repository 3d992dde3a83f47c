//! The long forms of the reliability tests: what `./test` has no time for.
//!
//! Five minutes of killed daemons and monitors under 200 containers, the figures with 1,000
//! stopped and 300 running ones, and crowds of networks and ports. They live in
//! `tests/src/reliability` and `tests/src/network/scale.rs`, ignored there.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// Arguments of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only those whose path contains one of these
    names: Vec<String>,
}

/// Runs them one after the other, showing their figures.
pub(crate) fn run(args: &Args) -> Result<()> {
    let names = match &args.names[..] {
        [] => &["reliability".to_owned(), "network::scale".to_owned()][..],
        names => names,
    };
    let status = Command::new("cargo")
        .args(["test", "--release", "--package", "gantry-tests", "--"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .args(names)
        .status()
        .context("cannot execute cargo")?;
    if !status.success() {
        bail!("something was lost, leaked or slow");
    }
    Ok(())
}
