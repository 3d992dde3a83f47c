//! A container to be changed by a test and run, and what it left.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use gantry_cgroups::{Cgroup, Hierarchy};
use gantry_oci::{
    Capabilities, Linux, Mount, Namespace, NamespaceKind, Process, Resources, Root as SpecRoot,
    Spec,
};
use gantry_runtime::{Child, Created, Error, Exec, Launch, Root, Running, Stdio};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

const APPLETS: &[&str] = &[
    "sh", "cat", "ls", "id", "pwd", "echo", "mount", "mkdir", "touch", "ps", "sleep", "hostname",
    "readlink", "stat", "grep", "true", "false", "kill", "tty", "stty", "umask", "env", "test",
    "wc", "ip", "rm", "mknod", "chmod", "head", "find", "od", "dd", "df",
];

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A container on a busybox root.
pub(crate) struct Fixture {
    pub(crate) root: tempfile::TempDir,
    pub(crate) spec: Spec,
    pub(crate) input: Vec<u8>,
    pub(crate) init: Option<OwnedFd>,
    pub(crate) cgroup: Cgroup,
    group: String,
}

/// What a finished container left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
    pub(crate) warnings: Vec<String>,
}

/// A started container.
pub(crate) struct Live {
    pub(crate) child: Child,
    stdout: thread::JoinHandle<String>,
    stderr: thread::JoinHandle<String>,
    warnings: Vec<String>,
}

impl Fixture {
    /// A container like Docker's that runs a shell script.
    pub(crate) fn shell(script: &str) -> Self {
        Self::command(&["/bin/sh", "-c", script])
    }

    /// A container like Docker's that runs a command.
    pub(crate) fn command(args: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        build_root(root.path());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let group = format!("/gantry-runtime-test-{}-{number}", std::process::id());
        let cgroup = Hierarchy::detect()
            .unwrap()
            .create(&group, &Resources::default())
            .unwrap();
        Self {
            root,
            spec: docker_like(args),
            input: Vec::new(),
            init: None,
            cgroup,
            group,
        }
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        self.spec.process.as_mut().unwrap()
    }

    pub(crate) fn linux(&mut self) -> &mut Linux {
        self.spec.linux.as_mut().unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// Puts a file into the root.
    pub(crate) fn file(&self, path: &str, contents: &str, mode: u32) -> &Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let written = path.with_extension("written");
        fs::write(&written, contents).unwrap();
        copy(&written, &path);
        fs::remove_file(&written).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub(crate) fn without_namespace(&mut self, kind: NamespaceKind) -> &mut Self {
        self.linux().namespaces.retain(|n| n.kind != kind);
        self
    }

    pub(crate) fn mount(&mut self, destination: &str, source: &Path, options: &[&str]) {
        self.spec.mounts.push(Mount {
            destination: destination.into(),
            kind: Some("bind".into()),
            source: Some(source.to_str().unwrap().into()),
            options: options.iter().map(|&o| o.to_owned()).collect(),
            ..Mount::default()
        });
    }

    pub(crate) fn launch(&self, stdio: Stdio) -> Launch<'_> {
        Launch {
            id: self.group.trim_start_matches('/'),
            spec: &self.spec,
            root: Root::Path(self.root.path()),
            mounts: &[],
            network: None,
            cgroup: &self.cgroup,
            stdio,
            bundle: self.root.path().parent().unwrap(),
            init: self.init.as_ref().map(AsFd::as_fd),
            manner: gantry_runtime::Manner::default(),
        }
    }

    /// Makes the container with these streams.
    pub(crate) fn create(&self, stdio: Stdio) -> Result<Created, Error> {
        gantry_runtime::create(self.launch(stdio))
    }

