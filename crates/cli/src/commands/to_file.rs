//! An answer's body as a file: `save -o`, `export -o`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gantry_client::Response;

use crate::failure::Failure;

/// A file beside its place; it is renamed there once all of it has arrived.
pub(crate) struct ToFile {
    target: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl ToFile {
    /// Makes the file, of which `what` says what could not be done; a device or pipe is written to as it is.
    pub(crate) fn open(target: &str, what: &str) -> Result<Self, Failure> {
        let path = Path::new(target);
        let cannot =
            |error: &std::io::Error| Failure::new(format!("failed to write {target}: {error}"));
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
            return Err(Failure::new(format!(
                "{what}: invalid output path: stat {}: no such file or directory",
                parent.display()
            )));
        }
        if path.is_dir() {
            return Err(Failure::new(format!(
                "{what}: invalid output path: {target:?} is a directory"
            )));
        }
        let special = path.metadata().is_ok_and(|found| !found.is_file());
        let temporary = if special {
            path.to_owned()
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.with_file_name(format!(".{name}.{}", std::process::id()))
        };
        let file = File::create(&temporary).map_err(|error| cannot(&error))?;
        Ok(Self {
            target: path.to_owned(),
            temporary,
            file,
        })
    }

    /// Writes an answer's body to its end.
    pub(crate) async fn take(mut self, mut response: Response) -> Result<(), Failure> {
        let written = async {
            while let Some(chunk) = response.chunk().await? {
                self.file.write_all(&chunk)?;
            }
            Ok::<_, Failure>(())
        };
        let done = written.await.and_then(|()| {
            if self.temporary != self.target {
                std::fs::rename(&self.temporary, &self.target)?;
            }
            Ok(())
        });
        if done.is_err() && self.temporary != self.target {
            // What arrived is no archive.
            drop(std::fs::remove_file(&self.temporary));
        }
        done
    }
}
