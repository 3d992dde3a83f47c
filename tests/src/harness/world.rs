//! A world: namespaces, folders and a cgroup parent that end together.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::Run;

/// Namespaces of its own, held by one process; killing that kills all in them.
pub(crate) struct World {
    init: Child,
    folder: tempfile::TempDir,
    name: String,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The first process: brings `lo` up, mounts a /proc for the new PID namespace, and reaps.
const INIT: &str = r#"
ip link set lo up
mount -t proc proc /proc
: > "$READY"
while :; do sleep 3600 & wait $!; done
"#;

impl World {
    /// Makes a world; `sweep`s what killed test runs may have left behind first.
    pub(crate) fn new() -> Self {
        sweep_once();
        let name = format!(
            "gantry-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        // Not /tmp: layers cannot be mounted from a tmpfs.
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(base).unwrap();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(base)
            .unwrap();
        let ready = folder.path().join("ready");
        let init = Command::new("unshare")
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
            .args(["bash", "-euc", INIT])
            .env("READY", &ready)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("unshare (util-linux) is there and we are root");
        let world = Self { init, folder, name };
        eventually("the test's namespaces are ready", || ready.exists());
        world
    }

    /// A folder that goes with the world.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A name that no other world has.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run inside.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args([
                "--target",
                &self.inner_pid().to_string(),
                "--mount",
                "--net",
                "--pid",
                "--ipc",
                "--",
            ])
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// Runs a shell script inside.
    pub(crate) fn sh(&self, script: &str) -> Run {
        let mut command = self.command("bash");
        command.args(["-uc", script]);
        Run::of(command)
    }

    /// The world's PID 1, as seen from outside: the only child of `unshare`.
    pub(crate) fn inner_pid(&self) -> u32 {
        let pid = self.init.id();
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children
            .split_whitespace()
            .next()
            .and_then(|p| p.parse().ok())
            .expect("the world is alive")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // unshare's --kill-child makes the namespace's first process go with it.
        let _ = self.init.kill();
        let _ = self.init.wait();
        remove_cgroups(&self.name, PATIENCE);
    }
}

/// How long anything may take: a machine that builds and runs other tests meanwhile is slow, and
/// only a test that fails waits to the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Waits for something to become true.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The program under test.
pub(crate) fn gantry_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("GANTRY") {
        return path.into();
    }
    // target/<triple>/tmp -> target/<triple>/release/gantry
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("release/gantry");
    assert!(
        path.exists(),
        "{} is missing: run cargo build --release first",
        path.display()
    );
    path
}

/// Cgroup folders stay when their processes die; they are empty a moment later.
fn remove_cgroups(name: &str, patience: Duration) {
    let until = Instant::now() + patience;
    for parent in cgroup_folders(name) {
        while parent.exists() {
            for child in fs::read_dir(&parent).into_iter().flatten().flatten() {
                if child.path().is_dir() {
                    let _ = fs::remove_dir(child.path());
                }
            }
            if fs::remove_dir(&parent).is_ok() || Instant::now() > until {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// `/sys/fs/cgroup[/<controller>]/<name>`.
fn cgroup_folders(name: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join(name))
        .chain([root.join(name)])
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found.dedup_by_key(|path| fs::canonicalize(path).ok());
    found
}

/// Removes what is left of test runs that were killed.
fn sweep_once() {
    static SWEEP: std::sync::Once = std::sync::Once::new();
    SWEEP.call_once(|| {
        let dead = |name: &str| {
            let pid = name
                .strip_prefix("gantry-test-")
                .and_then(|rest| rest.split('-').next());
            pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
        };
        let controllers = fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten();
        let places = controllers
            .map(|c| c.path())
            .chain([PathBuf::from("/sys/fs/cgroup")]);
        for entry in places.flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if dead(&name) {
                // Those that are still in use have had their time.
                remove_cgroups(&name, Duration::ZERO);
            }
        }
        let folders = fs::read_dir(env!("CARGO_TARGET_TMPDIR"))
            .into_iter()
            .flatten()
            .flatten();
        for entry in folders.filter(|e| dead(&e.file_name().to_string_lossy())) {
            let _ = fs::remove_dir_all(entry.path());
        }
    });
}
