//! The daemons that are compared, each in namespaces of its own, and how to command them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::podman::Podman;
use super::surroundings::{Namespace, in_netns, make_neighbour, only_child};
use crate::{cache, peers};

/// Who runs a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// Our command line on our daemon.
    Own = 0,
    /// The stock client on our daemon.
    Stock = 1,
    /// The stock client on real Docker.
    Docker = 2,
    /// Podman, which has no daemon.
    Podman = 3,
}

/// All of them, in the order in which they take turns.
pub(crate) const ALL: [Contender; 4] = [
    Contender::Own,
    Contender::Stock,
    Contender::Docker,
    Contender::Podman,
];
/// One for each engine.
pub(crate) const ENGINES: [Contender; 3] = [Contender::Own, Contender::Docker, Contender::Podman];

/// The engines, running; they end with this.
pub(crate) struct Arena {
    folder: PathBuf,
    gantry: PathBuf,
    world: Child,
    podman: Podman,
    neighbours: Vec<Namespace>,
    registries: Vec<Child>,
}

const WORLD: &str = r#"
ip link set lo up; mount -t proc proc /proc
docker-registry serve "$F/registry.yml" >/dev/null 2>&1 &
"$GANTRY" daemon --config-file "$F/daemon.json" --data-root "$F/data" --exec-root "$F/run" --cgroup-parent gantry-bench >"$F/log" 2>&1 &
wait
"#;

