//! The command line of an OCI runtime, as containerd, dockerd and podman drive it.
//!
//! The words are runc's: `create`, `start`, `run`, `exec`, `kill`, `delete`, `state`, `list`,
//! `ps`, `pause`, `resume`, `update`, `events`, `spec`, `features`. There is no specification of
//! them; what callers really send was traced (containerd's shim, conmon) and is tested.
//!
//! Nobody stays with a container here: `create` leaves its process behind, which waits at a FIFO
//! in the container's state directory until `start` writes to it, and whoever called `create` (a
//! shim) inherits and reaps it. [`Store`](store::Store) keeps what later commands need.
//!
//! The work is done by `gantry_runtime` and `gantry_cgroups`; this crate knows arguments, files of
//! state and what is printed.

#![forbid(unsafe_code)]

mod arguments;
mod bundle;
mod commands;
mod console;
mod error;
mod log;
mod process;
mod protect;
mod store;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::Arguments;
use error::{Error, Result};
use log::Log;
use store::Store;

/// The commands; what else there is, is not an OCI runtime's.
pub const COMMANDS: &[&str] = &[
    "checkpoint",
    "create",
    "delete",
    "events",
    "exec",
    "features",
    "kill",
    "list",
    "pause",
    "ps",
    "restore",
    "resume",
    "run",
    "spec",
    "start",
    "state",
    "update",
];

/// Options in front of the command.
const GLOBAL: arguments::Known = &[
    ("root", None, true),
    ("log", None, true),
    ("log-format", None, true),
    ("debug", None, false),
    ("systemd-cgroup", None, false),
    ("rootless", None, true),
    ("criu", None, true),
];

/// Where state is kept unless `--root` says otherwise.
const ROOT: &str = "/run/gantry-runtime";

/// Whether these arguments (without the program's name) are for an OCI runtime.
pub fn is_meant(arguments: &[OsString]) -> bool {
    let words = arguments.iter().filter_map(|word| word.to_str());
    match Arguments::parse(GLOBAL, words.map(str::to_owned).collect()) {
        Ok(parsed) => parsed
            .words()
            .first()
            .is_some_and(|word| COMMANDS.contains(&word.as_str())),
        Err(_) => false,
    }
}

/// Does what the arguments (without the program's name) say.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let mut log = Log::to_standard_error();
    let words: Vec<String> = arguments
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match dispatch(words, &mut log) {
        Ok(code) => code,
        Err(error) => {
            log.error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: Vec<String>, log: &mut Log) -> Result<ExitCode> {
    let global = Arguments::parse(GLOBAL, words)?;
    log.open(global.value("log"), global.value("log-format"))?;
    if global.has("systemd-cgroup") {
        return Err(Error::Unsupported(
            "--systemd-cgroup: cgroups are made directly; use the cgroupfs driver",
        ));
    }
    let store = Store::at(global.value("root").unwrap_or(ROOT));
    let Some((command, rest)) = global.words().split_first() else {
        return Err(Error::Usage("a command is missing".to_owned()));
    };
    let named = |error| match error {
        // What callers show to people begins with the command that failed.
        Error::Runtime(source) => Error::Failed {
            command: command.clone(),
            source,
        },
        other => other,
    };
    commands::run(command, rest.to_vec(), &store, log).map_err(named)
}
