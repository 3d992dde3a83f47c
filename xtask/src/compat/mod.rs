//! Real Docker and ours, side by side: the same requests, the same clients.
//!
//! What is compared and how, `tests/compat` knows; here are the daemons. Each runs in mount,
//! network, PID and IPC namespaces of its own, with a registry of the test images beside it.

mod build;
mod help;
mod stage;

use anyhow::{Result, bail};
use gantry_compat::{Golden, Listed, Play, Player, Recording};

pub(crate) use stage::{Kind, Stage};

/// Arguments of `cargo xtask compat`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only plays (or clients) whose names contain one of these
    names: Vec<String>,
    /// Write real Docker's answers down anew instead of comparing with them
    #[arg(long)]
    record: bool,
    /// Do not ask real Docker whether its answers are still those that are written down
    #[arg(long, conflicts_with = "record")]
    ours: bool,
    /// Run the clients' suites instead, against both
    #[arg(long, conflicts_with = "record")]
    clients: bool,
    /// Write the help texts of real Docker's commands down anew
    #[arg(long, conflicts_with_all = ["record", "clients", "ours"])]
    help_texts: bool,
    /// Build the corpus of `tests/build` instead
    #[arg(long, conflicts_with = "clients")]
    build: bool,
}

/// Does it; what differs is printed and makes it fail.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.clients {
        return clients(args);
    }
    if args.help_texts {
        return help::record();
    }
    if args.build {
        return build::run(args);
    }
    let plays = chosen(&args.names)?;
    let mut wrong = Vec::new();
    if !args.ours {
        let docker = Stage::open(Kind::Docker)?;
        let player = Player::new(docker.setting())?;
        for play in &plays {
            let recording = player.play(play)?;
            if args.record {
                Golden { recording }.write(play)?;
                println!("{}: recorded", play.name);
            } else {
                wrong.extend(stale(play, &recording)?);
            }
        }
        player.tidy()?;
    }
    if !args.record {
        let mut listed = Listed::read()?;
        let ours = Stage::open(Kind::Gantry)?;
        let player = Player::new(ours.setting())?;
        for play in &plays {
            let recording = player.play(play)?;
            let golden = Golden::read(play)?;
            let left = gantry_compat::verdict(play, &golden, &recording, &mut listed);
            println!("{}: {} differences", play.name, left.len());
            wrong.extend(left);
        }
        player.tidy()?;
        if args.names.is_empty() {
            let unused = listed.unused().into_iter();
            wrong.extend(unused.map(|line| format!("listed, but does not differ: {line}")));
        }
    }
    report(&wrong)
}

/// What real Docker answers now, but not when it was recorded.
fn stale(play: &Play, recording: &Recording) -> Result<Vec<String>> {
    let golden = Golden::read(play)?;
    let mut none = Listed::none();
    let left = gantry_compat::verdict(play, &golden, recording, &mut none);
    Ok(left
        .into_iter()
        .map(|line| format!("real Docker itself (recorded, now): {line}"))
        .collect())
}

fn chosen(names: &[String]) -> Result<Vec<Play>> {
    let plays = Play::all()?;
    Ok(plays
        .into_iter()
        .filter(|play| names.is_empty() || names.iter().any(|n| play.name.contains(n)))
        .collect())
}

fn clients(args: &Args) -> Result<()> {
    let mut wrong = Vec::new();
    for kind in [Kind::Docker, Kind::Gantry] {
        if kind == Kind::Docker && args.ours {
            continue;
        }
        for suite in gantry_compat::clients::all()? {
            if !args.names.is_empty() && !args.names.iter().any(|n| suite.name.contains(n)) {
                continue;
            }
            let stage = Stage::open(kind)?;
            let begun = std::time::Instant::now();
            let said = stage.run(&suite);
            let took = begun.elapsed().as_secs_f32();
            println!(
                "{kind:?} {}: {} in {took:.1} s",
                suite.name,
                if said.is_ok() { "passed" } else { "failed" }
            );
            if let Err(e) = said {
                wrong.push(format!("{kind:?} {}: {e:#}", suite.name));
            }
        }
    }
    report(&wrong)
}

fn report(wrong: &[String]) -> Result<()> {
    for line in wrong {
        println!("{line}");
    }
    if !wrong.is_empty() {
        bail!("{} differences", wrong.len());
    }
    Ok(())
}
