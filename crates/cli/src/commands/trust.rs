//! `gantry trust`: signatures of a Notary server, which Docker itself gave up in version 29.

use crate::command::Entry;
use crate::failure::Failure;
use crate::session::Session;

/// The entries of the list of all commands.
pub(crate) const ENTRIES: &[Entry] = &[
    entry(
        &["trust inspect"],
        "IMAGE[:TAG] [IMAGE[:TAG]...]",
        "Return low-level information about keys and signatures",
    ),
    entry(
        &["trust key generate"],
        "NAME",
        "Generate and load a signing key-pair",
    ),
    entry(
        &["trust key load"],
        "[OPTIONS] KEYFILE",
        "Load a private key file for signing",
    ),
    entry(
        &["trust revoke"],
        "[OPTIONS] IMAGE[:TAG]",
        "Remove trust for an image",
    ),
    entry(&["trust sign"], "IMAGE:TAG", "Sign an image"),
    entry(
        &["trust signer add"],
        "OPTIONS NAME REPOSITORY [REPOSITORY...]",
        "Add a signer",
    ),
    entry(
        &["trust signer remove"],
        "[OPTIONS] NAME REPOSITORY [REPOSITORY...]",
        "Remove a signer",
    ),
];

const fn entry(paths: &'static [&'static str], usage: &'static str, about: &'static str) -> Entry {
    Entry::untyped(paths, usage, about, refuse)
}

fn refuse(_: &Entry, path: &str, session: &Session, _words: &[String]) -> Result<(), Failure> {
    Err(Failure::new(format!(
        "{} {path}: Docker Content Trust is not supported: it needs a Notary server, and Docker \
         itself has ended it; sign images in their registry, for example with cosign or notation",
        session.program.name
    )))
}
