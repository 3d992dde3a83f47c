//! Medians of making, starting and ending containers that run `true`, beside the least that the
//! kernel could take for it. Run as root:
//! `cargo run --release -p gantry-runtime --example launch [ROUNDS [PART OF A LINE'S NAME]]`

use std::error::Error;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use gantry_cgroups::{Cgroup, Hierarchy};
use gantry_oci::{Resources, Spec};
use gantry_runtime::{Child, Exec, Launch, Root, Stdio};
use gantry_sys::clone::{Clone3, Side};
use gantry_sys::namespaces::{self, bits};
use gantry_sys::process::{ExecStrings, execve, exit};
use rustix::mount::{MountPropagationFlags, UnmountFlags};
use rustix::process::{WaitId, WaitIdOptions, waitid};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ALL: u64 = bits::MOUNT | bits::PID | bits::UTS | bits::IPC;

#[expect(clippy::print_stdout, reason = "its only purpose")]
fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(200), |n| n.parse())?;
    let only = std::env::args().nth(2).unwrap_or_default();
    let bench = Bench::new()?;
    let print = |name: &str, work: &mut dyn FnMut() -> Result<Duration>| -> Result<()> {
        if !name.contains(&only) {
            return Ok(());
        }
        let mut times = (0..rounds).map(|_| work()).collect::<Result<Vec<_>>>()?;
        times.sort();
        let (median, low) = (times[times.len() / 2], times[times.len() / 10]);
        println!("{name:<44} median {median:>10.1?}  tenth {low:>10.1?}");
        Ok(())
    };
    print("clone3 + exec, no namespaces", &mut || bench.bare(0))?;
    print("the same, new namespaces but net, pivot", &mut || {
        bench.bare(ALL)
    })?;
    print("the same, with net", &mut || {
        bench.bare(ALL | bits::NETWORK)
    })?;
    print("create only, given net", &mut || bench.create(true))?;
    print("create + start + wait, given net", &mut || {
        bench.launch(true)
    })?;
    print("create + start + wait, new net", &mut || {
        bench.launch(false)
    })?;
    let (target, running) = bench.sleeping()?;
    print("exec + wait", &mut || bench.exec(&running))?;
    gantry_sys::process::send_signal(running.pidfd.as_fd(), libc::SIGKILL)?;
    reap(&running.pidfd)?;
    drop(target);
    bench.cgroup.remove()?;
    Ok(())
}

struct Bench {
    root: tempfile::TempDir,
    spec: Spec,
    network: File,
    cgroup: Cgroup,
}

impl Bench {
    fn new() -> Result<Self> {
        let root = tempfile::tempdir()?;
        for directory in ["bin", "proc", "dev", "sys"] {
            fs::create_dir(root.path().join(directory))?;
        }
        fs::copy("/bin/busybox", root.path().join("bin/true"))?;
        fs::hard_link(root.path().join("bin/true"), root.path().join("bin/sleep"))?;
        let group = format!("/gantry-runtime-bench-{}", std::process::id());
        let network = namespaces::in_private_mounts(|| {
            namespaces::unshare(bits::NETWORK)?;
            Ok::<_, gantry_sys::Errno>(File::open("/proc/thread-self/ns/net"))
        })???;
        Ok(Self {
            root,
            spec: serde_json::from_str(SPEC)?,
            network,
            cgroup: Hierarchy::detect()?.create(&group, &Resources::default())?,
        })
    }

    /// What a container costs at the least: the process, its root, its end.
    fn bare(&self, namespaces: u64) -> Result<Duration> {
        let strings = ExecStrings::new(vec![c"true".to_owned()]);
        let none = ExecStrings::new(Vec::new());
        let root = std::ffi::CString::new(self.root.path().to_str().unwrap_or_default())?;
        let clone = Clone3 {
            namespaces,
            ..Clone3::default()
        };
        let start = Instant::now();
        // SAFETY: this process has one thread, and the child executes or exits.
        match unsafe { clone.call() }? {
            Side::Parent { pidfd, .. } => reap(&pidfd)?,
            Side::Child => {
                let entered = namespaces == 0 || enter(&root).is_ok();
                if entered {
                    execve(c"/bin/true", &strings, &none);
                }
                exit(1)
            }
        }
        Ok(start.elapsed())
    }

    fn launch_of<'a>(&'a self, spec: &'a Spec, network: bool) -> Result<Launch<'a>> {
        Ok(Launch {
            id: "bench",
            spec,
            root: Root::Path(self.root.path()),
            mounts: &[],
            network: network.then(|| self.network.as_fd()),
            cgroup: &self.cgroup,
            stdio: null()?,
            bundle: Path::new("/"),
            init: None,
            manner: gantry_runtime::Manner::default(),
        })
    }

    fn create(&self, network: bool) -> Result<Duration> {
        let start = Instant::now();
        let created = gantry_runtime::create(self.launch_of(&self.spec, network)?)?;
        let time = start.elapsed();
        drop(created);
        Ok(time)
    }

    fn launch(&self, network: bool) -> Result<Duration> {
        let start = Instant::now();
        let running = gantry_runtime::create(self.launch_of(&self.spec, network)?)?.start()?;
        reap(&running.child.pidfd)?;
        Ok(start.elapsed())
    }

    fn sleeping(&self) -> Result<(Spec, Child)> {
        let mut spec = self.spec.clone();
        if let Some(process) = &mut spec.process {
            process.args = vec!["sleep".into(), "1000".into()];
        }
        let running = gantry_runtime::create(self.launch_of(&spec, true)?)?.start()?;
        Ok((spec, running.child))
    }

    fn exec(&self, target: &Child) -> Result<Duration> {
        let start = Instant::now();
        let process = self.spec.process.as_ref().ok_or("no process")?;
        let running = gantry_runtime::exec(Exec {
            target: target.pidfd.as_fd(),
            process,
            seccomp: None,
            cgroup: &self.cgroup,
            stdio: null()?,
            preserve: 0,
        })?;
        reap(&running.child.pidfd)?;
        Ok(start.elapsed())
    }
}

/// Binds the root on itself and pivots into it.
fn enter(root: &std::ffi::CStr) -> gantry_sys::Result<()> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", private)?;
    rustix::mount::mount_bind(root, root)?;
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(c".", c".")?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH)
}

fn null() -> Result<Stdio> {
    let open = || -> Result<OwnedFd> {
        let path = Path::new("/dev/null");
        Ok(File::options().read(true).write(true).open(path)?.into())
    };
    Ok(Stdio::Fds {
        stdin: open()?,
        stdout: open()?,
        stderr: open()?,
    })
}

fn reap(pidfd: &OwnedFd) -> Result<()> {
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
    match status.and_then(|status| status.exit_status()) {
        Some(0) | None => Ok(()),
        Some(code) => Err(format!("exit code {code}").into()),
    }
}

const SPEC: &str = r#"{
  "ociVersion": "1.2.0",
  "process": { "user": {}, "args": ["true"], "env": ["PATH=/bin"], "cwd": "/", "capabilities": {
    "bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_CHOWN", "CAP_KILL"],
    "permitted": ["CAP_CHOWN", "CAP_KILL"] } },
  "hostname": "bench",
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
      "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
      "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] },
    { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
      "options": ["ro", "nosuid", "noexec", "nodev"] },
    { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"] },
    { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
      "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"] }
  ],
  "linux": {
    "namespaces": [{ "type": "mount" }, { "type": "network" }, { "type": "uts" }, { "type": "pid" },
      { "type": "ipc" }, { "type": "cgroup" }],
    "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
      "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
      "/sys/firmware", "/sys/devices/virtual/powercap"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  }
}"#;
