//! Lists that are not on a registry yet: `~/.docker/manifests`, a folder a list, a file a manifest.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gantry_reference::Reference;

use super::entry::ImageManifest;
use crate::failure::Failure;

/// The folder of all lists.
pub(super) struct Lists(PathBuf);

impl Lists {
    pub(super) fn of(configuration: &Path) -> Self {
        Self(configuration.join("manifests"))
    }

    /// The manifests of a list, by their files' names; `None` if there is no such list.
    pub(super) fn list(&self, list: &Reference) -> Result<Option<Vec<ImageManifest>>, Failure> {
        let folder = self.folder(list);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(told(&folder, error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            files.push(entry.map_err(|error| told(&folder, error))?.path());
        }
        files.sort_unstable();
        let read = files.iter().map(|file| read(file));
        let found: Result<Vec<_>, _> = read.collect();
        Ok(Some(found?.into_iter().flatten().collect()))
    }

    /// The same of a list that must be there.
    pub(super) fn existing(&self, list: &Reference) -> Result<Vec<ImageManifest>, Failure> {
        self.list(list)?
            .filter(|manifests| !manifests.is_empty())
            .ok_or_else(|| Failure::new(format!("No such manifest: {list}")))
    }

    /// One manifest of a list.
    pub(super) fn get(
        &self,
        list: &Reference,
        manifest: &Reference,
    ) -> Result<Option<ImageManifest>, Failure> {
        read(&self.folder(list).join(file_name(manifest)))
    }

    /// Puts a manifest into a list under its name.
    pub(super) fn save(
        &self,
        list: &Reference,
        name: &Reference,
        manifest: &ImageManifest,
    ) -> Result<(), Failure> {
        let folder = self.folder(list);
        let file = folder.join(file_name(name));
        let bytes = serde_json::to_vec(manifest).map_err(Failure::new)?;
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&file, bytes))
            .map_err(|error| told(&file, error))
    }

    /// Forgets a list.
    pub(super) fn remove(&self, list: &Reference) -> Result<(), Failure> {
        let folder = self.folder(list);
        std::fs::remove_dir_all(&folder).map_err(|error| told(&folder, error))
    }

    fn folder(&self, list: &Reference) -> PathBuf {
        self.0.join(file_name(list))
    }
}

/// Docker's: no reference has a slash or a colon left then, or begins with a dot.
fn file_name(reference: &Reference) -> String {
    reference.to_string().replace(':', "-").replace('/', "_")
}

fn read(file: &Path) -> Result<Option<ImageManifest>, Failure> {
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| told(file, error)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(told(file, error)),
    }
}

fn told(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
