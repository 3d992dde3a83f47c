//! Virtual machines: the story of `run` and the limits on kernels that the build machine is not,
//! drivers that its kernel lacks, and a Debian host's own servers and firewall.
//!
//! Most users' hosts are pure cgroup v2. Debian's cloud kernels boot under qemu's software
//! emulation in some ten seconds: bookworm's 6.1, which needs overlay with unpacked layers, and
//! trixie's 6.12, which mounts EROFS from plain files. The guest is some packages of its release,
//! busybox, the release binary and a script ([`guest.sh`](../guest.sh)) with its parts, which print
//! a line for each thing that they checked.

mod disk;
mod kernel;
mod machine;
mod packages;
mod root;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cache;

/// Arguments of `cargo xtask vm`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Whose kernels to boot (default: all)
    #[arg(value_enum)]
    suites: Vec<Suite>,
    /// Show the whole console while it runs
    #[arg(long)]
    console: bool,
    /// Only these parts of the checks, as `guest.sh` names them (default: all)
    #[arg(long = "part")]
    parts: Vec<String>,
}

/// A release of Debian, for its kernel.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    Bookworm,
    Trixie,
}

impl Suite {
    const ALL: [Self; 2] = [Self::Bookworm, Self::Trixie];

    fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// The storage driver that its kernel allows.
    fn driver(self) -> &'static str {
        match self {
            Self::Bookworm => "overlay",
            Self::Trixie => "erofs",
        }
    }
}

/// Boots each kernel in turn and fails if any check failed.
pub(crate) fn run(args: &Args) -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the virtual machines are made from Debian's packages for amd64 only");
    }
    let gantry = gantry()?;
    let chosen = if args.suites.is_empty() {
        &Suite::ALL[..]
    } else {
        &args.suites
    };
    let mut failed = Vec::new();
    for &suite in chosen {
        let tally = boot(suite, &gantry, args)
            .with_context(|| format!("virtual machine with {}'s kernel", suite.name()))?;
        println!(
            "{}: {} passed, {} failed",
            suite.name(),
            tally.passed,
            tally.failed
        );
        if tally.failed > 0 || tally.passed == 0 {
            failed.push(suite.name());
        }
    }
    if !failed.is_empty() {
        bail!("checks failed with the kernel of {}", failed.join(" and "));
    }
    Ok(())
}

fn boot(suite: Suite, gantry: &Path, args: &Args) -> Result<machine::Tally> {
    let kernel = kernel::fetch(suite)?;
    let root = root::image(suite)?;
    let disk = disk::make(&kernel, gantry)?;
    let words = format!(
        "gantry.driver={} gantry.parts={}",
        suite.driver(),
        args.parts.join(",")
    );
    machine::run(&kernel, &root, &disk, &words, args.console)
}

/// Where what the guests need is kept.
fn folder() -> PathBuf {
    cache::dir().join("vm")
}

/// A folder there that is made once, whole or not at all.
fn kept(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = folder().join(name);
    if !folder.exists() {
        let half = folder.with_extension("half");
        if half.exists() {
            fs::remove_dir_all(&half)?;
        }
        fs::create_dir_all(&half)?;
        make(&half)?;
        fs::rename(&half, &folder)?;
    }
    Ok(folder)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

/// `$GANTRY`, or the release binary of the target folder that this program itself lies in.
fn gantry() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("GANTRY") {
        return Ok(path.into());
    }
    let own = std::env::current_exe().context("cannot find this program's own path")?;
    let path = own
        .ancestors()
        .nth(2)
        .map(|target| target.join("release/gantry"))
        .filter(|path| path.exists());
    path.context("no release binary of gantry: `cargo build --release` first, or name it in GANTRY")
}
