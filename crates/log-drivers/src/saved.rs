//! How far a collector has a log, in a file beside it.

use std::io;
use std::path::{Path, PathBuf};

use gantry_logs::{FileId, Position};
use serde::{Deserialize, Serialize};

/// A place in a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    inode: u64,
    first: u64,
    offset: u64,
    /// Entries behind the place that the collector has, too.
    pub(crate) skip: usize,
}

impl Saved {
    pub(crate) fn new(position: Position, skip: usize) -> Self {
        Self {
            inode: position.file.inode,
            first: position.file.first,
            offset: position.offset,
            skip,
        }
    }

    /// `None` when nothing was sent yet.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read(path).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Written beside and renamed over: it is there whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(draft, path)
    }

    pub(crate) fn position(&self) -> Position {
        Position {
            file: FileId {
                inode: self.inode,
                first: self.first,
            },
            offset: self.offset,
        }
    }
}
