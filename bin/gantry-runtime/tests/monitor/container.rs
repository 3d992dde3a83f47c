//! A container to test with: its directory, its specification, its log.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use gantry_log_format::decode;
use gantry_monitor::protocol::{Launch, LogConfig, LogFile};
use gantry_oci::Spec;
use serde_json::json;

/// A container that leaves nothing behind, whatever becomes of its test.
pub(crate) struct Container {
    dir: tempfile::TempDir,
    pub(crate) launch: Launch,
    spec: serde_json::Value,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Container {
    /// A container that runs a shell script.
    pub(crate) fn of(script: &str) -> Self {
        Self::running(&["sh", "-c", script])
    }

    pub(crate) fn running(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        make_root(&dir.path().join("rootfs"));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = format!("gantry-test-{}-{number}", std::process::id());
        let launch = Launch {
            cgroup: format!("/{id}"),
            id,
            run_dir: dir.path().to_owned(),
            log: LogConfig::File(LogFile {
                path: dir.path().join("log"),
                max_size: 1_000_000,
                max_files: 3,
                ..LogFile::default()
            }),
            stdin: false,
            stdin_once: false,
            init: false,
            root_mount: false,
            network: false,
            reserved: 0,
            layers: 0,
            mounts: Vec::new(),
        };
        Self {
            dir,
            launch,
            spec: spec(args),
        }
    }

    pub(crate) fn with_user(mut self, uid: u32) -> Self {
        self.spec["process"]["user"]["uid"] = json!(uid);
        self
    }

    pub(crate) fn with_terminal(mut self) -> Self {
        self.spec["process"]["terminal"] = json!(true);
        self.spec["process"]["consoleSize"] = json!({"height": 30, "width": 90});
        self
    }

    pub(crate) fn with_stdin(mut self, once: bool) -> Self {
        self.launch.stdin = true;
        self.launch.stdin_once = once;
        self
    }

    pub(crate) fn with_init(mut self) -> Self {
        self.launch.init = true;
        self
    }

    pub(crate) fn with_memory(mut self, limit: i64) -> Self {
        self.spec["linux"]["resources"]["memory"] = json!({"limit": limit, "swap": limit});
        self
    }

    pub(crate) fn with_log(mut self, max_size: u64, max_files: u32) -> Self {
        self.launch.log = LogConfig::File(LogFile {
            path: self.log_path(),
            max_size,
            max_files,
            ..LogFile::default()
        });
        self
    }

    pub(crate) fn run_dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Writes `config.json`, as the daemon does before it launches.
    pub(crate) fn write_spec(&self) {
        let spec: Spec = serde_json::from_value(self.spec.clone()).unwrap();
        let path = self.dir.path().join("config.json");
        std::fs::write(path, serde_json::to_vec(&spec).unwrap()).unwrap();
    }

    /// What the log says, as `(stream, line)`.
    pub(crate) fn log(&self) -> Vec<(&'static str, String)> {
        lines_of(&self.log_path())
    }

    /// Whether the container's cgroup exists in any hierarchy.
    pub(crate) fn has_cgroup(&self) -> bool {
        let mounts = std::fs::read_dir("/sys/fs/cgroup").unwrap();
        let name = self.launch.cgroup.trim_start_matches('/');
        mounts
            .flatten()
            .any(|mount| mount.path().join(name).exists())
            || Path::new("/sys/fs/cgroup").join(name).exists()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let hierarchy = gantry_cgroups::Hierarchy::detect();
        if let Ok(cgroup) = hierarchy.and_then(|h| h.open(&self.launch.cgroup)) {
            let _ = cgroup.kill();
            let _ = cgroup.remove();
        }
    }
}

pub(crate) fn lines_of(path: &Path) -> Vec<(&'static str, String)> {
    let text = std::fs::read(path).unwrap_or_default();
    let decode_line = |line| {
        let mut text = Vec::new();
        let decoded = decode(line, &mut text).unwrap();
        (decoded.stream.name(), String::from_utf8(text).unwrap())
    };
    text.split_inclusive(|c| *c == b'\n')
        .map(decode_line)
        .collect()
}

fn make_root(root: &Path) {
    for dir in ["bin", "proc", "dev", "sys", "tmp"] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
    }
    std::fs::copy("/bin/busybox", root.join("bin/busybox"))
        .expect("these tests need /bin/busybox: apt-get install busybox-static");
    for name in [
        "sh", "cat", "sleep", "tail", "seq", "stty", "tty", "true", "echo", "grep", "kill",
    ] {
        symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    std::fs::write(root.join("tmp/plain"), "no program").unwrap();
}

fn spec(args: &[&str]) -> serde_json::Value {
    json!({
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs"},
        "hostname": "test",
        "process": {
            "args": args,
            "env": ["PATH=/bin"],
            "cwd": "/",
            "user": {"uid": 0, "gid": 0},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "mode=755"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
        ],
        "linux": {
            "namespaces": [
                {"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"},
                {"type": "network"},
            ],
            "resources": {"devices": [{"allow": true, "access": "rwm"}]},
        },
    })
}
