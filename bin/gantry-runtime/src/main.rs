//! The small program beside `gantry`: a container's monitor, its init, and later a
//! runc-compatible command line.
//!
//! Which of them it is, is said by the name it was started under and its first word; everything
//! else is in the libraries.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Commands of the OCI runtime command line, which this program does not speak yet.
const OCI_COMMANDS: &[&str] = &[
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

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments
        .next()
        .is_some_and(|name| name == gantry_runtime::init::NAME)
    {
        return gantry_runtime::init::run(arguments);
    }
    let command = arguments.next().unwrap_or_default();
    match command.to_str() {
        Some("monitor") => gantry_monitor::run(),
        Some("--version" | "-v" | "version") => version(),
        _ => refuse(&command),
    }
}

fn version() -> ExitCode {
    let text = concat!("gantry-runtime version ", env!("CARGO_PKG_VERSION"), "\n");
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refuse(command: &OsString) -> ExitCode {
    let name = command.to_string_lossy();
    let message = if OCI_COMMANDS.contains(&&*name) {
        format!("{name} is not supported yet: containers are run through gantry")
    } else if name.is_empty() {
        "say what to do: gantry-runtime monitor | --version".to_owned()
    } else {
        format!("unknown command {name:?}: there are monitor and --version")
    };
    let _ = writeln!(io::stderr(), "gantry-runtime: {message}");
    ExitCode::FAILURE
}
