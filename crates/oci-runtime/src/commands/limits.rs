//! `pause`, `resume`, `update`.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use gantry_oci::{BlockIo, Cpu, Memory, Pids, Resources, Status};

use crate::arguments::{Arguments, Known};
use crate::log::Log;
use crate::{Error, Result, Store};

pub(super) fn pause(rest: Vec<String>, store: &Store) -> Result<ExitCode> {
    let given = Arguments::parse(&[], rest)?;
    let container = store.find(given.id(true)?)?;
    match container.status() {
        Status::Running | Status::Created => container.cgroup()?.freeze()?,
        _ => return Err(Error::NotRunning),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn resume(rest: Vec<String>, store: &Store) -> Result<ExitCode> {
    let given = Arguments::parse(&[], rest)?;
    let container = store.find(given.id(true)?)?;
    if container.status() != Status::Paused {
        return Err(Error::Usage("container not paused".to_owned()));
    }
    container.cgroup()?.thaw()?;
    Ok(ExitCode::SUCCESS)
}

const OPTIONS: Known = &[
    ("resources", Some('r'), true),
    ("blkio-weight", None, true),
    ("cpu-period", None, true),
    ("cpu-quota", None, true),
    ("cpu-share", None, true),
    ("cpu-rt-period", None, true),
    ("cpu-rt-runtime", None, true),
    ("cpuset-cpus", None, true),
    ("cpuset-mems", None, true),
    ("memory", None, true),
    ("memory-reservation", None, true),
    ("memory-swap", None, true),
    ("pids-limit", None, true),
];

pub(super) fn update(rest: Vec<String>, store: &Store, log: &mut Log) -> Result<ExitCode> {
    let given = Arguments::parse(OPTIONS, rest)?;
    let container = store.find(given.id(true)?)?;
    if container.status() == Status::Stopped {
        return Err(Error::NotRunning);
    }
    let resources = match given.value("resources") {
        Some(path) => read(path)?,
        None => asked(&given)?,
    };
    for warning in container.cgroup()?.update(&resources)? {
        log.warning(&warning.to_string());
    }
    Ok(ExitCode::SUCCESS)
}

/// The file, or standard input for `-`.
fn read(path: &str) -> Result<Resources> {
    let mut text = Vec::new();
    let read = match path {
        "-" => std::io::stdin().read_to_end(&mut text).map(drop),
        path => std::fs::read(path).map(|bytes| text = bytes),
    };
    read.map_err(Error::file("read", path))?;
    let mut resources: Resources = serde_json::from_slice(&text).map_err(|source| Error::Json {
        path: Path::new(path).to_owned(),
        source,
    })?;
    // Device rules are for the creation; an update without them must not take them away.
    resources.devices.clear();
    Ok(resources)
}

fn asked(given: &Arguments) -> Result<Resources> {
    let text = |name| given.value(name).map(str::to_owned);
    Ok(Resources {
        memory: Some(Memory {
            limit: given.number("memory")?,
            reservation: given.number("memory-reservation")?,
            swap: given.number("memory-swap")?,
            ..Memory::default()
        }),
        cpu: Some(Cpu {
            shares: given.number("cpu-share")?,
            quota: given.number("cpu-quota")?,
            period: given.number("cpu-period")?,
            realtime_runtime: given.number("cpu-rt-runtime")?,
            realtime_period: given.number("cpu-rt-period")?,
            cpus: text("cpuset-cpus"),
            mems: text("cpuset-mems"),
        }),
        pids: given.number("pids-limit")?.map(|limit| Pids { limit }),
        block_io: Some(BlockIo {
            weight: given.number("blkio-weight")?,
            ..BlockIo::default()
        }),
        ..Resources::default()
    })
}
