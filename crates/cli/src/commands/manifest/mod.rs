//! Commands about manifests: what registries have, and lists of one's own on the way there.
//!
//! None of them needs a daemon. Lists are kept in Docker's files, so that either command line can
//! go on with what the other began.

pub(crate) mod annotate;
pub(crate) mod create;
mod entry;
pub(crate) mod inspect;
mod lists;
mod platforms;
pub(crate) mod push;
mod registry;
pub(crate) mod rm;

use serde::Serialize;

use crate::failure::Failure;

/// JSON with this indent.
fn pretty(value: &impl Serialize, indent: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    value.serialize(&mut serializer).map_err(Failure::new)?;
    Ok(bytes)
}

/// Prints with Docker's indent.
fn show(value: &impl Serialize) -> Result<(), Failure> {
    let bytes = pretty(value, b"\t")?;
    crate::output::line(String::from_utf8_lossy(&bytes));
    Ok(())
}
