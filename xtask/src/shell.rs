//! Running other programs and saying clearly which one failed.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command to its end; its output goes to the terminal only if it fails.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot execute {shown}; ./test installs what it needs"))?;
    if !output.status.success() {
        bail!(
            "{shown} failed with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a shell script with `set -eu`; `vars` are its environment.
pub(crate) fn script(text: &str, vars: &[(&str, &str)]) -> Result<String> {
    let mut command = Command::new("bash");
    command.args(["-euc", text]).envs(vars.iter().copied());
    run(&mut command)
}
