//! Crash-safe small files: written beside, flushed where asked, renamed over.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// Whether a file must survive a power failure, or only a crash of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// What a user created: fsync of the file and its folder (0.5-10 ms).
    PowerLoss,
    /// What can be found out again: no fsync.
    Crash,
}

/// Replaces `path` by `value` as JSON: a reader sees the old or the new content, never a mixture.
pub(crate) fn write_json<T: Serialize>(
    path: &Path,
    value: &T,
    durability: Durability,
) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value)
        .map_err(|e| Error::Internal(format!("cannot encode {}: {e}", path.display())))?;
    write(path, &bytes, durability)
}

/// Replaces `path` by `bytes`.
pub(crate) fn write(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), Error> {
    let beside = path.with_extension("tmp");
    let mut file = File::create(&beside).map_err(Error::file("create", &beside))?;
    file.write_all(bytes)
        .map_err(Error::file("write", &beside))?;
    if durability == Durability::PowerLoss {
        file.sync_all().map_err(Error::file("flush", &beside))?;
    }
    fs::rename(&beside, path).map_err(Error::file("replace", path))?;
    if durability == Durability::PowerLoss
        && let Some(folder) = path.parent()
    {
        File::open(folder)
            .and_then(|d| d.sync_all())
            .map_err(Error::file("flush", folder))?;
    }
    Ok(())
}

/// Reads a JSON file; `None` when there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::file("read", path)(e)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| Error::Internal(format!("{} is damaged: {e}", path.display())))
}
