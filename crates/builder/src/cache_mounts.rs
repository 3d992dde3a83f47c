//! The directories of `RUN --mount=type=cache`.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use gantry_archive::Digester;
use gantry_dockerfile::{Mount, Sharing};
use tempfile::TempDir;
use tokio::sync::OwnedMutexGuard;

use crate::Error;
use crate::step::blocking;
use crate::trees::Access;

/// Names of directories that are being filled begin so.
const HALF: &str = ".new-";

/// All caches.
#[derive(Debug)]
pub(crate) struct CacheMounts {
    folder: PathBuf,
    /// A file for each: its id in a line, and an empty line for each time that it was used again; the file's
    /// time is when it was used last.
    notes: PathBuf,
    /// Who has one for itself.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A cache as it lies there.
#[derive(Debug)]
pub(crate) struct CacheFolder {
    /// The directory's name.
    pub name: String,
    /// The cache's id.
    pub id: String,
    /// The directory.
    pub path: PathBuf,
    /// When it was made.
    pub created: SystemTime,
    /// When a step had it last.
    pub used: SystemTime,
    /// How often steps have had it.
    pub uses: u64,
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
        let notes = folder.with_extension("ids");
        for folder in [&folder, &notes] {
            fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        for entry in fs::read_dir(&folder).map_err(Error::file("read", &folder))? {
            let entry = entry.map_err(Error::file("read", &folder))?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(HALF.as_bytes())
            {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
            }
        }
        Ok(Self {
            folder,
            notes,
            locks: Mutex::default(),
        })
    }

    /// Takes the cache of this id, waiting where it is to be nobody else's; `seed` fills a new one.
    pub(crate) async fn take(
        &self,
        id: &str,
        mount: &Mount,
        seed: impl FnOnce(&Path) -> Result<(), Error> + Send + 'static,
    ) -> Result<InUse, Error> {
        let (id, alone) = match mount.sharing.unwrap_or(Sharing::Shared) {
            Sharing::Shared => (id.to_owned(), None),
            Sharing::Locked => (id.to_owned(), Some(self.lock(id).lock_owned().await)),
            Sharing::Private => {
                let (id, alone) = self.unused(id);
                (id, Some(alone))
            }
        };
        let folder = self.folder.clone();
        let access = Access {
            mode: mount.mode.unwrap_or(0o755),
            uid: mount.uid.unwrap_or_default(),
            gid: mount.gid.unwrap_or_default(),
        };
        let note = self.notes.join(name(&id));
        let path = blocking(move || {
            note_use(&note, &id).map_err(Error::file("write", &note))?;
            made(&folder, &id, access, seed)
        })
        .await?;
        Ok(InUse {
            path,
            _alone: alone,
        })
    }

    /// The first of a private cache's directories that nobody uses.
    fn unused(&self, id: &str) -> (String, OwnedMutexGuard<()>) {
        let mut number = 0;
        loop {
            let own = format!("{id}\0{number}");
            if let Ok(alone) = self.lock(&own).try_lock_owned() {
                return (own, alone);
            }
            number += 1;
        }
    }

    /// Whoever holds it has the cache for itself.
    pub(crate) fn lock(&self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(id.to_owned()).or_default())
    }

    /// A directory that may become a cache.
    pub(crate) fn fresh(&self) -> Result<TempDir, Error> {
        let fresh = tempfile::Builder::new()
            .prefix(HALF)
            .tempdir_in(&self.folder);
        let fresh = fresh.map_err(Error::file("create a folder in", &self.folder))?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(fresh.path(), mode).map_err(Error::file("change", fresh.path()))?;
        Ok(fresh)
    }

    /// Puts a directory in place of a cache that nobody uses.
    pub(crate) fn replace(&self, id: &str, fresh: TempDir) -> Result<(), Error> {
        let (path, note) = (self.folder.join(name(id)), self.notes.join(name(id)));
        fs::write(&note, format!("{id}\n")).map_err(Error::file("write", &note))?;
        let old = self.fresh()?;
        match fs::rename(&path, old.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("rename", &path)(error));
            }
            _ => {}
        }
        fs::rename(fresh.path(), &path).map_err(Error::file("rename", fresh.path()))?;
        let _ = fresh.keep();
        Ok(())
    }

    /// Removes a cache that nobody uses.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        let _ = fs::remove_file(self.notes.join(name));
        Ok(())
    }

    /// All caches.
    pub(crate) fn all(&self) -> Result<Vec<CacheFolder>, Error> {
        let entries = fs::read_dir(&self.folder).map_err(Error::file("read", &self.folder))?;
        let caches = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            if name.starts_with(HALF) {
                return None;
            }
            let note = self.notes.join(&name);
            let folder = entry.metadata().ok()?;
            let used = fs::metadata(&note).and_then(|m| m.modified());
            let used = used.or_else(|_| folder.modified());
            let used = used.unwrap_or(SystemTime::UNIX_EPOCH);
            let text = fs::read_to_string(&note).unwrap_or_default();
            Some(CacheFolder {
                id: text.split('\n').next().unwrap_or_default().to_owned(),
                name,
                path: entry.path(),
                created: folder.created().unwrap_or(used),
                used,
                uses: text.matches('\n').count().max(1) as u64,
            })
        });
        Ok(caches.collect())
    }
}

impl CacheFolder {
    /// As steps call it.
    pub(crate) fn called(&self) -> &str {
        self.id.split('\0').next().unwrap_or_default()
    }

    /// What its id says beside that: which files it began with, which of several private ones it is.
    pub(crate) fn variant(&self) -> String {
        let parts = self.id.split('\0').skip(1);
        let parts = parts.map(|part| match part.split_once(':') {
            Some((_, hex)) => format!("from {}", hex.get(..12).unwrap_or(hex)),
            None => format!("private {part}"),
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// What it is, for people.
    pub(crate) fn description(&self) -> String {
        let id = self.called();
        if id.is_empty() {
            return "cached mount".to_owned();
        }
        format!("cached mount with id \"{id}\"")
    }
}

/// Notes that a cache is used.
fn note_use(note: &Path, id: &str) -> io::Result<()> {
    let mut file = fs::File::options().create(true).append(true).open(note)?;
    if file.metadata()?.len() == 0 {
        // Two that come first at once write two lines, of which the first counts.
        return file.write_all(format!("{id}\n").as_bytes());
    }
    file.write_all(b"\n")
}

/// The name of a cache's directory.
fn name(id: &str) -> String {
    Digester::sha256(id.as_bytes()).hex().to_owned()
}

/// The directory of a cache; a new one is there under its name once it is filled.
fn made(
    folder: &Path,
    id: &str,
    access: Access,
    seed: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let path = folder.join(name(id));
    if path.exists() {
        return Ok(path);
    }
    let half = tempfile::Builder::new()
        .prefix(HALF)
        .tempdir_in(folder)
        .map_err(Error::file("create a folder in", folder))?;
    let mode = fs::Permissions::from_mode(access.mode);
    fs::set_permissions(half.path(), mode).map_err(Error::file("change", half.path()))?;
    chown(half.path(), Some(access.uid), Some(access.gid))
        .map_err(Error::file("change", half.path()))?;
    seed(half.path())?;
    let half = half.keep();
    match fs::rename(&half, &path) {
        Ok(()) => Ok(path),
        // Another step was faster, and has written to it.
        Err(_) if path.exists() => {
            fs::remove_dir_all(&half).map_err(Error::file("remove", &half))?;
            Ok(path)
        }
        Err(error) => Err(Error::file("rename", &half)(error)),
    }
}
