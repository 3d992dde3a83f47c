//! What people build, from `tests/programs`: each built, run and changed, with three command lines.

use std::fs;
use std::path::{Path, PathBuf};

use super::script;
use crate::harness::{Client, Run, eventually};

/// How a build is asked for.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Buildx,
    Classic,
    Own,
}

#[test]
fn programs_are_built_by_the_stock_client() {
    programs_are_built(Way::Buildx);
}

#[test]
fn programs_are_built_by_the_stock_client_without_buildkit() {
    programs_are_built(Way::Classic);
}

#[test]
fn programs_are_built_by_our_client() {
    programs_are_built(Way::Own);
}

/// One daemon for all: what they are built on is large.
fn programs_are_built(way: Way) {
    let at = Workplace::new(way);
    a_c_program_by_make(&at);
    a_python_service_by_pip(&at);
    a_node_service(&at);
    a_rust_program_by_cargo(&at);
    a_site_for_nginx(&at);
}

/// A daemon, a command line, and a copy of a program's folder.
struct Workplace {
    client: Client,
    way: Way,
}

/// A build: what it said, and which of its instructions were made rather than found.
struct Built {
    said: String,
    made: Vec<String>,
    count: usize,
}

impl Workplace {
    fn new(way: Way) -> Self {
        let client = match way {
            Way::Own => Client::gantry(),
            Way::Buildx | Way::Classic => Client::docker(),
        };
        Self { client, way }
    }

    /// A copy that may be changed.
    fn take(&self, program: &str) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("programs")
            .join(program);
        let to = self.client.daemon.world.folder().join(program);
        let copy = format!("cp -r {} {}", from.display(), to.display());
        self.client.daemon.world.sh(&copy).ok();
        to
    }

    fn build(&self, folder: &Path, options: &str) -> Built {
        let (at, name) = (folder.display(), name_of(folder));
        let line = format!("$C build -t {name} --target image {options} {at} 2>&1");
        let run = match self.way {
            Way::Classic => {
                let script = format!("export DOCKER_BUILDKIT=0; {line}");
                self.client.script(&script, "")
            }
            Way::Buildx | Way::Own => script(&self.client, &line),
        };
        self.read(&run)
    }

    #[track_caller]
    fn read(&self, run: &Run) -> Built {
        let said = run.ok().to_owned();
        let made = match self.way {
            Way::Classic => classic_made(&said),
            Way::Buildx | Way::Own => buildkit_made(&said),
        };
        Built {
            count: made.len(),
            said,
            made,
        }
    }

    /// Builds the program anew, then without a change, then with each; looks which instructions are made.
    fn changes(&self, folder: &Path, options: &str, all: usize, changes: &[Change<'_>]) -> Built {
        let first = self.build(folder, options);
        assert_eq!(first.count, all, "{}", first.said);
        let again = self.build(folder, options);
        assert_eq!(again.count, 0, "made again: {:?}", again.made);
        for change in changes {
            let file = folder.join(change.file);
            let text = fs::read_to_string(&file).unwrap();
            let changed = text.replace(change.from, change.to);
            assert_ne!(text, changed, "{} has {}", change.file, change.from);
            fs::write(&file, changed).unwrap();
            let built = self.build(folder, options);
            assert_eq!(built.count, change.made.len(), "{}", built.said);
            if self.way != Way::Classic {
                for expected in change.made {
                    let there = built.made.iter().any(|made| made.starts_with(expected));
                    assert!(there, "{}: {:?}", change.file, built.made);
                }
            }
        }
        first
    }

    /// Runs the program as a service and waits until it gives this page.
    fn serves(&self, folder: &Path, port: u16, pages: &[(&str, &str)]) {
        let name = name_of(folder);
        self.client.ok(&format!(
            "run -d --name {name} -p 127.0.0.1:8123:{port} {name}"
        ));
        for (path, page) in pages {
            let ask = format!("curl -fs --max-time 5 http://127.0.0.1:8123{path}");
            eventually(&format!("{name} serves {path}"), || {
                self.client.daemon.world.sh(&ask).stdout == *page
            });
        }
        self.client.ok(&format!("rm -f {name}"));
    }
}

