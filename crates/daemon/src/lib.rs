//! The daemon process: settings, lock, sockets, logging, start and end.
//!
//! [`main`] is `gantry daemon`. It reads the flags ([`args`]) and `daemon.json` ([`config`]), takes
//! the lock on the data root ([`lock`]), opens the engine, opens its sockets ([`doors`], `gates`) and
//! serves the API on them until a signal ends it; another signal makes it read its configuration again. Containers are not its children in any sense that
//! matters: they go on without it.
//!
//! This crate decides what the engine is told; it knows no container and no request.

#![forbid(unsafe_code)]

mod activation;
pub mod address;
pub mod args;
mod cgroup;
pub mod config;
pub mod doors;
mod entropy;
mod error;
mod gates;
pub mod lock;
mod logging;
mod memory;
mod reload;
mod run;
mod settings;
mod signals;
pub mod tls;

use std::ffi::OsString;
use std::process::ExitCode;

pub use error::Error;
pub use settings::Resolved;

/// The programs that `gantry` carries inside.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// Runtime, monitor and init.
    pub runtime: &'static [u8],
    /// The program of `gantry/hello`.
    pub hello: &'static [u8],
    /// The commit that the program was built from.
    pub commit: &'static str,
}

/// Runs `gantry daemon ...`; `args` starts with the program's name and the word `daemon`.
pub fn main(args: &[OsString], embedded: Embedded) -> ExitCode {
    let words =
        std::iter::once(OsString::from("gantry daemon")).chain(args.iter().skip(2).cloned());
    let parsed = match args::DaemonArgs::parse(words) {
        Ok(parsed) => parsed,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(1));
        }
    };
    match perform(&parsed, embedded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&e);
            ExitCode::FAILURE
        }
    }
}

fn perform(args: &args::DaemonArgs, embedded: Embedded) -> Result<(), Error> {
    let resolved = Resolved::new(&args.run)?;
    match args.verb {
        args::Verb::Stop { containers } => {
            lock::stop_holder(&resolved.data_root, containers).map(|_| ())
        }
        args::Verb::Validate => {
            resolved.engine(embedded.commit)?;
            resolved.tls.as_ref().map(tls::TlsFiles::load).transpose()?;
            say("configuration OK");
            Ok(())
        }
        args::Verb::Run => run::run(resolved, args.run.clone(), embedded),
    }
}

#[expect(clippy::print_stdout, reason = "the answer to --validate")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a program that cannot go on"
)]
fn complain(error: &Error) {
    eprintln!("gantry daemon: {error}");
}
