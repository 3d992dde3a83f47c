//! The OCI command line as containerd's shim and conmon use it, on bundles of busybox. Needs root
//! and busybox-static.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A bundle, and a place for the runtime's state.
struct Bundle {
    folder: tempfile::TempDir,
    id: String,
}

impl Bundle {
    /// A container that runs a shell script, with `change` made to its configuration.
    fn new(script: &str, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let id = format!(
            "oci-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let bundle = Self { folder, id };
        let bin = bundle.path("rootfs/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
        for applet in ["sh", "sleep", "cat", "echo", "id", "tty", "true"] {
            std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
        }
        assert!(
            bundle
                .run(&["spec", "--bundle", &bundle.folder()])
                .status
                .success()
        );
        let path = bundle.path("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["process"]["args"] = json!(["/bin/sh", "-c", script]);
        config["process"]["terminal"] = json!(false);
        config["root"]["readonly"] = json!(false);
        config["linux"]["cgroupsPath"] = json!(format!("/{}", bundle.id));
        change(&mut config);
        fs::write(&path, config.to_string()).unwrap();
        bundle
    }

    fn folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The runtime with the options that containerd's shim gives it.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry-runtime"));
        command
            .arg("--root")
            .arg(self.path("state"))
            .arg("--log")
            .arg(self.path("log.json"))
            .args(["--log-format", "json"])
            .args(words)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What a shim would tell: the last error of the log.
    #[track_caller]
    fn refused(&self, words: &[&str]) -> String {
        assert!(!self.run(words).status.success(), "{words:?}");
        let log = fs::read_to_string(self.path("log.json")).unwrap();
        let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!(last["level"], "error");
        last["msg"].as_str().unwrap().to_owned()
    }

    /// `create` with output to a file, as a shim has it.
    fn create(&self) {
        let out = fs::File::create(self.path("out")).unwrap();
        let pid = self.path("pid");
        let folder = self.folder();
        let words = [
            "create",
            "--bundle",
            &folder,
            "--pid-file",
            pid.to_str().unwrap(),
            &self.id,
        ];
        let status = self
            .command(&words)
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .status()
            .unwrap();
        let said = fs::read_to_string(self.path("out")).unwrap();
        assert!(status.success(), "{said}");
    }

    fn state(&self) -> Value {
        serde_json::from_str(&self.ok(&["state", &self.id])).unwrap()
    }

    fn output(&self) -> String {
        fs::read_to_string(self.path("out")).unwrap()
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        self.run(&["delete", "--force", &self.id]);
    }
}

#[track_caller]
fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_true() {
        assert!(Instant::now() < until, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_life_in_the_words_of_a_shim() {
    let bundle = Bundle::new("echo hello; exec sleep 1000", |_| {});
    let id = bundle.id.as_str();
    bundle.create();
    let pid = fs::read_to_string(bundle.path("pid")).unwrap();
    let state = bundle.state();
    assert_eq!(state["status"], "created");
    assert_eq!(state["pid"].to_string(), pid);
    assert_eq!(bundle.output(), "");
    assert!(
        bundle
            .refused(&["create", "--bundle", &bundle.folder(), id])
            .contains("already exists")
    );

    bundle.ok(&["start", id]);
    eventually("the program runs", || bundle.output() == "hello\n");
    assert_eq!(bundle.state()["status"], "running");
    assert!(bundle.refused(&["start", id]).contains("already running"));
    assert!(bundle.refused(&["delete", id]).contains("not stopped"));
    assert_eq!(
        bundle.ok(&["ps", "--format", "json", id]),
        format!("[{pid}]")
    );
    assert!(bundle.ok(&["list"]).contains("running"));
    assert_eq!(bundle.ok(&["list", "-q"]), id);

    bundle.ok(&["pause", id]);
    assert_eq!(bundle.state()["status"], "paused");
    bundle.ok(&["resume", id]);
    let update = bundle.path("update.json");
    fs::write(&update, r#"{"pids":{"limit":77}}"#).unwrap();
    bundle.ok(&["update", "--resources", update.to_str().unwrap(), id]);
    let stats: Value = serde_json::from_str(&bundle.ok(&["events", "--stats", id])).unwrap();
    assert_eq!(stats["data"]["pids"]["limit"], 77);

    bundle.ok(&["kill", id, "9"]);
    eventually("it has ended", || bundle.state()["status"] == "stopped");
    assert_eq!(bundle.refused(&["kill", id, "9"]), "container not running");
    bundle.ok(&["delete", id]);
    assert_eq!(bundle.refused(&["state", id]), "container does not exist");
    bundle.ok(&["delete", "--force", id]);
}

#[test]
fn a_further_process() {
    let bundle = Bundle::new("exec sleep 1000", |_| {});
    let id = bundle.id.as_str();
    bundle.create();
    bundle.ok(&["start", id]);
    assert_eq!(
        bundle.ok(&["exec", "-e", "A=1", id, "/bin/sh", "-c", "echo $A"]),
        "1"
    );
    let output = bundle.run(&["exec", id, "/bin/sh", "-c", "exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(
        bundle.ok(&["exec", "-u", "5:6", id, "/bin/id"]),
        "uid=5 gid=6"
    );

    let process = bundle.path("process.json");
    let asked = json!({
        "args": ["/bin/sleep", "1000"], "cwd": "/", "user": {"uid": 0, "gid": 0},
        "env": ["PATH=/bin"],
    });
    fs::write(&process, asked.to_string()).unwrap();
    let (process, pid_file) = (process.display().to_string(), bundle.path("exec.pid"));
    let words = [
        "exec",
        "--process",
        &process,
        "--detach",
        "--pid-file",
        pid_file.to_str().unwrap(),
        id,
    ];
    // Its streams are the runtime's own, which nobody here waits for the end of.
    let mut detached = bundle.command(&words);
    detached.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(detached.status().unwrap().success());
    let pid = fs::read_to_string(&pid_file).unwrap();
    let pids: Vec<i64> = serde_json::from_str(&bundle.ok(&["ps", "-f", "json", id])).unwrap();
    assert!(
        pids.len() == 2 && pids.contains(&pid.parse().unwrap()),
        "{pids:?}"
    );
    assert!(
        bundle
            .refused(&["exec", id, "/no-such"])
            .contains("no such file or directory")
    );
}

#[test]
fn a_terminal_goes_to_the_console_socket() {
    let bundle = Bundle::new("tty; exec sleep 1000", |config| {
        config["process"]["terminal"] = json!(true);
        // As podman has it: what every container may use is the runtime's to know.
        config["linux"]["resources"] = json!({"devices": [{"allow": false, "access": "rwm"}]});
    });
    let socket = bundle.path("console.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let folder = bundle.folder();
    let console = socket.display().to_string();
    bundle.ok(&[
        "create",
        "--bundle",
        &folder,
        "--console-socket",
        &console,
        &bundle.id,
    ]);
    let (stream, _) = listener.accept().unwrap();
    let mut name = [0; 64];
    let received = gantry_sys::fd_passing::receive(&stream, &mut name).unwrap();
    let mut master = fs::File::from(received.fds.into_iter().next().unwrap());
    bundle.ok(&["start", &bundle.id]);
    let mut text = [0; 64];
    let count = std::io::Read::read(&mut master, &mut text).unwrap();
    assert!(String::from_utf8_lossy(&text[..count]).starts_with("/dev/pts/0"));
}

#[test]
fn run_stays_until_the_end_and_leaves_nothing() {
    let bundle = Bundle::new("cat; exit 3", |_| {});
    let mut command = bundle.command(&["run", "--bundle", &bundle.folder(), &bundle.id]);
    let input = fs::File::open("/proc/self/comm").unwrap();
    let output = command.stdin(input).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(!output.stdout.is_empty());
    assert_eq!(
        bundle.refused(&["state", &bundle.id]),
        "container does not exist"
    );
}

#[test]
fn descriptors_are_preserved_when_asked_for() {
    let bundle = Bundle::new("cat <&3", |_| {});
    let folder = bundle.folder();
    let run = format!(
        "exec 3< {folder}/config.json; exec {} --root {folder}/state run --preserve-fds 1 \
         --bundle {folder} {}",
        env!("CARGO_BIN_EXE_gantry-runtime"),
        bundle.id
    );
    let output = Command::new("sh").args(["-c", &run]).output().unwrap();
    assert!(output.stdout.starts_with(b"{"), "{output:?}");
}

#[test]
fn hooks_and_failures_are_told() {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let note = |word: &str| {
        let script = format!("echo {word} >> {}", notes.path().display());
        json!([{"path": "/bin/sh", "args": ["sh", "-c", script]}])
    };
    let bundle = Bundle::new("true", |config| {
        config["hooks"] = json!({
            "createRuntime": note("createRuntime"),
            "poststart": note("poststart"),
            "poststop": note("poststop"),
        });
    });
    let output = bundle.run(&["run", "--bundle", &bundle.folder(), &bundle.id]);
    assert!(output.status.success(), "{output:?}");
    let told = fs::read_to_string(notes.path()).unwrap();
    assert_eq!(told, "createRuntime\npoststart\npoststop\n");

    let missing = Bundle::new("true", |config| {
        config["process"]["args"] = json!(["nothing"]);
    });
    assert_eq!(
        missing.refused(&["create", "--bundle", &missing.folder(), &missing.id]),
        "gantry-runtime create failed: unable to start container process: exec: \"nothing\": \
         executable file not found in $PATH"
    );
    assert!(
        missing
            .refused(&["--systemd-cgroup", "list"])
            .contains("cgroupfs driver")
    );
    assert!(
        missing
            .refused(&["checkpoint", "x"])
            .contains("not supported")
    );
    let features: Value = serde_json::from_str(&missing.ok(&["features"])).unwrap();
    assert_eq!(features["ociVersionMax"], "1.2.0");
}
