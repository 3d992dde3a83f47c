//! The small program beside `gantry`: a container's monitor, its init, and an OCI runtime's command
//! line.
//!
//! Which of them it is, is said by the name it was started under and its first word; everything
//! else is in the libraries.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments
        .next()
        .is_some_and(|name| name == gantry_runtime::init::NAME)
    {
        return gantry_runtime::init::run(arguments);
    }
    let arguments: Vec<OsString> = arguments.collect();
    let command = arguments.first().cloned().unwrap_or_default();
    match command.to_str() {
        Some("monitor") => gantry_monitor::run(),
        Some(gantry_monitor::relay::WORD) => gantry_monitor::relay::run(),
        Some("--version" | "-v" | "version") => version(),
        _ if gantry_oci_runtime::is_meant(&arguments) => gantry_oci_runtime::run(&arguments),
        _ => refuse(&command),
    }
}

fn version() -> ExitCode {
    let text = concat!(
        "gantry-runtime version ",
        env!("CARGO_PKG_VERSION"),
        "\nspec: 1.2.0\n"
    );
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refuse(command: &OsString) -> ExitCode {
    let name = command.to_string_lossy();
    let known = gantry_oci_runtime::COMMANDS.join(", ");
    let message = if name.is_empty() {
        format!("say what to do: monitor, --version, or one of {known}")
    } else {
        format!("unknown command or option {name:?}: there are monitor, --version, {known}")
    };
    let _ = writeln!(io::stderr(), "gantry-runtime: {message}");
    ExitCode::FAILURE
}
