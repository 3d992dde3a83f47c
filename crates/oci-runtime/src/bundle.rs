//! A bundle becomes a process.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use gantry_cgroups::{Cgroup, Hierarchy};
use gantry_oci::{DeviceRule, Spec};
use gantry_runtime::{Launch, MOST_PRESERVED, Manner, Root};

use crate::arguments::{Arguments, Known};
use crate::log::{self, Log};
use crate::store::{Container, Record, Store, read_spec};
use crate::{Error, Result, console, process, protect};

/// Options of `create`, and of `run` beside its own.
pub(crate) const OPTIONS: Known = &[
    ("bundle", Some('b'), true),
    ("console-socket", None, true),
    ("pidfd-socket", None, true),
    ("pid-file", None, true),
    ("no-pivot", None, false),
    ("no-new-keyring", None, false),
    ("preserve-fds", None, true),
    ("detach", Some('d'), false),
    ("keep", None, false),
    ("no-subreaper", None, false),
];

/// A container that was created, with its terminal's master if nobody else got it.
pub(crate) struct Made {
    pub(crate) container: Container,
    pub(crate) spec: Spec,
    pub(crate) terminal: Option<std::os::fd::OwnedFd>,
    pub(crate) pidfd: std::os::fd::OwnedFd,
}

/// Creates a container up to just before its program; its process waits at the gate.
pub(crate) fn create(given: &Arguments, store: &Store, log: &mut Log) -> Result<Made> {
    protect::from_memory()?;
    let id = given.id(true)?;
    let bundle = absolute(given.value("bundle").unwrap_or("."))?;
    let spec = read_spec(&bundle.join("config.json"))?;
    let rootfs = rootfs(&spec, &bundle)?;
    let reserved = store.reserve(id)?;
    let cgroup = make_cgroup(&spec, id, log)?;
    let undo = Undo(Some(&cgroup));
    let process = spec.process.as_ref();
    let process = process.ok_or_else(|| Error::Usage("config.json: process is missing".into()))?;
    let socket = given
        .value("console-socket")
        .filter(|path| !path.is_empty());
    if socket.is_some() && !process.terminal {
        return Err(Error::Usage(
            "a console socket is of no use without process.terminal".to_owned(),
        ));
    }
    let preserve = given
        .number("preserve-fds")?
        .unwrap_or(0)
        .min(MOST_PRESERVED + 1);
    let mut created = gantry_runtime::create(Launch {
        id,
        spec: &spec,
        root: Root::Path(&rootfs),
        mounts: &[],
        network: None,
        cgroup: &cgroup,
        stdio: console::streams(process)?,
        bundle: &bundle,
        init: None,
        manner: Manner {
            gate: reserved.gate().map(AsFd::as_fd),
            preserve,
            no_pivot: given.has("no-pivot"),
            no_keyring: given.has("no-new-keyring"),
        },
    })?;
    for warning in created.warnings() {
        log.warning(&warning.to_string());
    }
    let mut terminal = created.take_terminal();
    if let Some(path) = socket {
        terminal = terminal
            .map(|master| console::send(path, &master))
            .transpose()?
            .and(None);
    }
    if let Some(path) = given.value("pidfd-socket") {
        send_pidfd(path, created.pidfd())?;
    }
    let pid = created.pid().as_raw_nonzero().get();
    let record = Record {
        id: id.to_owned(),
        rootfs,
        pid,
        start_time: process::start_time(pid).unwrap_or(0),
        cgroup: cgroup.path().to_owned(),
        created: log::timestamp(std::time::SystemTime::now()),
        bundle,
    };
    let container = reserved.keep(record, &spec)?;
    write_pid(given, pid)?;
    undo.nothing();
    let child = created.leave().ok_or(Error::NotRunning)?;
    Ok(Made {
        container,
        spec,
        terminal,
        pidfd: child.pidfd,
    })
}

/// Writes `--pid-file`, whole or not at all: it is waited for.
pub(crate) fn write_pid(given: &Arguments, pid: i32) -> Result<()> {
    let Some(path) = given.value("pid-file").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let path = Path::new(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}"));
    std::fs::write(&beside, pid.to_string())
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(Error::file("write", path))
}

fn send_pidfd(path: &str, pidfd: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    let socket = std::os::unix::net::UnixStream::connect(path);
    let socket = socket.map_err(Error::file("connect to", path))?;
    gantry_sys::fd_passing::send(&socket, b"pidfd", &[pidfd])
        .map_err(Error::kernel("send the pidfd"))
}

pub(crate) fn absolute(path: &str) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(Error::file("find", path))
}

fn rootfs(spec: &Spec, bundle: &Path) -> Result<PathBuf> {
    let root = spec.root.as_ref().map_or("rootfs", |root| &root.path);
    let path = bundle.join(root);
    std::fs::canonicalize(&path).map_err(Error::file("find", &path))
}

/// The cgroup of the spec; without one, the container's ID below the root.
fn make_cgroup(spec: &Spec, id: &str, log: &mut Log) -> Result<Cgroup> {
    let linux = spec.linux.as_ref();
    let asked = linux.and_then(|linux| linux.cgroups_path.as_deref());
    let path = match asked {
        None | Some("") => format!("/{id}"),
        Some(path) if path.contains(':') => {
            return Err(Error::Unsupported(
                "cgroupsPath as slice:prefix:name (systemd); use a path and the cgroupfs driver",
            ));
        }
        Some(path) => format!("/{}", path.trim_start_matches('/')),
    };
    let mut resources = linux
        .and_then(|linux| linux.resources.clone())
        .unwrap_or_default();
    resources.devices = device_rules(resources.devices);
    let cgroup = Hierarchy::detect()?.create(&path, &resources)?;
    for warning in cgroup.warnings() {
        log.warning(&warning.to_string());
    }
    Ok(cgroup)
}

/// The specification's rules, then what every container may use, as callers expect it of runc:
/// podman's rules only deny. Without any rule everything else is denied too.
fn device_rules(asked: Vec<DeviceRule>) -> Vec<DeviceRule> {
    let rule = |allow, kind: &str, major, minor, access: &str| DeviceRule {
        allow,
        kind: Some(kind.to_owned()),
        major,
        minor,
        access: Some(access.to_owned()),
    };
    let mut rules = asked;
    if rules.is_empty() {
        rules.push(rule(false, "a", None, None, "rwm"));
    }
    rules.extend(["c", "b"].map(|kind| rule(true, kind, None, None, "m")));
    // null, zero, full, random, urandom; tty, console, ptmx; pseudo-terminals.
    let known = [
        (1, 3),
        (1, 5),
        (1, 7),
        (1, 8),
        (1, 9),
        (5, 0),
        (5, 1),
        (5, 2),
    ];
    rules.extend(known.map(|(major, minor)| rule(true, "c", Some(major), Some(minor), "rwm")));
    rules.push(rule(true, "c", Some(136), None, "rwm"));
    rules
}

/// Removes the cgroup again unless the container comes to be.
struct Undo<'a>(Option<&'a Cgroup>);

impl Undo<'_> {
    fn nothing(mut self) {
        self.0 = None;
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if let Some(cgroup) = self.0 {
            let _ = cgroup.remove();
        }
    }
}
