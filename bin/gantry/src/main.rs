//! The `gantry` program: dispatch on the first word, nothing else.
//!
//! It carries the runtime (executed from a sealed memfd, one monitor per container) and the
//! program of the `gantry/hello` image.

use std::ffi::OsString;
use std::process::ExitCode;

/// The runtime, monitor and init in one static program, built by this package's build script.
const RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gantry-runtime"));
/// The one file of the image `gantry/hello`.
const HELLO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gantry-hello"));

/// The commit that this was built from, as the build script found it.
const COMMIT: &str = env!("GANTRY_COMMIT");

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match args.get(1).and_then(|word| word.to_str()) {
        Some("daemon") => gantry_daemon::main(
            &args,
            gantry_daemon::Embedded {
                runtime: RUNTIME,
                hello: HELLO,
                commit: COMMIT,
            },
        ),
        _ => gantry_cli::main(args, COMMIT),
    }
}
