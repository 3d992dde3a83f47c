//! Users' networks on disk: a file each.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::definition::NetworkInfo;
use crate::error::{Error, Result};

/// The folder of the files.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// All networks, the oldest first; a file that cannot be read is named and left alone.
    pub(crate) fn read(&self) -> Result<Vec<NetworkInfo>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("list", error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| self.failed("list", error))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read(&path).map_err(|error| self.failed("read", error))?;
            match serde_json::from_slice::<NetworkInfo>(&text) {
                Ok(network) => found.push(network),
                Err(error) => {
                    tracing::error!(file = %path.display(), "not a network, left alone: {error}");
                }
            }
        }
        found.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        Ok(found)
    }

    /// Writes a network so that it survives a power loss.
    pub(crate) fn write(&self, network: &NetworkInfo) -> Result<()> {
        let write = || {
            fs::create_dir_all(&self.folder)?;
            let draft = self.folder.join(format!("{}.new", network.id));
            let mut file = fs::File::create(&draft)?;
            file.write_all(&serde_json::to_vec(network)?)?;
            file.sync_all()?;
            fs::rename(draft, self.path(&network.id))?;
            fs::File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| self.failed("write to", error))
    }

    /// Removes a network's file; fine when it is gone.
    pub(crate) fn remove(&self, id: &str) -> Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("remove from", error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        Error::system(format!("{what} {}", self.folder.display()), error)
    }
}
