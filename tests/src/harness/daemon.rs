//! A daemon in a world of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::registry::{self, Registry};
use super::{Run, World, eventually, gantry_binary};

/// A running daemon; everything of it ends when this is dropped.
pub(crate) struct Daemon {
    process: Option<Child>,
    // Before the world, which it lives in.
    registry: Option<Registry>,
    pub(crate) world: World,
}

impl Daemon {
    /// A daemon that knows only the image inside it.
    pub(crate) fn start() -> Self {
        Self::with_config("{}")
    }

    /// A daemon whose short image names resolve to the registry with the real images.
    pub(crate) fn with_registry() -> Self {
        let mut daemon = Self::prepared(&mirror());
        daemon.serve_registry();
        daemon.run();
        daemon
    }

    /// The same with more keys in its daemon.json.
    pub(crate) fn with_registry_and(keys: &serde_json::Value) -> Self {
        let mut json: serde_json::Value = serde_json::from_str(&mirror()).unwrap();
        let (all, more) = (json.as_object_mut().unwrap(), keys.as_object().unwrap());
        all.extend(more.clone());
        let mut daemon = Self::prepared(&json.to_string());
        daemon.serve_registry();
        daemon.run();
        daemon
    }

    /// Replaces its daemon.json, which it reads at its next start or reload.
    pub(crate) fn configure(&self, json: &serde_json::Value) {
        fs::write(self.world.folder().join("daemon.json"), json.to_string()).unwrap();
    }

    /// The same with a data root on a small file system of its own.
    pub(crate) fn on_small_disk() -> Self {
        let mut daemon = Self::prepared(&mirror());
        let script =
            "truncate -s 48M disk && mkfs.ext4 -q disk && mkdir data && mount -o loop disk data";
        let folder = daemon.world.folder().display().to_string();
        daemon.world.sh(&format!("cd {folder} && {script}")).ok();
        daemon.serve_registry();
        daemon.run();
        daemon
    }

    /// A daemon with this daemon.json.
    pub(crate) fn with_config(json: &str) -> Self {
        let mut daemon = Self::prepared(json);
        daemon.run();
        daemon
    }

    /// A daemon that is not started yet.
    pub(crate) fn prepared(json: &str) -> Self {
        let world = World::new();
        fs::write(world.folder().join("daemon.json"), json).unwrap();
        Self {
            process: None,
            registry: None,
            world,
        }
    }

    /// Starts the registry with the real images.
    pub(crate) fn serve_registry(&mut self) {
        self.registry = Some(Registry::serve(&self.world));
    }

    /// Starts the daemon's process and waits until it answers.
    pub(crate) fn run(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let mut command = self.daemon_command();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let url = "http://d/_ping";
        eventually("the daemon answers", || {
            if let Some(status) = self
                .process
                .as_mut()
                .and_then(|p| p.try_wait().ok().flatten())
            {
                panic!("the daemon ended with {status}:\n{}", self.log_text());
            }
            let mut ping = Command::new("curl");
            ping.args(["-fs", "--max-time", "1", "--unix-socket"])
                .arg(self.socket())
                .arg(url);
            Run::of(ping).code == 0
        });
    }

    /// The command that runs this daemon in the foreground.
    pub(crate) fn daemon_command(&self) -> Command {
        let folder = self.world.folder();
        let mut command = self.world.command(gantry_binary());
        command
            .args([
                "daemon",
                "--cgroup-parent",
                self.world.name(),
                "--config-file",
            ])
            .arg(folder.join("daemon.json"))
            .arg("--data-root")
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("run"))
            .stdin(Stdio::null());
        command
    }

    /// Kills the daemon's process, and only that, without a chance to clean up.
    pub(crate) fn kill_9(&mut self) {
        let pid = self.pid();
        self.world.sh(&format!("kill -9 {pid}")).ok();
        self.reap();
    }

    /// Ends the daemon as `gantry daemon stop` does.
    pub(crate) fn stop(&mut self) {
        let mut command = self.world.command(gantry_binary());
        command
            .args(["daemon", "stop", "--data-root"])
            .arg(self.world.folder().join("data"));
        Run::of(command).ok();
        self.reap();
    }

    /// Waits for a process that something else has ended.
    pub(crate) fn forget(&mut self) {
        self.reap();
    }

    fn reap(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
    }

    /// The daemon's process, in the world's PID namespace.
    pub(crate) fn pid(&self) -> u32 {
        let lock = self.world.folder().join("data/daemon.lock");
        fs::read_to_string(lock).unwrap().trim().parse().unwrap()
    }

    /// The socket, which is reached from outside the world as well.
    pub(crate) fn socket(&self) -> PathBuf {
        self.world.folder().join("run/gantry.sock")
    }

    fn log(&self) -> PathBuf {
        self.world.folder().join("daemon.log")
    }

    /// What the daemon has logged.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Runs `gantry ARGS` against this daemon; words are split at spaces unless quoted as a shell does.
    pub(crate) fn gantry(&self, args: &str) -> Run {
        self.client(&gantry_binary().display().to_string(), args)
    }

    /// Runs the stock `docker ARGS` against this daemon.
    pub(crate) fn docker(&self, args: &str) -> Run {
        self.client("docker", args)
    }

    fn client(&self, program: &str, args: &str) -> Run {
        self.script(&format!("exec {program} {args}"), "")
    }

    /// Runs a shell script whose clients talk to this daemon; `$GANTRY` is our command.
    pub(crate) fn script(&self, script: &str, input: &str) -> Run {
        let mut command = self.client_command("bash");
        command.args(["-uc", script]).env("GANTRY", gantry_binary());
        Run::with_input(command, input)
    }

    /// A client's command to be spawned with streams of the test's own.
    pub(crate) fn client_command(&self, program: &str) -> Command {
        let mut command = self.world.command(program);
        command
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env("DOCKER_CONFIG", self.world.folder().join("docker"));
        command
    }
}

fn mirror() -> String {
    let address = registry::ADDRESS;
    format!(r#"{{"registry-mirrors": ["http://{address}"]}}"#)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.registry = None;
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            // The test is about to fail: what the daemon said may tell why.
            let mut text = self.log_text();
            let from = text.len().saturating_sub(4000);
            let from = (from..text.len())
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0);
            text.drain(..from);
            print_log(&text);
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "shown by the test runner with the failure"
)]
fn print_log(text: &str) {
    eprintln!("--- the daemon's log ---\n{text}");
}
