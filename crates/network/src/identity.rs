//! The ids of endpoints and of the default networks.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The default networks' ids, the same for as long as the run root lives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) bridge: String,
    pub(crate) host: String,
    pub(crate) none: String,
    /// Seconds since 1970.
    created: u64,
}

impl Identity {
    /// Reads the ids below the run root, or makes them.
    pub(crate) fn open(run_root: &Path) -> Result<Self> {
        let directory = run_root.join("network");
        let file = directory.join("default-networks.json");
        let what = || format!("keep the networks' ids in {}", file.display());
        match fs::read(&file) {
            // What a dying writer could leave is never half a file (see `write`): anything
            // unreadable is not ours to understand, and new ids do no harm.
            Ok(text) => {
                if let Ok(identity) = serde_json::from_slice(&text) {
                    return Ok(identity);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::system(what(), error)),
        }
        let identity = Self::new()?;
        identity
            .write(&directory, &file)
            .map_err(|error| Error::system(what(), error))?;
        Ok(identity)
    }

    /// When the ids were made, in nanoseconds since 1970.
    pub(crate) fn created_nanos(&self) -> u64 {
        self.created * 1_000_000_000
    }

    fn new() -> Result<Self> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let created = since.as_secs();
        Ok(Self {
            bridge: random_id()?,
            host: random_id()?,
            none: random_id()?,
            created,
        })
    }

    fn write(&self, directory: &Path, file: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let draft = file.with_extension("json.new");
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, file)
    }
}

/// 64 random hexadecimal digits.
pub(crate) fn random_id() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::system("draw random numbers", io::Error::other(error.to_string()))
    })?;
    Ok(bytes
        .iter()
        .fold(String::with_capacity(64), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_while_the_run_root_lives() {
        let root = tempfile::tempdir().unwrap();
        let first = Identity::open(root.path()).unwrap();
        assert_eq!(first.bridge.len(), 64);
        assert_eq!(Identity::open(root.path()).unwrap().bridge, first.bridge);
        fs::write(root.path().join("network/default-networks.json"), "{").unwrap();
        assert_ne!(Identity::open(root.path()).unwrap().bridge, first.bridge);
    }
}
