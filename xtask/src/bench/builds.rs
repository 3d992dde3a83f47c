//! Builds that are timed.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;

use super::contender::{Arena, Contender};
use crate::cache;

/// A build: what is built, and what goes before it, untimed.
pub(crate) struct Build {
    /// The case's name.
    pub(crate) name: &'static str,
    /// What a person would say of it.
    pub(crate) shown: &'static str,
    dockerfile: &'static str,
    files: Files,
    no_cache: bool,
    before: Before,
}

/// The context beside the Dockerfile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    Few,
    Many,
    Large,
}

/// What happens before each time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The builder forgets all it has.
    Prune,
    /// One file gets another content.
    Change,
}

const TEN: &str = "FROM busybox
ENV A=1
WORKDIR /work
COPY few /few
RUN echo one > one
RUN echo two > two
RUN echo three > three
RUN echo four > four
LABEL a=b
CMD [\"sh\"]
";

const STAGES: &str = "FROM busybox AS one
RUN sleep 1; echo 1 > /1
FROM busybox AS two
RUN sleep 1; echo 2 > /2
FROM busybox AS three
RUN sleep 1; echo 3 > /3
FROM busybox AS four
RUN sleep 1; echo 4 > /4
FROM busybox
COPY --from=one /1 /
COPY --from=two /2 /
COPY --from=three /3 /
COPY --from=four /4 /
";

/// All of them.
pub(crate) fn all() -> Vec<Build> {
    let copy = "FROM busybox\nCOPY . /copied\n";
    let build = |name, shown, dockerfile, files, no_cache, before| Build {
        name,
        shown,
        dockerfile,
        files,
        no_cache,
        before,
    };
    use Before::{Change, Nothing, Prune};
    use Files::{Few, Large, Many};
    vec![
        build(
            "build-cached",
            "build, 10 steps, all cached",
            TEN,
            Few,
            false,
            Nothing,
        ),
        build(
            "build-cold",
            "build --no-cache, 10 steps",
            TEN,
            Few,
            true,
            Nothing,
        ),
        build(
            "build-stages",
            "build --no-cache, 4 stages of RUN sleep 1",
            STAGES,
            Few,
            true,
            Nothing,
        ),
        build(
            "copy-20000",
            "builder prune -af; build, COPY of 20,000 files",
            copy,
            Many,
            false,
            Prune,
        ),
        build(
            "copy-unchanged",
            "build, COPY of 20,000 files, unchanged",
            copy,
            Many,
            false,
            Nothing,
        ),
        build(
            "context-1gb-changed",
            "build, a context of 1 GB in a layer of its own, one other file changed",
            "FROM busybox\nCOPY files /files\nCOPY changed /\n",
            Large,
            false,
            Change,
        ),
        build(
            "copy-1gb-changed",
            "build, COPY of 1 GB, one file changed",
            copy,
            Large,
            false,
            Change,
        ),
    ]
}

impl Build {
    fn folder(&self) -> PathBuf {
        let name = match self.files {
            Files::Few => "few",
            Files::Many => "many",
            Files::Large => "large",
        };
        cache::dir().join("bench-contexts").join(name)
    }

    /// Makes the context, once for all measurements.
    pub(crate) fn prepare(&self) -> Result<()> {
        let folder = self.folder();
        if !folder.join("made").exists() {
            fs::create_dir_all(folder.join("few"))?;
            for n in 0..10 {
                fs::write(folder.join(format!("few/{n}")), format!("file {n}\n"))?;
            }
            match self.files {
                Files::Few => {}
                Files::Many => many(&folder)?,
                Files::Large => large(&folder)?,
            }
            fs::write(folder.join("made"), "")?;
        }
        fs::write(
            folder.join(format!("{}.Dockerfile", self.name)),
            self.dockerfile,
        )?;
        Ok(())
    }

    /// Builds once.
    pub(crate) fn once(&self, arena: &Arena, contender: Contender) -> Result<Duration> {
        let folder = self.folder();
        match self.before {
            Before::Nothing => {}
            Before::Prune => drop(arena.run(contender, &["builder", "prune", "-af"])?),
            Before::Change => {
                static COUNT: AtomicU64 = AtomicU64::new(0);
                let number = COUNT.fetch_add(1, Ordering::Relaxed);
                let text = format!("{} {number}\n", std::process::id());
                fs::write(folder.join("changed"), text)?;
            }
        }
        let file = folder.join(format!("{}.Dockerfile", self.name));
        let (file, context) = (file.display().to_string(), folder.display().to_string());
        let mut words = vec!["build", "-q", "-t", "bench-build", "-f", &file];
        if self.no_cache {
            words.push("--no-cache");
        }
        words.push(&context);
        arena.run(contender, &words)
    }
}

fn many(folder: &std::path::Path) -> Result<()> {
    for n in 0..20_000 {
        let place = folder.join(format!("files/{:03}", n / 100));
        if n % 100 == 0 {
            fs::create_dir_all(&place)?;
        }
        fs::write(place.join(n.to_string()), format!("{n}\n").repeat(100))?;
    }
    Ok(())
}

/// A thousand files of a megabyte that does not compress.
fn large(folder: &std::path::Path) -> Result<()> {
    let mut noise = File::open("/dev/urandom")?;
    let mut block = vec![0; 1 << 20];
    fs::create_dir_all(folder.join("files"))?;
    for n in 0..1000 {
        noise.read_exact(&mut block)?;
        File::create(folder.join(format!("files/{n}")))?.write_all(&block)?;
    }
    Ok(())
}
