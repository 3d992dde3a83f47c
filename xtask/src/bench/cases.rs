//! The timed cases.

use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::builds::{self, Build};
use super::contender::{Arena, Contender, shared};
use super::turns::{Measured, Unit, milliseconds};
use crate::{cache, images};

/// One piece of work that all contenders do.
pub(crate) struct Case {
    name: String,
    /// How a person would type it.
    shown: String,
    runs: usize,
    work: Work,
}

/// What is timed.
enum Work {
    /// One command.
    Command(Vec<String>),
    /// Some commands, with commands before them that are not timed and may fail.
    After(Vec<Vec<String>>, Vec<Vec<String>>),
    /// Containers started by several clients at a time, all removed afterwards.
    Storm { containers: usize, at_once: usize },
    /// One build.
    Build(Build),
}

/// All cases.
pub(crate) fn all(runs: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for network in ["bridge", "none", "host"] {
        cases.push(command(
            &format!("run --rm, {network}"),
            runs,
            &format!("run --rm --network {network} busybox true"),
        ));
    }
    cases.push(command("exec", runs, "exec bench-target true"));
    let archive = archive_path();
    let few = (runs / 5).max(3);
    let tag = "toolchain";
    cases.push(Case {
        name: "load, 400 MB image".to_owned(),
        shown: "load -i toolchain.tar".to_owned(),
        runs: few,
        work: Work::After(
            vec![words(&format!("rmi -f {tag}"))],
            vec![words(&format!("load -q -i {archive}"))],
        ),
    });
    cases.push(Case {
        name: "pull, 400 MB image".to_owned(),
        shown: "pull toolchain".to_owned(),
        runs: few,
        work: Work::After(
            vec![words(&format!("rmi -f {tag}"))],
            vec![words(&format!("pull -q {tag}"))],
        ),
    });
    cases.push(Case {
        name: "50 starts, 8 at a time".to_owned(),
        shown: "run -d busybox sleep 1000, 50 times".to_owned(),
        runs: 3,
        work: Work::Storm {
            containers: 50,
            at_once: 8,
        },
    });
    cases.extend(builds_of(few));
    cases.extend(logs(few));
    cases.extend(copies(few));
    cases.push(Case {
        name: "save, 400 MB image".to_owned(),
        shown: "save -o toolchain.tar toolchain".to_owned(),
        runs: few,
        work: Work::After(
            vec![words(&format!("pull -q {tag}"))],
            vec![words(&format!("save -o {} {tag}", scratch("saved.tar")))],
        ),
    });
    cases
}

/// Builds, each of a context of its own.
fn builds_of(runs: usize) -> Vec<Case> {
    let all = builds::all().into_iter();
    all.map(|build| Case {
        name: build.name.to_owned(),
        shown: build.shown.to_owned(),
        runs,
        work: Work::Build(build),
    })
    .collect()
}

/// A large file into a container and out of it again.
fn copies(runs: usize) -> Vec<Case> {
    let (file, out) = (scratch("200M"), scratch("200M.out"));
    let case = |name: &str, shown: &str, words: Vec<String>| Case {
        name: name.to_owned(),
        shown: shown.to_owned(),
        runs,
        work: Work::After(Vec::new(), vec![words]),
    };
    vec![
        case(
            "cp, 200 MB in",
            "cp 200M box:/200M",
            words(&format!("cp {file} bench-cp:/200M")),
        ),
        case(
            "cp, 200 MB out",
            "cp box:/200M 200M",
            words(&format!("cp -q bench-cp:/200M {out}")),
        ),
    ]
}

/// A file that all contenders see.
fn scratch(name: &str) -> String {
    shared().join(name).display().to_string()
}

/// The log of a million lines: being written, and read in several ways.
fn logs(runs: usize) -> Vec<Case> {
    let line = "2026-01-02 INFO handled GET /index.html in 12 ms for 192.0.2.1, user agent curl";
    let shell = format!("yes '{line}' | head -n 1000000");
    // Room for all of it: what is bounded by default would not be the same work.
    let mut write = words("run -d --name bench-logs --log-opt max-size=1g busybox sh -c");
    write.push(shell);
    let mut cases = vec![Case {
        name: "logs, a million lines written".to_owned(),
        shown: "run -d busybox sh -c 'yes ... | head -n 1000000'; wait".to_owned(),
        runs,
        work: Work::After(
            vec![words("rm -f bench-logs")],
            vec![write, words("wait bench-logs")],
        ),
    }];
    for (name, shown) in [
        ("logs, a million lines read", "logs bench-logs"),
        ("logs, the last line read", "logs --tail 1 bench-logs"),
        ("logs, since now read", "logs --since 1s bench-logs"),
    ] {
        cases.push(command(name, runs, shown));
    }
    cases
}

