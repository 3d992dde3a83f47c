//! Who reaches what through which network, with real Docker and with ours: `cargo xtask matrix`.

use anyhow::{Result, bail};
use gantry_compat::matrix::{Differences, SCENES, Scene, Table, Town, World, record};

use crate::compat::{Kind, Stage};

/// Arguments of `cargo xtask matrix`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only scenes whose names contain one of these
    names: Vec<String>,
    /// Write down anew what real Docker gives instead of comparing with it
    #[arg(long)]
    record: bool,
    /// Do not ask real Docker whether it still gives what is written down
    #[arg(long, conflicts_with = "record")]
    ours: bool,
}

/// Does it; what differs is printed and makes it fail.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut wrong = Vec::new();
    if !args.ours {
        wrong.extend(play(args, Kind::Docker)?);
    }
    if !args.record {
        wrong.extend(play(args, Kind::Gantry)?);
    }
    for line in &wrong {
        println!("{line}");
    }
    if !wrong.is_empty() {
        bail!("{} differences", wrong.len());
    }
    Ok(())
}

fn play(args: &Args, kind: Kind) -> Result<Vec<String>> {
    let stage = Stage::open(kind)?;
    let world = World {
        socket: stage.socket(),
        pid: stage.inner_pid()?.parse()?,
    };
    let town = Town::around(world.pid)?;
    let wanted =
        |scene: &&Scene| args.names.is_empty() || args.names.iter().any(|n| scene.name.contains(n));
    let mut wrong = Vec::new();
    for scene in SCENES.iter().filter(wanted) {
        let found = record(&world, &town, scene)?;
        if args.record {
            found.write(scene.name)?;
            println!("{}: recorded", scene.name);
            continue;
        }
        let left = match kind {
            Kind::Docker => Differences::none(),
            Kind::Gantry => Differences::read()?,
        }
        .left(scene.name, &Table::golden(scene.name)?, &found);
        println!("{kind:?} {}: {} differences", scene.name, left.len());
        wrong.extend(left);
    }
    Ok(wrong)
}
