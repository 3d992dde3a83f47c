//! The commands.

mod describe;
mod exec;
mod features;
mod life;
mod limits;

use std::io::Write;
use std::process::ExitCode;

use crate::log::Log;
use crate::{Error, Result, Store};

/// Runs one.
pub(crate) fn run(name: &str, rest: Vec<String>, store: &Store, log: &mut Log) -> Result<ExitCode> {
    match name {
        "create" => life::create(rest, store, log),
        "start" => life::start(rest, store, log),
        "run" => life::run(rest, store, log),
        "kill" => life::kill(rest, store),
        "delete" => life::delete(rest, store, log),
        "exec" => exec::exec(rest, store, log),
        "state" => describe::state(rest, store),
        "list" => describe::list(rest, store),
        "ps" => describe::ps(rest, store),
        "events" => describe::events(rest, store),
        "spec" => describe::spec(rest),
        "features" => features::features(rest),
        "pause" => limits::pause(rest, store),
        "resume" => limits::resume(rest, store),
        "update" => limits::update(rest, store, log),
        "checkpoint" | "restore" => Err(Error::Unsupported("checkpoint and restore (CRIU)")),
        other => Err(Error::Usage(format!("no such command: {other:?}"))),
    }
}

/// Prints a document.
fn print(text: &str) -> Result<ExitCode> {
    writeln!(std::io::stdout(), "{text}").map_err(Error::file("write to", "standard output"))?;
    Ok(ExitCode::SUCCESS)
}
