//! Runs libFuzzer on the parsers of foreign bytes.
//!
//! Stable Rust can instrument for libFuzzer by itself; the flags below are those that it needs,
//! without a sanitizer: unsafe code is elsewhere.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};

/// What makes a program tell libFuzzer which branches it took.
const COVERAGE: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which parsers (default: all that `fuzz/src/main.rs` lists)
    targets: Vec<String>,
    /// Seconds for each
    #[arg(long, default_value_t = 30)]
    seconds: u32,
}

/// Builds the program and gives each target its time; fails at the first finding.
pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let program = build(&folder)?;
    let targets = match &args.targets[..] {
        [] => listed(&program)?,
        some => some.to_vec(),
    };
    for target in targets {
        println!("\n=== {target}, {} s", args.seconds);
        let status = fuzz(&folder, &program, &target, args.seconds)?;
        if !status.success() {
            bail!(
                "{target}: {status}; the input is in fuzz/artifacts/{target}, and \
                 GANTRY_FUZZ_TARGET={target} {} FILE repeats it",
                program.display()
            );
        }
    }
    Ok(())
}

fn build(folder: &Path) -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let target = folder.join("target");
    let status = Command::new("cargo")
        .args(["build", "--release", "--target", &triple, "--target-dir"])
        .arg(&target)
        .current_dir(folder)
        .env("RUSTFLAGS", COVERAGE.join(" "))
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"))
        .status()
        .context("cannot execute cargo")?;
    if !status.success() {
        bail!("building the fuzz targets failed (libFuzzer needs g++)");
    }
    Ok(target.join(triple).join("release/gantry-fuzz"))
}

/// The program names its targets when it is told none.
fn listed(program: &Path) -> Result<Vec<String>> {
    let output = Command::new(program).arg("-runs=1").output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let names = text.lines().find_map(|line| line.split_once("one of: "));
    let (_, names) = names.context("the program names no targets")?;
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

fn fuzz(folder: &Path, program: &Path, target: &str, seconds: u32) -> Result<ExitStatus> {
    let (corpus, artifacts) = (
        folder.join("corpus").join(target),
        folder.join("artifacts").join(target),
    );
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let seeds = folder.join("seeds").join(target);
    let mut command = Command::new(program);
    command
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .env("GANTRY_FUZZ_TARGET", target)
        .arg(&corpus);
    if seeds.is_dir() {
        command.arg(&seeds);
    }
    command.status().context("cannot execute the fuzz targets")
}