    /// Why the container cannot be made or started.
    pub(crate) fn refused(&self) -> Error {
        let (stdio, ..) = pipes(&self.input);
        match self.create(stdio).and_then(Created::start) {
            Err(error) => error,
            Ok(running) => {
                kill(&running.child);
                panic!("the container runs");
            }
        }
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Live {
        let (stdio, stdout, stderr) = pipes(&self.input);
        let running = self.create(stdio).unwrap().start().unwrap();
        Live::new(running, stdout, stderr)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Output {
        self.start().wait()
    }

    /// Runs a command in it.
    pub(crate) fn exec(&self, live: &Live, process: &Process) -> Result<Output, Error> {
        let (stdio, stdout, stderr) = pipes(b"");
        let running = gantry_runtime::exec(Exec {
            target: live.child.pidfd.as_fd(),
            process,
            seccomp: self.spec.linux.as_ref().unwrap().seccomp.as_ref(),
            cgroup: &self.cgroup,
            stdio,
            preserve: 0,
        })?;
        Ok(Live::new(running, stdout, stderr).wait())
    }

    /// The container's process with another shell script.
    pub(crate) fn further(&self, script: &str) -> Process {
        let mut process = self.spec.process.clone().unwrap();
        process.args = ["/bin/sh", "-c", script].map(str::to_owned).into();
        process
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = self.cgroup.kill();
        for _ in 0..50 {
            if self.cgroup.remove().is_ok() {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Live {
    fn new(running: Running, stdout: OwnedFd, stderr: OwnedFd) -> Self {
        let read = |fd: OwnedFd| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = fs::File::from(fd).read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        Self {
            child: running.child,
            stdout: read(stdout),
            stderr: read(stderr),
            warnings: running.warnings.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn signal(&self, signal: i32) {
        gantry_sys::process::send_signal(self.child.pidfd.as_fd(), signal).unwrap();
    }

    pub(crate) fn wait(self) -> Output {
        let code = reap(&self.child);
        Output {
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
            code,
            warnings: self.warnings,
        }
    }
}

impl Output {
    /// Its standard output, after a success and nothing on standard error.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        assert_eq!(
            (self.code, self.stderr.as_str()),
            (0, ""),
            "{}",
            self.stdout
        );
        self.stdout.trim_end().to_owned()
    }
}

/// The exit code, 128 + n for signal n.
pub(crate) fn reap(child: &Child) -> i32 {
    let status: WaitIdStatus = waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED)
        .unwrap()
        .unwrap();
    status
        .exit_status()
        .or(status.terminating_signal().map(|s| 128 + s))
        .unwrap()
}

pub(crate) fn kill(child: &Child) {
    let _ = gantry_sys::process::send_signal(child.pidfd.as_fd(), libc::SIGKILL);
    reap(child);
}

/// Streams with some input, and the ends to read from.
pub(crate) fn pipes(input: &[u8]) -> (Stdio, OwnedFd, OwnedFd) {
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let (stdin, feed) = pipe();
    fs::File::from(feed).write_all(input).unwrap();
    let ((out, stdout), (err, stderr)) = (pipe(), pipe());
    let stdio = Stdio::Fds {
        stdin,
        stdout,
        stderr,
    };
    (stdio, out, err)
}

fn build_root(root: &Path) {
    let busybox = Path::new("/bin/busybox");
    assert!(
        busybox.exists(),
        "no /bin/busybox: install Debian's busybox-static (./test does)"
    );
    for directory in ["bin", "etc", "tmp", "proc", "dev", "sys", "root", "home"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    copy(busybox, &root.join("bin/busybox"));
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    let users = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n";
    fs::write(root.join("etc/passwd"), users).unwrap();
    // The test's own directory is 0700; a user in the container must get through the root.
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Copies a program by another process: a container of another test, cloned while this one had the
/// copy open for writing, would hold it open for a moment and execve(2) answer ETXTBSY.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// What Docker's engine writes for a plain container.
fn docker_like(args: &[&str]) -> Spec {
    let strings = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
    let capabilities = strings(&[
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FSETID",
        "CAP_FOWNER",
        "CAP_MKNOD",
        "CAP_NET_RAW",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETFCAP",
        "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE",
        "CAP_SYS_CHROOT",
        "CAP_KILL",
        "CAP_AUDIT_WRITE",
    ]);
    use NamespaceKind as Kind;
    let kinds = [
        Kind::Mount,
        Kind::Network,
        Kind::Uts,
        Kind::Pid,
        Kind::Ipc,
        Kind::Cgroup,
    ];
    let mount = |destination: &str, kind: &str, options: &[&str]| Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(kind.into()),
        options: strings(options),
        ..Mount::default()
    };
    Spec {
        process: Some(Process {
            args: strings(args),
            env: strings(&["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]),
            cwd: "/".into(),
            capabilities: Some(Capabilities {
                bounding: capabilities.clone(),
                effective: capabilities.clone(),
                permitted: capabilities,
                ..Capabilities::default()
            }),
            ..Process::default()
        }),
        root: Some(SpecRoot::default()),
        hostname: Some("box".into()),
        mounts: vec![
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount(
                "/dev",
                "tmpfs",
                &["nosuid", "strictatime", "mode=755", "size=65536k"],
            ),
            mount(
                "/dev/pts",
                "devpts",
                &[
                    "nosuid",
                    "noexec",
                    "newinstance",
                    "ptmxmode=0666",
                    "mode=0620",
                    "gid=5",
                ],
            ),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount(
                "/sys/fs/cgroup",
                "cgroup",
                &["ro", "nosuid", "noexec", "nodev"],
            ),
            mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount(
                "/dev/shm",
                "tmpfs",
                &["nosuid", "noexec", "nodev", "mode=1777", "size=64m"],
            ),
        ],
        linux: Some(Linux {
            namespaces: kinds.map(|kind| Namespace { kind, path: None }).into(),
            masked_paths: strings(&[
                "/proc/acpi",
                "/proc/kcore",
                "/proc/keys",
                "/proc/timer_list",
                "/proc/scsi",
                "/sys/firmware",
                "/no/such/path",
            ]),
            readonly_paths: strings(&["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]),
            ..Linux::default()
        }),
        ..Spec::default()
    }
}

/// Everything that the machine can give, as `--privileged` without its devices.
pub(crate) fn privileged(fixture: &mut Fixture) {
    let mut names: Vec<String> = Vec::new();
    for name in [
        "CAP_SYS_ADMIN",
        "CAP_MKNOD",
        "CAP_DAC_OVERRIDE",
        "CAP_SYS_CHROOT",
    ] {
        names.push(name.into());
    }
    let capabilities = fixture.process().capabilities.as_mut().unwrap();
    capabilities.bounding.clone_from(&names);
    capabilities.effective.clone_from(&names);
    capabilities.permitted = names;
}
