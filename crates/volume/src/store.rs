//! The folder of volumes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{Error, VolumeName, copy};

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: VolumeName,
    /// Seconds since 1970.
    pub created: u64,
    /// What its maker wrote on it.
    pub labels: BTreeMap<String, String>,
    /// Whether nobody gave it a name; such a volume goes with its container's `rm -v` and `--rm`.
    pub anonymous: bool,
}

/// All volumes of one data root.
#[derive(Debug)]
pub struct Volumes {
    root: PathBuf,
    /// Makes "is it there? then make it" one step.
    changing: Mutex<()>,
}

impl Volumes {
    /// Opens the folder `<data_root>/volumes`, making it when missing.
    pub fn open(data_root: &Path) -> Result<Self, Error> {
        let root = data_root.join("volumes");
        fs::create_dir_all(&root).map_err(Error::file("create", &root))?;
        Ok(Self {
            root,
            changing: Mutex::new(()),
        })
    }

    /// The volume of this name, made when it is missing.
    pub fn ensure(
        &self,
        name: VolumeName,
        driver: &str,
        labels: BTreeMap<String, String>,
        anonymous: bool,
    ) -> Result<Volume, Error> {
        if !matches!(driver, "" | "local") {
            return Err(Error::UnknownDriver {
                name: name.to_string(),
                driver: driver.to_owned(),
            });
        }
        let _changing = self
            .changing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match self.get(name.as_str()) {
            Err(Error::NotFound(_)) => self.create(name, labels, anonymous),
            found => found,
        }
    }

    fn create(
        &self,
        name: VolumeName,
        labels: BTreeMap<String, String>,
        anonymous: bool,
    ) -> Result<Volume, Error> {
        let volume = Volume {
            created: now(),
            labels,
            anonymous,
            name,
        };
        let data = self.path(&volume.name);
        fs::create_dir_all(&data).map_err(Error::file("create", &data))?;
        // The record comes last: a folder without one is not a volume yet, and is completed or
        // overwritten by the next attempt.
        let record = self.record(&volume.name);
        let beside = record.with_extension("tmp");
        let bytes = serde_json::to_vec(&volume).map_err(|e| Error::Damaged {
            path: record.clone(),
            reason: e.to_string(),
        })?;
        fs::write(&beside, bytes).map_err(Error::file("write", &beside))?;
        fs::File::open(&beside)
            .and_then(|f| f.sync_all())
            .map_err(Error::file("flush", &beside))?;
        fs::rename(&beside, &record).map_err(Error::file("replace", &record))?;
        Ok(volume)
    }

    /// The volume of this name.
    pub fn get(&self, name: &str) -> Result<Volume, Error> {
        let name = VolumeName::new(name).map_err(|_| Error::NotFound(name.to_owned()))?;
        let record = self.record(&name);
        let bytes = match fs::read(&record) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotFound(name.to_string()));
            }
            Err(e) => return Err(Error::file("read", record)(e)),
        };
        serde_json::from_slice(&bytes).map_err(|e| Error::Damaged {
            path: record,
            reason: e.to_string(),
        })
    }

    /// All volumes, by name. A damaged record is skipped and logged.
    pub fn list(&self) -> Result<Vec<Volume>, Error> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(Error::file("list", &self.root))? {
            let entry = entry.map_err(Error::file("list", &self.root))?;
            let name = entry.file_name();
            match name.to_str().map(|n| self.get(n)) {
                Some(Ok(volume)) => found.push(volume),
                Some(Err(Error::NotFound(_))) | None => {}
                Some(Err(e)) => tracing::warn!(volume = ?name, "{e}"),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Removes a volume and its data; `users` are the containers that have it.
    pub fn remove(&self, name: &str, users: &[String]) -> Result<Volume, Error> {
        let _changing = self
            .changing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let volume = self.get(name)?;
        if !users.is_empty() {
            return Err(Error::InUse {
                name: name.to_owned(),
                users: users.join(", "),
            });
        }
        // The record goes first: what is left of a removal that was cut short is not a volume.
        let record = self.record(&volume.name);
        fs::remove_file(&record).map_err(Error::file("remove", &record))?;
        let folder = self.root.join(volume.name.as_str());
        fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
        Ok(volume)
    }

    /// The host directory that is mounted into containers.
    pub fn path(&self, name: &VolumeName) -> PathBuf {
        self.root.join(name.as_str()).join("_data")
    }

    /// Copies what the image has at the mount point into a volume that is still empty, with owners,
    /// modes, times and extended attributes; the volume's own folder takes the mount point's owner
    /// and mode.
    ///
    /// `from` is the directory in the container's root, opened within that root.
    pub fn fill(&self, name: &VolumeName, from: BorrowedFd<'_>) -> Result<(), Error> {
        let to = self.path(name);
        let mut entries = fs::read_dir(&to).map_err(Error::file("list", &to))?;
        if entries.next().is_some() {
            return Ok(());
        }
        copy::tree(from, &to)
    }

    fn record(&self, name: &VolumeName) -> PathBuf {
        self.root.join(name.as_str()).join("volume.json")
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn volumes() -> (tempfile::TempDir, Volumes) {
        let dir = tempfile::tempdir().unwrap();
        let volumes = Volumes::open(dir.path()).unwrap();
        (dir, volumes)
    }

    #[test]
    fn a_volume_is_made_once_and_found_again() {
        let (_dir, volumes) = volumes();
        let name = VolumeName::new("data").unwrap();
        let made = volumes
            .ensure(name.clone(), "local", BTreeMap::new(), false)
            .unwrap();
        assert_eq!(
            volumes.ensure(name, "", BTreeMap::new(), true).unwrap(),
            made
        );
        assert_eq!(volumes.list().unwrap(), vec![made]);
    }

    #[test]
    fn a_volume_in_use_stays_and_says_who_uses_it() {
        let (_dir, volumes) = volumes();
        let name = VolumeName::new("data").unwrap();
        volumes
            .ensure(name, "local", BTreeMap::new(), false)
            .unwrap();
        let refused = volumes.remove("data", &["abc".to_owned()]).unwrap_err();
        assert_eq!(refused.to_string(), "remove data: volume is in use - [abc]");
        volumes.remove("data", &[]).unwrap();
        assert_eq!(
            volumes.get("data").unwrap_err().kind(),
            crate::Kind::NotFound
        );
    }

    #[test]
    fn an_empty_volume_takes_the_images_files_once() {
        let (dir, volumes) = volumes();
        let image = dir.path().join("image");
        fs::create_dir_all(image.join("sub")).unwrap();
        fs::set_permissions(&image, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(image.join("sub/file"), "content").unwrap();
        fs::set_permissions(image.join("sub/file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("/etc/passwd", image.join("link")).unwrap();
        let from = fs::File::open(&image).unwrap();
        let name = VolumeName::new("data").unwrap();
        volumes
            .ensure(name.clone(), "local", BTreeMap::new(), false)
            .unwrap();

        volumes.fill(&name, from.as_fd()).unwrap();

        let to = volumes.path(&name);
        assert_eq!(fs::read_to_string(to.join("sub/file")).unwrap(), "content");
        assert_eq!(
            fs::metadata(to.join("sub/file")).unwrap().mode() & 0o7777,
            0o640
        );
        assert_eq!(fs::metadata(&to).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(
            fs::read_link(to.join("link")).unwrap(),
            Path::new("/etc/passwd")
        );

        fs::remove_file(to.join("link")).unwrap();
        volumes.fill(&name, from.as_fd()).unwrap();
        assert!(
            !to.join("link").exists(),
            "a volume with content is left alone"
        );
    }
}
