//! Memory: the idle daemon, and what a running container costs above its payload.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Row;
use super::contender::{Arena, Contender, ENGINES};
use super::turns::ratio;

const CONTAINERS: u8 = 10;
/// A daemon is idle when nobody has asked it for anything for this long.
const IDLE: Duration = Duration::from_secs(60);

/// The rows about memory; proportional set sizes, so that shared pages count once.
pub(crate) fn rows(arena: &Arena) -> Result<Vec<Row>> {
    let mut idle = Vec::new();
    thread::sleep(IDLE);
    let mut each = Vec::new();
    for contender in ENGINES {
        // Podman has no daemon.
        let pids = arena.daemon_pids(contender)?;
        idle.push((!pids.is_empty()).then(|| total(&pids)).transpose()?);
        each.push(Some(per_container(arena, contender)?));
    }
    Ok(vec![
        row(
            "daemon idle, PSS",
            "smaps_rollup of the daemon (Docker: with containerd) after a minute without requests",
            &idle,
        ),
        row(
            "per running container above its payload, PSS",
            "smaps_rollup of the monitor (Docker: the shim, Podman: conmon)",
            &each,
        ),
    ])
}

/// KiB of ours, Docker's and Podman's.
fn row(case: &str, command: &str, kib: &[Option<f64>]) -> Row {
    let shown = |kib: Option<f64>| {
        kib.map_or_else(|| "-".to_owned(), |kib| format!("{:.2} MiB", kib / 1024.0))
    };
    let times = |theirs: Option<f64>| ratio(theirs.zip(kib[0]).map(|(theirs, own)| theirs / own));
    Row {
        case: case.to_owned(),
        command: command.to_owned(),
        figures: [kib[0], kib[0], kib[1], kib[2]].map(shown).to_vec(),
        ratios: vec![times(kib[1]), times(kib[1]), times(kib[2])],
    }
}

/// The mean PSS of what stays with a container besides its own process.
fn per_container(arena: &Arena, contender: Contender) -> Result<f64> {
    let before = keepers(arena, contender)?;
    let names: Vec<String> = (0..CONTAINERS).map(|n| format!("memory-{n}")).collect();
    for name in &names {
        arena.run(
            contender,
            &["run", "-d", "--name", name, "busybox", "sleep", "1000"],
        )?;
    }
    let mut new = keepers(arena, contender)?;
    new.retain(|pid| !before.contains(pid));
    let sum = total(&new)?;
    let mut remove = vec!["rm", "-f"];
    remove.extend(names.iter().map(String::as_str));
    arena.run(contender, &remove)?;
    Ok(sum / f64::from(CONTAINERS))
}

/// Monitors, or shims.
fn keepers(arena: &Arena, contender: Contender) -> Result<Vec<u32>> {
    let name = match contender {
        Contender::Own | Contender::Stock => "gantry-runtime",
        Contender::Docker => "containerd-shim",
        Contender::Podman => "conmon",
    };
    arena.processes(contender, |words| words[0].contains(name))
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