/// A file that is changed, and how the instructions begin that are made anew then.
struct Change<'a> {
    file: &'a str,
    from: &'a str,
    to: &'a str,
    made: &'a [&'a str],
}

fn name_of(folder: &Path) -> String {
    format!("my-{}", folder.file_name().unwrap().to_string_lossy())
}

/// `#7 [made 3/5] COPY lib/ lib/` is a step's name; `#7 CACHED` says that it was found.
fn buildkit_made(said: &str) -> Vec<String> {
    let mut steps: Vec<(usize, &str)> = Vec::new();
    let mut found = Vec::new();
    for line in said.lines() {
        let Some((number, rest)) = line.strip_prefix('#').and_then(|l| l.split_once(' ')) else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        let name = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "));
        match name {
            Some((place, name))
                if place != "internal"
                    && !name.starts_with("FROM ")
                    && !steps.iter().any(|(known, _)| *known == number) =>
            {
                steps.push((number, name));
            }
            None if rest == "CACHED" => found.push(number),
            _ => {}
        }
    }
    steps.retain(|(number, name)| !found.contains(number) && by_layer(name));
    // Numbers are given in the order in which steps begin.
    steps.iter().map(|(_, name)| (*name).to_owned()).collect()
}

fn by_layer(instruction: &str) -> bool {
    ["RUN ", "COPY ", "ADD ", "WORKDIR "]
        .iter()
        .any(|start| instruction.starts_with(start))
}

/// The classic display has the steps of several stages among each other: what was made can be counted, not named.
fn classic_made(said: &str) -> Vec<String> {
    let steps = said.lines().filter(|line| {
        let name = line.strip_prefix("Step ").and_then(|l| l.split_once(" : "));
        name.is_some_and(|(_, name)| by_layer(name))
    });
    let found = said.matches(" ---> Using cache").count();
    vec!["?".to_owned(); steps.count() - found]
}

fn a_c_program_by_make(at: &Workplace) {
    let folder = at.take("c");
    at.changes(
        &folder,
        "",
        9,
        &[
            Change {
                file: "words.txt",
                from: "of a file",
                to: "of one more file",
                made: &["COPY words.txt"],
            },
            Change {
                file: "main.c",
                from: "\"r\"",
                to: "\"rb\"",
                made: &[
                    "COPY main.c",
                    "RUN --network=none make count",
                    "RUN --network=none make test",
                    "COPY --from=made",
                    "COPY words.txt",
                ],
            },
        ],
    );
    assert_eq!(at.client.ok("run --rm my-c"), "2 lines, 7 words");
    let dirs = at
        .client
        .ok("run --rm --entrypoint sh my-c -c 'id -un; ls /c 2>&1; command -v gcc || true'");
    assert!(dirs.starts_with("nobody\nls: cannot access"), "{dirs}");
}

fn a_python_service_by_pip(at: &Workplace) {
    let folder = at.take("python");
    at.changes(
        &folder,
        "",
        7,
        &[Change {
            file: "app.py",
            from: "or \"you\"",
            to: "or \"all\"",
            made: &["COPY app.py"],
        }],
    );
    at.serves(
        &folder,
        8000,
        &[("/", "Hello, all!\n"), ("/x", "Hello, x!\n")],
    );
    // Another list of packages: what pip has built is still in its cache.
    fs::write(folder.join("requirements.txt"), "greeter>=1.0\n").unwrap();
    let built = at.build(&folder, "");
    assert!(
        built
            .said
            .contains("Using cached greeter-1.0-py3-none-any.whl"),
        "{}",
        built.said
    );
    at.serves(&folder, 8000, &[("/x", "Hello, x!\n")]);
}

