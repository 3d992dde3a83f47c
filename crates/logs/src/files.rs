//! The files of one log, in the face of rotation.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use gantry_log_format::rotated_path;

/// An open file of a log. It keeps its content when it is renamed or removed.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) file: File,
    identity: (u64, u64),
}

impl LogFile {
    /// Opens it; `None` if there is no such file.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => {
                let metadata = file.metadata()?;
                Ok(Some(Self {
                    file,
                    identity: (metadata.dev(), metadata.ino()),
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Whether the name still leads to this file.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|m| (m.dev(), m.ino()) == self.identity)
    }
}

/// Opens the files that were begun after `last`, or all; oldest first.
///
/// They are opened newest first: if the log is rotated meanwhile, a file is met again under its
/// older name, and none is missed.
pub(crate) fn open_after(path: &Path, last: Option<&LogFile>) -> io::Result<Vec<LogFile>> {
    let mut files: Vec<LogFile> = Vec::new();
    for n in 0.. {
        let Some(file) = LogFile::open(&rotated_path(path, n))? else {
            // Between the renames of a rotation the current name is free for a moment.
            if n == 0 {
                continue;
            }
            break;
        };
        if last.is_some_and(|l| l.identity == file.identity) {
            break;
        }
        if files.iter().all(|f| f.identity != file.identity) {
            files.push(file);
        }
    }
    files.reverse();
    Ok(files)
}
