//! Gantry, real Docker and Podman side by side, in turn, on the same work: `cargo xtask bench`.
//!
//! Four contenders: our command line on our daemon, the stock Docker client on our daemon, the
//! stock client on real Docker, and Podman (`cargo xtask peers`). Each case runs A, B, C, D, A, B,
//! C, D, ...; what counts is the ratio of medians, since machines are noisy.

mod builds;
mod cases;
mod compose;
mod contender;
mod crowd;
pub(crate) mod load;
mod memory;
mod network;
mod podman;
mod surroundings;
mod turns;
mod volume;

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use contender::Arena;
pub(crate) use contender::gantry_binary;
use turns::Measured;

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
    for case in all(args.runs) {
        let wanted = |n: &String| case.name().contains(n.as_str());
        if !args.names.is_empty() && !args.names.iter().any(wanted) {
            continue;
        }
        eprintln!("{}", case.name());
        let row =
            turns::measure(&*case, &arena).with_context(|| format!("case {}", case.name()))?;
        eprintln!("  {}", row.figures.join(" | "));
        rows.push(row);
    }
    if args.names.is_empty() || args.names.iter().any(|n| n == "memory") {
        rows.extend(memory::rows(&arena)?);
    }
    network::clear(&arena);
    let table = render(&rows);
    print!("{table}");
    if let Some(path) = &args.write {
        fs::write(path, table).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn all(runs: usize) -> Vec<Box<dyn Measured>> {
    let mut all: Vec<Box<dyn Measured>> = Vec::new();
    for case in cases::all(runs) {
        all.push(Box::new(case));
    }
    let few = (runs / 5).max(3);
    all.push(Box::new(crowd::Stats { runs: few }));
    all.extend(compose::all(few));
    all.extend(network::all(runs));
    all.extend(volume::all(runs));
    all
}

fn render(rows: &[Row]) -> String {
    let mut out = String::from(
        "| case | gantry, own CLI | gantry, stock CLI | Docker | Podman | own CLI to Docker | stock CLI to Docker | own CLI to Podman | command |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            row.case,
            row.figures.join(" | "),
            row.ratios.join(" | "),
            row.command
        );
    }
    out
}