fn a_node_service(at: &Workplace) {
    let folder = at.take("node");
    at.changes(
        &folder,
        "",
        8,
        &[Change {
            file: "names.json",
            from: "Anna",
            to: "Antje",
            made: &["COPY names.json"],
        }],
    );
    at.serves(
        &folder,
        8000,
        &[("/a", "Hello, Antje!\n"), ("/c", "Hello, nobody!\n")],
    );
}

fn a_rust_program_by_cargo(at: &Workplace) {
    let folder = at.take("rust");
    let rust = at.client.daemon.world.folder().join("toolchain");
    // The machine's own compiler, without what a build does not need.
    let collect = format!(
        "set -e; r=$(rustc --print sysroot); t=$(rustc -vV | sed -n 's/^host: //p'); \
         mkdir -p {0}/bin {0}/lib/rustlib/$t/lib; cp -L $r/bin/cargo $r/bin/rustc {0}/bin/; \
         ldd $r/bin/cargo $r/bin/rustc | grep -o '/[^ ]*' | grep -v ':$' | sort -u | \
           grep -vE '/(ld-linux|libc|libm|libdl|librt|libpthread)[-.]' | xargs -I% cp -L % {0}/lib/; \
         cp -L $r/lib/rustlib/$t/lib/*.r* {0}/lib/rustlib/$t/lib/; \
         l=$r/lib/rustlib/$t/bin; [ ! -d $l/gcc-ld ] || {{ mkdir -p {0}/lib/rustlib/$t/bin; cp -rL $l/gcc-ld $l/rust-lld {0}/lib/rustlib/$t/bin/; }}",
        rust.display()
    );
    at.client.daemon.world.sh(&collect).ok();
    let options = if at.way == Way::Classic {
        // POST /build knows no named contexts, but images.
        let import = format!("tar -C {} -c . | $C import - rust", rust.display());
        at.client.script(&import, "").ok();
        String::new()
    } else {
        format!("--build-context rust={}", rust.display())
    };
    let first = at.changes(
        &folder,
        &options,
        7,
        &[Change {
            file: "text.txt",
            from: "various",
            to: "quite different",
            made: &["COPY text.txt"],
        }],
    );
    assert!(
        first.said.contains("Compiling words v1.0.0"),
        "{}",
        first.said
    );
    // Cargo's own folder stays: what did not change is not compiled again.
    let main = fs::read_to_string(folder.join("src/main.rs")).unwrap();
    let changed = folder.join("src/main.rs");
    fs::write(&changed, main.replace("longest: ", "the longest: ")).unwrap();
    // Layers know whole seconds, and cargo goes by times: an edit within the second of the build
    // before would look older than what was compiled.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(2);
    let file = fs::File::options().write(true).open(&changed).unwrap();
    file.set_modified(later).unwrap();
    let built = at.build(&folder, &options);
    assert!(
        built.said.contains("Compiling longest v1.0.0"),
        "{}",
        built.said
    );
    assert!(!built.said.contains("Compiling words"), "{}", built.said);
    assert_eq!(at.client.ok("run --rm my-rust"), "the longest: different");
}

fn a_site_for_nginx(at: &Workplace) {
    let folder = at.take("web");
    at.changes(
        &folder,
        "",
        7,
        &[Change {
            file: "pages/about.txt",
            from: "about",
            to: "us",
            made: &[
                "COPY pages/",
                "RUN --network=none python",
                "COPY --from=made",
                "RUN --network=none nginx",
            ],
        }],
    );
    at.serves(
        &folder,
        80,
        &[
            ("/alive", "yes\n"),
            (
                "/",
                "<title>Home</title><h1>Home</h1><p>This is home.</p>\n",
            ),
            (
                "/about.html",
                "<title>About</title><h1>About</h1><p>This is us.</p>\n",
            ),
        ],
    );
}
