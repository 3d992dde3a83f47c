//! A daemon to play to, real Docker or ours, and what belongs to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gantry_compat::Setting;
use gantry_compat::clients::Suite;

use crate::bench::gantry_binary;
use crate::{cache, peers, shell};

/// Which daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The peers' dockerd.
    Docker,
    /// Ours.
    Gantry,
}

/// A running daemon; it ends with this.
pub(crate) struct Stage {
    kind: Kind,
    folder: PathBuf,
    cgroup: String,
    world: Child,
}

impl Stage {
    /// Starts the daemon and waits until it answers.
    pub(crate) fn open(kind: Kind) -> Result<Self> {
        if kind == Kind::Docker {
            peers::run(&peers::Verb::Make)?;
        }
        let name = format!("{kind:?}").to_lowercase();
        let cgroup = format!("gantry-compat-{name}-{}", std::process::id());
        let folder = cache::dir().join("compat").join(&cgroup);
        for part in ["data", "run"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join("registry.yml"), registry())?;
        fs::write(
            folder.join("daemon.json"),
            r#"{"registry-mirrors": ["http://127.0.0.1:5000"], "bip": "172.30.0.1/16"}"#,
        )?;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--net", "--pid", "--ipc", "--fork"])
            .args(["--kill-child=KILL", "--propagation", "private"])
            .args(["bash", "-euc", include_str!("stage.sh")])
            .env("F", &folder)
            .env("KIND", name)
            .env("CGROUP", &cgroup)
            .env("ROOT", peers::root())
            .env("SERVED", gantry_compat::corpus::folder().join(".served"))
            .stdin(Stdio::null());
        if kind == Kind::Gantry {
            command.env("GANTRY", gantry_binary()?);
        }
        let stage = Self {
            kind,
            world: command.spawn().context("unshare is needed, and root")?,
            folder,
            cgroup,
        };
        stage.wait()?;
        Ok(stage)
    }

    fn wait(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(30);
        let url = "http://d/_ping";
        let socket = self.socket().display().to_string();
        while shell::run(Command::new("curl").args(["-fs", "--unix-socket", &socket, url])).is_err()
        {
            if Instant::now() > until {
                let log = fs::read_to_string(self.folder.join("log"))?;
                bail!("{:?} does not answer: {log}", self.kind);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// A folder that goes with the daemon.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its API is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("run/gantry.sock")
    }

    /// For a player.
    pub(crate) fn setting(&self) -> Setting {
        let own = |part: &str| self.folder.join(part).display().to_string();
        let (data, run) = match self.kind {
            Kind::Docker => ("/peerdata".to_owned(), "/run/docker".to_owned()),
            Kind::Gantry => (own("data"), own("run")),
        };
        Setting {
            socket: self.socket(),
            paths: vec![
                (data, "<data>".into()),
                (run, "<run>".into()),
                (self.cgroup.clone(), "<cgroup>".into()),
            ],
        }
    }

    /// Runs a client's suite in the daemon's world.
    pub(crate) fn run(&self, suite: &Suite) -> Result<()> {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--net", "--pid", "--ipc", "--target"])
            .arg(self.inner_pid()?)
            .arg("--")
            .args(suite.command())
            .envs(suite.environment(&self.socket(), &self.folder))
            .env("DAEMON", format!("{:?}", self.kind).to_lowercase());
        shell::run(&mut command).map(drop)
    }

    /// The only child of `unshare`.
    pub(crate) fn inner_pid(&self) -> Result<String> {
        let pid = self.world.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let first = children.split_whitespace().next();
        Ok(first.context("the daemon's world has ended")?.to_owned())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // unshare's --kill-child makes the namespace's first process, and so all of it, go too.
        let _ = self.world.kill();
        let _ = self.world.wait();
        std::thread::sleep(Duration::from_millis(200));
        let _ = shell::script(
            "for d in /sys/fs/cgroup/$C /sys/fs/cgroup/*/$C; do [ ! -d $d ] || find $d -depth -type d -exec rmdir {} +; done; rm -rf \"$F\"",
            &[
                ("C", &self.cgroup),
                ("F", &self.folder.display().to_string()),
            ],
        );
    }
}

fn registry() -> String {
    let storage: &Path = &cache::dir().join("registry");
    format!(
        "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  maintenance:\n    readonly:\n      enabled: true\nhttp:\n  addr: 127.0.0.1:5000\n",
        storage.display()
    )
}
