//! Memory: the idle daemon, and what a running container costs above its payload.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Row;
use super::contender::{Arena, Contender};

const CONTAINERS: u8 = 10;
/// A daemon is idle when nobody has asked it for anything for this long.
const IDLE: Duration = Duration::from_secs(60);

/// The rows about memory; proportional set sizes, so that shared pages count once.
pub(crate) fn rows(arena: &Arena) -> Result<Vec<Row>> {
    let mut idle = Vec::new();
    thread::sleep(IDLE);
    let mut each = Vec::new();
    for contender in [Contender::Own, Contender::Docker] {
        let before = total(&arena.daemon_pids(contender)?)?;
        idle.push(before);
        each.push(per_container(arena, contender)?);
    }
    Ok(vec![
        row(
            "daemon idle, PSS",
            "smaps_rollup of the daemon (Docker: with containerd) after a minute without requests",
            &idle,
        ),
        row(
            "per running container above its payload, PSS",
            "smaps_rollup of the monitor (Docker: the shim)",
            &each,
        ),
    ])
}

fn row(case: &str, command: &str, kib: &[f64]) -> Row {
    let shown = |kib: f64| format!("{:.2} MiB", kib / 1024.0);
    let ratio = format!("{:.1}x", kib[1] / kib[0]);
    Row {
        case: case.to_owned(),
        command: command.to_owned(),
        figures: vec![shown(kib[0]), shown(kib[0]), shown(kib[1])],
        ratios: vec![ratio.clone(), ratio],
    }
}

/// The mean PSS of what stays with a container besides its own process.
fn per_container(arena: &Arena, contender: Contender) -> Result<f64> {
    let before = keepers(contender)?;
    let names: Vec<String> = (0..CONTAINERS).map(|n| format!("memory-{n}")).collect();
    for name in &names {
        arena.run(
            contender,
            &["run", "-d", "--name", name, "busybox", "sleep", "1000"],
        )?;
    }
    let mut new = keepers(contender)?;
    new.retain(|pid| !before.contains(pid));
    let sum = total(&new)?;
    let mut remove = vec!["rm", "-f"];
    remove.extend(names.iter().map(String::as_str));
    arena.run(contender, &remove)?;
    Ok(sum / f64::from(CONTAINERS))
}

/// Monitors, or shims.
fn keepers(contender: Contender) -> Result<Vec<u32>> {
    let wanted = if contender == Contender::Docker {
        "containerd-shim"
    } else {
        "gantry-runtime"
    };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if line
            .split('\0')
            .next()
            .is_some_and(|program| program.contains(wanted))
        {
            found.push(pid);
        }
    }
    Ok(found)
}

/// KiB.
fn total(pids: &[u32]) -> Result<f64> {
    let mut sum = 0.0;
    for pid in pids {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let pss = text
            .lines()
            .find_map(|l| l.strip_prefix("Pss:"))
            .context("no Pss in smaps_rollup")?;
        sum += pss.trim().trim_end_matches(" kB").parse::<f64>()?;
    }
    Ok(sum)
}
