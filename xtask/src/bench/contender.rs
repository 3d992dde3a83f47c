//! The daemons that are compared, each in namespaces of its own, and how to command them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

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
}

/// All of them, in the order in which they take turns.
pub(crate) const ALL: [Contender; 3] = [Contender::Own, Contender::Stock, Contender::Docker];

/// Both daemons, running; they end with this.
pub(crate) struct Arena {
    folder: PathBuf,
    gantry: PathBuf,
    world: Child,
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
            registries: Vec::new(),
        };
        arena.wait_for_daemon()?;
        arena.serve_docker_registry()?;
        for contender in [Contender::Own, Contender::Docker] {
            for image in ["busybox", "debian"] {
                arena.run(contender, &["pull", image])?;
            }
        }
        Ok(arena)
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

    /// The same registry in dockerd's network namespace.
    fn serve_docker_registry(&mut self) -> Result<()> {
        let registry = Command::new("nsenter")
            .args([
                "--net",
                "--target",
                docker_pid()?.trim(),
                "docker-registry",
                "serve",
            ])
            .arg(self.folder.join("registry.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.registries.push(registry);
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    }

    /// The command that a contender uses for these words.
    pub(crate) fn command(&self, contender: Contender, words: &[&str]) -> Command {
        let socket = match contender {
            Contender::Own | Contender::Stock => self.folder.join("run/gantry.sock"),
            Contender::Docker => peers::root().join("run/peer/docker.sock"),
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
            .env("DOCKER_CONFIG", self.folder.join("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
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

    /// Process IDs of our daemon and of Docker's daemons.
    pub(crate) fn daemon_pids(&self, contender: Contender) -> Result<Vec<u32>> {
        let data = self.folder.join("data").display().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<&str> = line.split('\0').collect();
            let ours = words.get(1) == Some(&"daemon") && words.contains(&data.as_str());
            let docker = words[0].ends_with("/dockerd")
                || (words[0].ends_with("containerd") && line.contains("/run/docker/containerd"));
            if (contender == Contender::Docker && docker)
                || (contender != Contender::Docker && ours)
            {
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

fn docker_pid() -> Result<String> {
    let path = peers::root().join("run/peer/dockerd.pid");
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
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
