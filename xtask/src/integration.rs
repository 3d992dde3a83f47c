//! The integration tests, with a second look at what failed in the crowd.
//!
//! Some tests measure time or race a kill, several run at once, and machines are noisy. One that
//! fails is run once more with nothing beside it: what fails again has failed; what passes then is
//! named as unsteady at the end, so that somebody looks for its cause.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// More failures than these are no noise: they are not tried again.
const NOISE: usize = 8;

/// Arguments of `cargo xtask integration`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose path contains one of these
    names: Vec<String>,
}

/// Runs the tests; fails if one fails twice.
pub(crate) fn run(args: &Args) -> Result<()> {
    let first = round(&args.names)?;
    if first.passed {
        return Ok(());
    }
    if first.failed.is_empty() || first.failed.len() > NOISE {
        bail!("{} integration tests failed", first.failed.len());
    }
    println!("\n=== once more, one at a time: {}", first.failed.join(" "));
    let mut alone = vec!["--exact".to_owned(), "--test-threads=1".to_owned()];
    alone.extend(first.failed.iter().cloned());
    if !round(&alone)?.passed {
        bail!("integration tests failed twice");
    }
    println!("unsteady, passed only alone: {}", first.failed.join(" "));
    Ok(())
}

/// What one run of the test binary came to.
struct Round {
    passed: bool,
    failed: Vec<String>,
}

/// Runs the test binary with these arguments, showing its output as it comes.
fn round(arguments: &[String]) -> Result<Round> {
    let mut child = Command::new("cargo")
        .args(["test", "--release", "--locked", "--package", "gantry-tests"])
        .arg("--")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot execute cargo")?;
    let output = child.stdout.take().context("cargo's output is a pipe")?;
    let mut failed = Vec::new();
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        failed.extend(failure(&line).map(str::to_owned));
    }
    Ok(Round {
        passed: child.wait()?.success(),
        failed,
    })
}

/// The test that this line of a test binary says has failed.
fn failure(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn failures_are_read_off_the_output() {
        assert_eq!(failure("test a::b::c ... FAILED"), Some("a::b::c"));
        assert_eq!(failure("test a::b::c ... ok"), None);
        assert_eq!(failure("test result: FAILED. 1 passed"), None);
    }
}
