//! `exec`.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use gantry_oci::{Capabilities, Process, Spec, Status};
use gantry_runtime::Exec;

use crate::arguments::{Arguments, Known};
use crate::bundle::write_pid;
use crate::log::Log;
use crate::{Error, Result, Store, console, process, protect};

const OPTIONS: Known = &[
    ("process", Some('p'), true),
    ("detach", Some('d'), false),
    ("pid-file", None, true),
    ("console-socket", None, true),
    ("pidfd-socket", None, true),
    ("cwd", None, true),
    ("env", Some('e'), true),
    ("tty", Some('t'), false),
    ("user", Some('u'), true),
    ("additional-gids", Some('g'), true),
    ("cap", Some('c'), true),
    ("no-new-privs", None, false),
    ("apparmor", None, true),
    ("process-label", None, true),
    ("preserve-fds", None, true),
    ("ignore-paused", None, false),
    ("no-subreaper", None, false),
];

pub(super) fn exec(rest: Vec<String>, store: &Store, log: &mut Log) -> Result<ExitCode> {
    let given = Arguments::parse(OPTIONS, rest)?;
    protect::from_memory()?;
    let container = store.find(given.id(false)?)?;
    let status = container.status();
    if status == Status::Stopped {
        return Err(Error::WrongState {
            action: "exec in",
            status: "stopped",
        });
    }
    let spec = container.spec()?;
    let asked = asked(&given, &spec)?;
    let socket = given
        .value("console-socket")
        .filter(|path| !path.is_empty());
    if asked.terminal && given.has("detach") && socket.is_none() {
        return Err(Error::Usage(
            "cannot allocate a terminal if detached without --console-socket".to_owned(),
        ));
    }
    let target = process::open(container.record.pid)?;
    let cgroup = container.cgroup()?;
    let mut running = gantry_runtime::exec(Exec {
        target: target.as_fd(),
        process: &asked,
        seccomp: spec.linux.as_ref().and_then(|linux| linux.seccomp.as_ref()),
        cgroup: &cgroup,
        stdio: console::streams(&asked)?,
        preserve: given.number("preserve-fds")?.unwrap_or(0),
    })?;
    for warning in &running.warnings {
        log.warning(&warning.to_string());
    }
    write_pid(&given, running.child.pid.as_raw_nonzero().get())?;
    match (running.terminal.take(), socket) {
        (Some(master), Some(path)) => console::send(path, &master)?,
        (Some(master), None) => console::proxy(master)?,
        (None, _) => {}
    }
    if given.has("detach") {
        return Ok(ExitCode::SUCCESS);
    }
    process::wait(&running.child.pidfd).map(ExitCode::from)
}

/// The process of `--process`, or the container's own with what the options say.
fn asked(given: &Arguments, spec: &Spec) -> Result<Process> {
    if let Some(path) = given.value("process") {
        let text = std::fs::read(path).map_err(Error::file("read", path))?;
        return serde_json::from_slice(&text).map_err(|source| Error::Json {
            path: Path::new(path).to_owned(),
            source,
        });
    }
    let mut process = spec.process.clone().unwrap_or_default();
    process.args = given.words().get(1..).unwrap_or_default().to_vec();
    if process.args.is_empty() {
        return Err(Error::Usage("process args cannot be empty".to_owned()));
    }
    process.terminal = given.has("tty");
    process.env.extend(given.values("env").map(str::to_owned));
    if let Some(cwd) = given.value("cwd") {
        cwd.clone_into(&mut process.cwd);
    }
    if let Some(user) = given.value("user") {
        let (uid, gid) = user.split_once(':').unwrap_or((user, ""));
        process.user.uid = id(uid)?;
        process.user.gid = if gid.is_empty() { 0 } else { id(gid)? };
    }
    for gid in given.values("additional-gids") {
        process.user.additional_gids.push(id(gid)?);
    }
    if let Some(profile) = given.value("apparmor") {
        process.apparmor_profile = Some(profile.to_owned());
    }
    if let Some(label) = given.value("process-label") {
        process.selinux_label = Some(label.to_owned());
    }
    if given.has("no-new-privs") {
        process.no_new_privileges = true;
    }
    let sets = process.capabilities.get_or_insert_default();
    given.values("cap").for_each(|name| add(sets, name));
    Ok(process)
}

fn id(text: &str) -> Result<u32> {
    text.parse()
        .map_err(|_| Error::Usage(format!("{text:?} is no user or group number")))
}

fn add(sets: &mut Capabilities, name: &str) {
    for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
        if !set.iter().any(|known| known == name) {
            set.push(name.to_owned());
        }
    }
}