impl Arena {
    pub(crate) fn open() -> Result<Self> {
        peers::run(&peers::Verb::Up)?;
        let folder = cache::dir().join("bench");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(shared())?;
        let registry = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  maintenance:\n    readonly:\n      enabled: true\nhttp:\n  addr: 127.0.0.1:5000\n",
            cache::dir().join("registry").display()
        );
        fs::write(folder.join("registry.yml"), registry)?;
        fs::write(
            folder.join("daemon.json"),
            r#"{"registry-mirrors": ["http://127.0.0.1:5000"]}"#,
        )?;
        let gantry = gantry_binary()?;
        let world = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--ipc",
                "--fork",
                "--kill-child=KILL",
                "--propagation",
                "private",
            ])
            .args(["bash", "-euc", WORLD])
            .env("F", &folder)
            .env("GANTRY", &gantry)
            .stdin(Stdio::null())
            .spawn()?;
        let mut arena = Self {
            folder,
            gantry,
            world,
            podman: Podman::open(docker_pid()?)?,
            neighbours: Vec::new(),
            registries: Vec::new(),
        };
        arena.configure_clients()?;
        arena.wait_for_daemon()?;
        for engine in ENGINES {
            let pid = arena.netns(engine)?;
            if engine != Contender::Own {
                arena.serve_registry(pid)?;
            }
            arena.neighbours.push(make_neighbour(pid)?);
        }
        std::thread::sleep(Duration::from_millis(500));
        for engine in ENGINES {
            for image in ["busybox", "debian"] {
                arena.run(engine, &["pull", image])?;
            }
        }
        Ok(arena)
    }

    /// A process in the network namespace that is the host of an engine.
    pub(crate) fn netns(&self, contender: Contender) -> Result<u32> {
        match contender {
            Contender::Own | Contender::Stock => only_child(self.world.id()),
            Contender::Docker => docker_pid(),
            Contender::Podman => Ok(self.podman.pid()),
        }
    }

    /// A program in the network namespace that is the host of an engine.
    pub(crate) fn at_host(&self, contender: Contender, program: &Path) -> Result<Command> {
        Ok(in_netns(self.netns(contender)?, program))
    }

    /// A program in the network namespace that is another host for an engine.
    pub(crate) fn outside(&self, contender: Contender, program: &Path) -> Command {
        let which = ENGINES.iter().position(|engine| *engine == contender);
        in_netns(self.neighbours[which.unwrap_or(0)].pid(), program)
    }

    /// The stock client takes its builds' plugin from the peers.
    fn configure_clients(&self) -> Result<()> {
        let plugins = peers::root().join("usr/libexec/docker/cli-plugins");
        let json = serde_json::json!({ "cliPluginsExtraDirs": [plugins] });
        fs::create_dir_all(self.folder.join("config"))?;
        fs::write(self.folder.join("config/config.json"), json.to_string())?;
        Ok(())
    }

    fn wait_for_daemon(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(20);
        while self.run(Contender::Own, &["version"]).is_err() {
            if Instant::now() > until {
                bail!(
                    "our daemon does not answer: {}",
                    fs::read_to_string(self.folder.join("log"))?
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The same registry in another network namespace.
    fn serve_registry(&mut self, pid: u32) -> Result<()> {
        let registry = in_netns(pid, Path::new("docker-registry"))
            .arg("serve")
            .arg(self.folder.join("registry.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.registries.push(registry);
        Ok(())
    }

    /// The command that a contender uses for these words.
    pub(crate) fn command(&self, contender: Contender, words: &[&str]) -> Command {
        let socket = match contender {
            Contender::Own | Contender::Stock => self.folder.join("run/gantry.sock"),
            Contender::Docker => peers::root().join("run/peer/docker.sock"),
            Contender::Podman => return self.podman.command(words),
        };
        let program = if contender == Contender::Own {
            self.gantry.as_path()
        } else {
            Path::new("docker")
        };
        let mut command = Command::new(program);
        command
            .args(words)
            .env("DOCKER_HOST", format!("unix://{}", socket.display()))
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .env("DOCKER_CONFIG", self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// The folder with the clients' configuration and plugins.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    /// What a command prints.
    pub(crate) fn output(&self, contender: Contender, words: &[&str]) -> Result<String> {
        let mut command = self.command(contender, words);
        printed(command.stdout(Stdio::piped()))
    }

    /// Runs a command to its end and says how long it took.
    pub(crate) fn run(&self, contender: Contender, words: &[&str]) -> Result<Duration> {
        let begun = Instant::now();
        let output = self
            .command(contender, words)
            .output()
            .context("the stock docker client is needed")?;
        let took = begun.elapsed();
        if !output.status.success() {
            bail!(
                "{contender:?} {words:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(took)
    }

    /// Process IDs of our daemon, or of Docker's daemons; Podman has none.
    pub(crate) fn daemon_pids(&self, contender: Contender) -> Result<Vec<u32>> {
        let data = self.folder.join("data").display().to_string();
        self.processes(contender, |words| match contender {
            Contender::Own | Contender::Stock => {
                words.get(1) == Some(&"daemon") && words.contains(&data.as_str())
            }
            Contender::Docker => words[0].ends_with("/dockerd") || words[0].ends_with("containerd"),
            Contender::Podman => false,
        })
    }

    /// Process IDs in a contender's namespaces whose command line is as wanted: other engines may
    /// run on the machine.
    pub(crate) fn processes(
        &self,
        contender: Contender,
        wanted: impl Fn(&[&str]) -> bool,
    ) -> Result<Vec<u32>> {
        let (owner, of, kind) = match contender {
            Contender::Own | Contender::Stock => (self.world.id(), "pid_for_children", "pid"),
            Contender::Docker | Contender::Podman => (docker_pid()?, "mnt", "mnt"),
        };
        let home = fs::read_link(format!("/proc/{owner}/ns/{of}"))?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let namespace = fs::read_link(entry.path().join("ns").join(kind));
            if namespace.ok().as_ref() != Some(&home) {
                continue;
            }
            let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            if wanted(&line.split('\0').collect::<Vec<_>>()) {
                found.push(pid);
            }
        }
        Ok(found)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for mut registry in self.registries.drain(..) {
            let _ = registry.kill();
            let _ = registry.wait();
        }
        let _ = self.world.kill();
        let _ = self.world.wait();
        if let Err(e) = peers::run(&peers::Verb::Down) {
            eprintln!("{e}");
        }
        // The world's processes are gone; their cgroups are empty a moment later.
        std::thread::sleep(Duration::from_millis(200));
        let _ = crate::shell::script(
            "for d in /sys/fs/cgroup/gantry-bench /sys/fs/cgroup/*/gantry-bench; do [ ! -d $d ] || find $d -depth -type d -exec rmdir {} +; done",
            &[],
        );
    }
}

/// A folder that every contender sees, also those that live in the peers' root.
pub(crate) fn shared() -> PathBuf {
    peers::root().join("peerdata/shared")
}

/// What a command prints, once it has succeeded.
pub(crate) fn printed(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn docker_pid() -> Result<u32> {
    let path = peers::root().join("run/peer/dockerd.pid");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().parse()?)
}

/// `$GANTRY`, or the release build beside this task runner.
pub(crate) fn gantry_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("GANTRY") {
        return Ok(path.into());
    }
    let path = std::env::current_exe()?.with_file_name("gantry");
    if !path.exists() {
        bail!("{} is missing: cargo build --release first", path.display());
    }
    Ok(path)
}
