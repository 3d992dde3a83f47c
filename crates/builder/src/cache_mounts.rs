//! The directories of `RUN --mount=type=cache`.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use gantry_archive::Digester;
use gantry_dockerfile::{Mount, Sharing};
use tokio::sync::OwnedMutexGuard;

use crate::Error;

/// All caches.
#[derive(Debug)]
pub(crate) struct CacheMounts {
    folder: PathBuf,
    /// Who has one for itself.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A cache while a step uses it.
#[derive(Debug)]
pub(crate) struct InUse {
    /// The directory on the host.
    pub path: PathBuf,
    _alone: Option<OwnedMutexGuard<()>>,
}

impl CacheMounts {
    /// Opens the folder of caches.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Ok(Self {
            folder,
            locks: Mutex::default(),
        })
    }

    /// Takes the cache that a mount means, waiting where it is to be nobody else's.
    pub(crate) async fn take(&self, mount: &Mount, target: &str) -> Result<InUse, Error> {
        let id = mount.id.clone().unwrap_or_else(|| target.to_owned());
        match mount.sharing.unwrap_or(Sharing::Shared) {
            Sharing::Shared => self.made(&id, mount, None),
            Sharing::Locked => {
                let alone = self.lock(&id).lock_owned().await;
                self.made(&id, mount, Some(alone))
            }
            Sharing::Private => {
                // The first one that nobody uses.
                let mut number = 0;
                loop {
                    let own = format!("{id}\0{number}");
                    if let Ok(alone) = self.lock(&own).try_lock_owned() {
                        return self.made(&own, mount, Some(alone));
                    }
                    number += 1;
                }
            }
        }
    }

    fn lock(&self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(id.to_owned()).or_default())
    }

    fn made(
        &self,
        id: &str,
        mount: &Mount,
        alone: Option<OwnedMutexGuard<()>>,
    ) -> Result<InUse, Error> {
        let path = self.folder.join(Digester::sha256(id.as_bytes()).hex());
        if !path.exists() {
            fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
            let mode = fs::Permissions::from_mode(mount.mode.unwrap_or(0o755));
            fs::set_permissions(&path, mode).map_err(Error::file("change", &path))?;
            chown(&path, mount.uid, mount.gid).map_err(Error::file("change", &path))?;
        }
        Ok(InUse {
            path,
            _alone: alone,
        })
    }

    /// Removes a cache that nobody uses.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        fs::remove_dir_all(&path).map_err(Error::file("remove", &path))
    }

    /// Names and places of all caches.
    pub(crate) fn all(&self) -> Result<Vec<(String, PathBuf)>, Error> {
        let entries = fs::read_dir(&self.folder).map_err(Error::file("read", &self.folder))?;
        let named = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().into_string().ok()?, entry.path()))
        });
        Ok(named.collect())
    }
}