fn command(name: &str, runs: usize, shown: &str) -> Case {
    Case {
        name: name.to_owned(),
        shown: shown.to_owned(),
        runs,
        work: Work::Command(words(shown)),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

impl Measured for Case {
    fn name(&self) -> &str {
        &self.name
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
        if let Work::Build(build) = &self.work {
            build.prepare()?;
        }
        if self.name == "exec" {
            let run = words("run -d --name bench-target busybox sleep 1000");
            arena.run(engine, &strs(&run))?;
        }
        if self.name.starts_with("logs") && self.name.ends_with("read") {
            write_logs(arena, engine)?;
        }
        if self.name.starts_with("cp") {
            fill_container(arena, engine)?;
        }
        if self.name.ends_with("400 MB image") {
            make_archive(arena).context("making the archive")?;
        }
        Ok(())
    }

    fn once(&self, arena: &Arena, contender: Contender) -> Result<f64> {
        self.time(arena, contender).map(milliseconds)
    }

    fn tidy(&self, arena: &Arena, engine: Contender) {
        let container = match self.name.as_str() {
            "exec" => "bench-target",
            "cp, 200 MB out" => "bench-cp",
            "logs, since now read" => "bench-logs",
            _ => return,
        };
        let _ = arena.run(engine, &["rm", "-f", container]);
    }
}

impl Case {
    fn time(&self, arena: &Arena, contender: Contender) -> Result<Duration> {
        match &self.work {
            Work::Command(words) => arena.run(contender, &strs(words)),
            Work::After(before, commands) => {
                // Podman does not write over an archive.
                let _ = std::fs::remove_file(scratch("saved.tar"));
                for words in before {
                    let _ = arena.run(contender, &strs(words));
                }
                let mut took = Duration::ZERO;
                for words in commands {
                    took += arena.run(contender, &strs(words))?;
                }
                Ok(took)
            }
            Work::Build(build) => build.once(arena, contender),
            Work::Storm {
                containers,
                at_once,
            } => storm(arena, contender, *containers, *at_once),
        }
    }
}

/// A container with a file of 200 MB that does not compress, and the same file here.
fn fill_container(arena: &Arena, engine: Contender) -> Result<()> {
    let file = scratch("200M");
    if !std::path::Path::new(&file).exists() {
        let mut noise = std::fs::File::open("/dev/urandom")?.take(200_000_000);
        std::io::copy(&mut noise, &mut std::fs::File::create(&file)?)?;
    }
    if arena.run(engine, &["inspect", "bench-cp"]).is_err() {
        let run = words("run -d --name bench-cp busybox sleep 1000");
        arena.run(engine, &strs(&run))?;
        arena.run(engine, &["cp", &file, "bench-cp:/200M"])?;
    }
    Ok(())
}

/// The container whose log is read, if no case before has left it.
fn write_logs(arena: &Arena, engine: Contender) -> Result<()> {
    if arena.run(engine, &["inspect", "bench-logs"]).is_ok() {
        return Ok(());
    }
    for case in logs(1) {
        if let Work::After(_, commands) = &case.work {
            for words in commands {
                arena.run(engine, &strs(words))?;
            }
        }
    }
    Ok(())
}

fn storm(
    arena: &Arena,
    contender: Contender,
    containers: usize,
    at_once: usize,
) -> Result<Duration> {
    let names: Vec<String> = (0..containers).map(|n| format!("storm-{n}")).collect();
    let begun = Instant::now();
    start(arena, contender, &names, at_once)?;
    let took = begun.elapsed();
    let mut remove = vec!["rm", "-f"];
    remove.extend(names.iter().map(String::as_str));
    arena.run(contender, &remove)?;
    Ok(took)
}

/// Starts containers of these names, so many at once.
pub(super) fn start(
    arena: &Arena,
    contender: Contender,
    names: &[String],
    at_once: usize,
) -> Result<()> {
    let mut running = Vec::new();
    for name in names {
        if running.len() == at_once {
            finish(running.remove(0))?;
        }
        let words = ["run", "-d", "--name", name, "busybox", "sleep", "1000"];
        running.push(arena.command(contender, &words).spawn()?);
    }
    running.into_iter().try_for_each(finish)
}

fn finish(child: std::process::Child) -> Result<()> {
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "a start failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn archive_path() -> String {
    scratch("toolchain.tar")
}

/// What `docker save` makes of the large image, which is made first where it is missing.
fn make_archive(arena: &Arena) -> Result<()> {
    let image = "registry/docker/registry/v2/repositories/library/toolchain";
    if !cache::dir().join(image).exists() {
        images::run(&images::Args::only("toolchain"))?;
    }
    if std::path::Path::new(&archive_path()).exists() {
        return Ok(());
    }
    arena.run(Contender::Docker, &["pull", "-q", "toolchain"])?;
    arena.run(
        Contender::Docker,
        &["save", "-o", &archive_path(), "toolchain"],
    )?;
    Ok(())
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
