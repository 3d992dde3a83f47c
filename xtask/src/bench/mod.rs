//! Gantry and real Docker side by side, in turn, on the same work: `cargo xtask bench`.
//!
//! Three contenders: our command line on our daemon, the stock Docker client on our daemon, and the
//! stock client on real Docker (`cargo xtask peers`). Each case runs A, B, C, A, B, C, ...; what
//! counts is the ratio of medians, since machines are noisy.

mod cases;
mod contender;
mod memory;

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

pub(crate) use contender::gantry_binary;
use contender::{Arena, Contender};

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only cases whose name contains one of these
    names: Vec<String>,
    /// Runs of each quick case
    #[arg(short = 'n', long, default_value_t = 15)]
    runs: usize,
    /// Also write the table as Markdown here
    #[arg(long)]
    write: Option<std::path::PathBuf>,
}

/// One measured line.
struct Row {
    case: String,
    command: String,
    figures: Vec<String>,
    ratios: Vec<String>,
}

/// Runs the cases and prints the table.
pub(crate) fn run(args: &Args) -> Result<()> {
    let arena = Arena::open()?;
    let mut rows = Vec::new();
    for case in cases::all(args.runs) {
        if !args.names.is_empty() && !args.names.iter().any(|n| case.name.contains(n.as_str())) {
            continue;
        }
        eprintln!("{}", case.name);
        let times = case
            .measure(&arena)
            .with_context(|| format!("case {}", case.name))?;
        rows.push(timed(&case, &times));
    }
    if args.names.is_empty() || args.names.iter().any(|n| n == "memory") {
        rows.extend(memory::rows(&arena)?);
    }
    let table = render(&rows);
    print!("{table}");
    if let Some(path) = &args.write {
        fs::write(path, table).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn timed(case: &cases::Case, times: &[Vec<Duration>]) -> Row {
    let medians: Vec<Duration> = times.iter().map(|t| median(t)).collect();
    let docker = medians[Contender::Docker as usize].as_secs_f64();
    Row {
        case: case.name.clone(),
        command: case.shown.clone(),
        figures: medians
            .iter()
            .map(|m| format!("{:.1} ms", m.as_secs_f64() * 1e3))
            .collect(),
        ratios: medians[..2]
            .iter()
            .map(|m| format!("{:.1}x", docker / m.as_secs_f64()))
            .collect(),
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn render(rows: &[Row]) -> String {
    let mut out = String::from(
        "| case | gantry, own CLI | gantry, stock CLI | Docker | own CLI faster | stock CLI faster | command |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(
            out,
            "| {} | {} | {} | `{}` |",
            row.case,
            row.figures.join(" | "),
            row.ratios.join(" | "),
            row.command
        );
    }
    out
}
