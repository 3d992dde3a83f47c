//! `create`, `start`, `run`, `kill`, `delete`.

use std::process::ExitCode;

use gantry_oci::{Spec, Status};
use gantry_runtime::hooks;
use rustix::fs::{Mode, OFlags};

use crate::arguments::Arguments;
use crate::bundle::{self, OPTIONS};
use crate::log::Log;
use crate::store::Container;
use crate::{Error, Result, Store, console, process};

pub(super) fn create(rest: Vec<String>, store: &Store, log: &mut Log) -> Result<ExitCode> {
    let given = Arguments::parse(OPTIONS, rest)?;
    let made = bundle::create(&given, store, log)?;
    if made.terminal.is_some() {
        let _ = remove(&made.container, &made.spec, log);
        return Err(Error::Usage(
            "cannot allocate a terminal without --console-socket".to_owned(),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn start(rest: Vec<String>, store: &Store, log: &mut Log) -> Result<ExitCode> {
    let given = Arguments::parse(&[], rest)?;
    let container = store.find(given.id(true)?)?;
    open_gate(&container, log)?;
    Ok(ExitCode::SUCCESS)
}

/// Lets the process of a created container go on to its program.
fn open_gate(container: &Container, log: &mut Log) -> Result<()> {
    match container.status() {
        Status::Created => {}
        Status::Stopped => {
            return Err(Error::WrongState {
                action: "start",
                status: "stopped",
            });
        }
        _ => {
            return Err(Error::Usage(
                "cannot start an already running container".to_owned(),
            ));
        }
    }
    let gate = container.gate();
    // The process holds it open; without it nobody is there and this fails at once.
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(&gate, flags, Mode::empty()).map_err(|_| Error::NotRunning)?;
    std::fs::remove_file(&gate).map_err(Error::file("remove", &gate))?;
    rustix::io::write(&file, b"!").map_err(Error::kernel("let the process go"))?;
    let spec = container.spec()?;
    let state = container.state(Status::Running, &spec);
    for warning in hooks::after_start(&spec, &state) {
        log.warning(&warning.to_string());
    }
    Ok(())
}

pub(super) fn run(rest: Vec<String>, store: &Store, log: &mut Log) -> Result<ExitCode> {
    let given = Arguments::parse(OPTIONS, rest)?;
    let made = bundle::create(&given, store, log)?;
    let started = open_gate(&made.container, log);
    if started.is_err() || (given.has("detach") && made.terminal.is_some()) {
        let _ = remove(&made.container, &made.spec, log);
        started?;
        return Err(Error::Usage(
            "cannot allocate a terminal if detached without --console-socket".to_owned(),
        ));
    }
    if given.has("detach") {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(master) = made.terminal {
        console::proxy(master)?;
    }
    let code = process::wait(&made.pidfd)?;
    if !given.has("keep") {
        remove(&made.container, &made.spec, log)?;
    }
    Ok(ExitCode::from(code))
}

pub(super) fn kill(rest: Vec<String>, store: &Store) -> Result<ExitCode> {
    let given = Arguments::parse(&[("all", Some('a'), false)], rest)?;
    let container = store.find(given.id(false)?)?;
    let words = given.words();
    let signal = words.get(1).map_or("SIGTERM", String::as_str);
    let signal = process::signal_number(signal)?;
    let all = given.has("all") || words.iter().any(|word| word == "--all" || word == "-a");
    if all {
        for pid in container.cgroup()?.procs()? {
            if let Ok(pidfd) = process::open(pid.as_raw_nonzero().get()) {
                let _ = process::signal(&pidfd, signal);
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let record = &container.record;
    let pidfd = process::open(record.pid)?;
    if !process::lives(record.pid, record.start_time) {
        return Err(Error::NotRunning);
    }
    process::signal(&pidfd, signal)?;
    if signal == libc::SIGKILL && container.status() == Status::Paused {
        // Frozen processes of v1 do not die.
        container.cgroup()?.thaw()?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn delete(rest: Vec<String>, store: &Store, log: &mut Log) -> Result<ExitCode> {
    let given = Arguments::parse(&[("force", Some('f'), false)], rest)?;
    let id = given.id(false)?;
    let force = given.has("force") || given.words().iter().any(|w| w == "--force" || w == "-f");
    let container = match store.find(id) {
        Err(Error::NoContainer) if force => return Ok(ExitCode::SUCCESS),
        other => other?,
    };
    let status = container.status();
    if !force && !matches!(status, Status::Stopped | Status::Created) {
        return Err(Error::NotStopped {
            id: id.to_owned(),
            status: status.as_str(),
        });
    }
    let spec = container.spec()?;
    remove(&container, &spec, log)?;
    Ok(ExitCode::SUCCESS)
}

/// Ends whatever is left, removes the cgroup, tells the hooks and forgets.
fn remove(container: &Container, spec: &Spec, log: &mut Log) -> Result<()> {
    match container.cgroup() {
        Ok(cgroup) => {
            cgroup.kill()?;
            // A frozen group keeps its dead.
            let _ = cgroup.thaw();
            cgroup.remove()?;
        }
        Err(Error::Cgroup(e)) if e.kind() == gantry_cgroups::Kind::NotFound => {}
        Err(other) => return Err(other),
    }
    container.forget()?;
    let state = container.state(Status::Stopped, spec);
    for warning in hooks::after_stop(spec, &state) {
        log.warning(&warning.to_string());
    }
    Ok(())
}
