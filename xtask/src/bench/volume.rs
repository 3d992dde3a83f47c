//! Volumes: writing, unpacking and copy-up, beside the host's own speed.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};

use super::contender::{Arena, Contender, printed, shared};
use super::turns::{Measured, Unit, milliseconds};
use crate::shell;

/// All cases.
pub(super) fn all(runs: usize) -> Vec<Box<dyn Measured>> {
    let few = (runs / 3).max(3);
    vec![
        Box::new(Work::new(few, "volume, 1 GB written", WRITE, "true")),
        // Each in a folder of its own: removing so many takes a minute where the disk is told of
        // each freed block (`discard`).
        Box::new(Work::new(
            2,
            "volume, 20,000 files unpacked",
            "tar -xf /files.tar -C $V/$T",
            "mkdir -p $V/$T",
        )),
        Box::new(CopyUp { runs: few }),
    ]
}

const WRITE: &str = "dd if=/dev/zero of=$V/file bs=1M count=1000 conv=fsync";
const BOX: &str = "bench-volume";
const IMAGE: &str = "bench-copy-up";

/// A command of busybox in a folder `$V`: a volume's, or one of the host's; `$T` is new each time.
struct Work {
    name: &'static str,
    shown: String,
    runs: usize,
    work: &'static str,
    before: &'static str,
    turn: AtomicUsize,
}

impl Work {
    fn new(runs: usize, name: &'static str, work: &'static str, before: &'static str) -> Self {
        Self {
            name,
            shown: format!("exec box {}", work.replace("$V", "/v").replace("$T", "1")),
            runs,
            work,
            before,
            turn: AtomicUsize::new(0),
        }
    }

    /// A command's words, for this folder.
    fn words(script: &str, folder: &str, turn: usize) -> String {
        script
            .replace("$V", folder)
            .replace("$T", &turn.to_string())
    }
}

impl Measured for Work {
    fn name(&self) -> &str {
        self.name
    }

    fn shown(&self) -> &str {
        &self.shown
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn prepare(&self, arena: &Arena, engine: Contender) -> Result<()> {
        make_files()?;
        let archive = shared().join("files.tar").display().to_string();
        for words in [
            "volume create bench-volume",
            "create --name bench-volume -v bench-volume:/v busybox sleep 3600",
        ] {
            arena.run(engine, &words.split(' ').collect::<Vec<_>>())?;
        }
        arena.run(engine, &["cp", &archive, "bench-volume:/files.tar"])?;
        arena.run(engine, &["start", BOX]).map(drop)
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let inside = |script: &str| {
            let script = Self::words(script, "/v", turn);
            let mut words = vec!["exec", BOX];
            words.extend(script.split(' '));
            arena.run(contender, &words)
        };
        inside(self.before)?;
        settle()?;
        inside(self.work).map(milliseconds)
    }

    fn bare(&self, _arena: &Arena) -> Option<Result<f64>> {
        let folder = shared().join("bare");
        let at_host = |script: &str| {
            let script = script.replace("$V", &folder.display().to_string()).replace(
                "/files.tar",
                &shared().join("files.tar").display().to_string(),
            );
            printed(Command::new("busybox").args(script.split(' ')))
        };
        let measured = || {
            fs::create_dir_all(&folder)?;
            at_host(self.before)?;
            settle()?;
            let begun = Instant::now();
            at_host(self.work)?;
            Ok(milliseconds(begun.elapsed()))
        };
        Some(measured())
    }

    fn tidy(&self, arena: &Arena, engine: Contender) {
        let _ = fs::remove_dir_all(shared().join("bare"));
        let _ = arena.run(engine, &["rm", "-f", BOX]);
        let _ = arena.run(engine, &["volume", "rm", BOX]);
    }
}

/// A volume that is filled from an image's folder of 200 MB.
struct CopyUp {
    runs: usize,
}

impl Measured for CopyUp {
    fn name(&self) -> &'static str {
        "volume, copy-up of 200 MB"
    }

    fn shown(&self) -> &'static str {
        "run --rm -v new:/data image true, with 2,000 files in the image's /data"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn prepare(&self, arena: &Arena, engine: Contender) -> Result<()> {
        let root = shared().join("copy-up.tar");
        make_root()?;
        arena
            .run(engine, &["import", &root.display().to_string(), IMAGE])
            .map(drop)
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        let _ = arena.run(contender, &["volume", "rm", IMAGE]);
        settle()?;
        let mount = format!("{IMAGE}:/data");
        let words = ["run", "--rm", "-v", &mount, IMAGE, "/bin/busybox", "true"];
        arena.run(contender, &words).map(milliseconds)
    }

    fn tidy(&self, arena: &Arena, engine: Contender) {
        let _ = arena.run(engine, &["volume", "rm", IMAGE]);
        let _ = arena.run(engine, &["rmi", IMAGE]);
    }
}

/// What was written before is on the disk, so that nobody pays for the one before.
fn settle() -> Result<()> {
    printed(&mut Command::new("sync")).map(drop)
}

fn make_files() -> Result<()> {
    make(
        "files.tar",
        r#"mkdir -p "$D/files"; cd "$D"
        for i in $(seq 200); do mkdir files/$i; for j in $(seq 100); do echo "$i $j" > files/$i/$j; done; done
        tar -cf "$TO" files"#,
    )
}

fn make_root() -> Result<()> {
    make(
        "copy-up.tar",
        r#"mkdir -p "$D/bin" "$D/data"; cp "$(command -v busybox)" "$D/bin/busybox"; cd "$D/data"
        head -c 200000000 /dev/urandom | split -a 4 -b 100000 -
        tar -C "$D" -cf "$TO" bin data"#,
    )
}

/// Makes a file of the shared folder, unless it is there, with a scratch folder `$D`.
fn make(name: &str, text: &str) -> Result<()> {
    let to = shared().join(name);
    if to.exists() {
        return Ok(());
    }
    let fresh = to.with_extension("new").display().to_string();
    let scratch = shared().join("scratch").display().to_string();
    shell::script(text, &[("TO", &fresh), ("D", &scratch)])
        .with_context(|| format!("making {name}"))?;
    fs::remove_dir_all(&scratch)?;
    Ok(fs::rename(&fresh, &to)?)
}
