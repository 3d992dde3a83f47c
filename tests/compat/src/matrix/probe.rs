//! Asking servers whom they see.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The server of every container, and of the client.
pub(super) const SERVER: &str = include_str!("server.py");
const PROBE: &str = include_str!("probe.py");

/// One question: who connects says where it goes; the row and column are where the answer belongs.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) row: String,
    pub(super) column: String,
    pub(super) protocol: &'static str,
    pub(super) address: String,
    pub(super) port: u16,
}

/// Asks all of them at once by `COMMAND -c PROGRAM LIST`.
pub(super) fn ask(mut command: Command, probes: &[Probe]) -> Result<Vec<String>> {
    let list: Vec<_> = probes
        .iter()
        .map(|probe| serde_json::json!([probe.protocol, probe.address, probe.port]))
        .collect();
    let list = serde_json::Value::Array(list).to_string();
    command.args(["-c", PROBE, &list]).stdin(Stdio::null());
    let output = command.output().context("cannot ask")?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
