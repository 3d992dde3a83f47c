//! The command line: Docker's names, flags, output and exit codes.
//!
//! - [`main`] reads the global options, finds the command in [`commands`] and runs it.
//! - `flags` is the first of three layers, as ripgrep has them: what was typed. One declaration of
//!   a command's options (the doc comments are the help) makes parsing and usage text. It follows
//!   pflag, the library that Docker parses with, down to the wording: `--rm=false`, `-itd`,
//!   `-p8080:80` and last-one-wins all mean what they mean there, which no derive of clap gives.
//! - `create` is the second layer for `run` and `create`: what the options mean, as a body of the
//!   Engine API.
//! - `commands/<group>/<verb>.rs` is the third: one command a file.
//! - `build` is the second layer for `build`, and shows a build's progress.
//! - `upload` makes bodies of requests while they travel.
//! - `streams` copies between a container and our standard streams; `progress` shows pulls;
//!   `format` and `table` print lists; `config_file` reads `~/.docker/config.json`.
//!
//! It talks to the daemon through the `client` crate only and knows nothing of the engine.
#![forbid(unsafe_code)]
// Printing is this crate's job.
#![allow(clippy::print_stderr)]
// Sizes become fractions only to be shown with three digits.
#![allow(clippy::cast_precision_loss)]

mod build;
mod command;
mod commands;
mod completion;
mod config_file;
mod contexts;
mod create;
mod environment;
mod failure;
mod flags;
mod format;
mod globals;
mod output;
mod plugins;
mod program;
mod progress;
mod registry_auth;
mod session;
mod streams;
mod table;
mod times;
mod upload;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command line; the first argument is the program's name. `commit` is what we were built
/// from.
pub fn main(args: Vec<OsString>, commit: &'static str) -> ExitCode {
    session::set_build(commit);
    let mut args = args.into_iter();
    let program = program::Program::called(args.next().as_deref());
    let words = args
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match command::dispatch(program, words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
