//! Every parser of foreign bytes, before libFuzzer.
//!
//! One program for all, so that it is built once: `$GANTRY_FUZZ_TARGET` names the parser. Each is
//! to take any bytes without a panic, without running for long and without much memory; those that
//! can write what they read are to read the same again. `cargo xtask fuzz` builds and runs it.
#![no_main]

mod archives;
mod documents;
mod files;
mod languages;
mod network;
mod texts;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

/// Takes any bytes.
type Target = fn(&[u8]);

/// The parsers, by name.
const TARGETS: &[(&str, Target)] = &[
    ("api", documents::api),
    ("oci", documents::oci),
    ("manifest", documents::manifest),
    ("seccomp", documents::seccomp),
    ("layer", archives::layer),
    ("archive", archives::archive),
    ("log", archives::log),
    ("dockerfile", languages::dockerfile),
    ("dockerignore", languages::ignore),
    ("template", languages::template),
    ("files", files::packets),
    ("dns", network::dns),
    ("registry", network::registry),
    ("reference", texts::reference),
    ("units", texts::units),
];

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("GANTRY_FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|(target, _)| *target == name);
        let Some((_, target)) = found else {
            let names: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
            eprintln!("GANTRY_FUZZ_TARGET is to be one of: {}", names.join(" "));
            std::process::exit(2);
        };
        *target
    })
}

fuzz_target!(|data: &[u8]| chosen()(data));
