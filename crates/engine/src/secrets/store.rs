//! Secrets on disk: `<data>/secrets/<id>.json`, a file each, the content encrypted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::seal::{Key, Sealed};
use crate::files::{self, Durability};
use crate::{Error, clock};

/// What is written down about a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    /// Grows with each change.
    pub(super) version: u64,
    /// Nanoseconds since 1970.
    pub(super) created: i64,
    pub(super) updated: i64,
    sealed: Sealed,
}

/// All secrets, by identifier.
type Entries = BTreeMap<String, Entry>;

/// The secrets of this machine.
pub(super) struct Store {
    folder: PathBuf,
    key_path: PathBuf,
    /// Made with the first secret.
    key: OnceLock<Key>,
    entries: Mutex<Entries>,
}

impl Store {
    pub(super) fn open(data_root: &Path, key_path: &Path) -> Result<Self, Error> {
        let folder = data_root.join("secrets");
        let mut entries = BTreeMap::new();
        match fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::file("read", &folder)(e)),
            Ok(found) => {
                for file in found {
                    let path = file.map_err(Error::file("read", &folder))?.path();
                    // What a crash left of writing one is no secret.
                    if path
                        .extension()
                        .is_some_and(|extension| extension == "json")
                        && let Some(entry) = files::read_json::<Entry>(&path)?
                    {
                        entries.insert(entry.id.clone(), entry);
                    }
                }
            }
        }
        Ok(Self {
            folder,
            key_path: key_path.to_owned(),
            key: OnceLock::new(),
            entries: Mutex::new(entries),
        })
    }

    pub(super) fn all(&self) -> Vec<Entry> {
        let mut all: Vec<Entry> = self.entries().values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// By identifier, else by name, else by the identifier's beginning.
    pub(super) fn find(&self, text: &str) -> Result<Entry, Error> {
        let entries = self.entries();
        if let Some(entry) = entries.get(text) {
            return Ok(entry.clone());
        }
        if let Some(entry) = entries.values().find(|entry| entry.name == text) {
            return Ok(entry.clone());
        }
        let mut begins = entries
            .values()
            .filter(|entry| !text.is_empty() && entry.id.starts_with(text));
        match (begins.next(), begins.next()) {
            (Some(entry), None) => Ok(entry.clone()),
            (Some(_), Some(_)) => Err(Error::Invalid(format!("secret {text} is ambiguous"))),
            (None, _) => Err(Error::NoSuchSecret(text.to_owned())),
        }
    }

    pub(super) fn add(
        &self,
        id: String,
        name: &str,
        labels: BTreeMap<String, String>,
        secret: &[u8],
    ) -> Result<(), Error> {
        let mut entries = self.entries();
        if entries.values().any(|entry| entry.name == name) {
            return Err(Error::SecretExists(name.to_owned()));
        }
        let now = clock::now_nanos();
        let entry = Entry {
            sealed: self.key()?.seal(&id, secret)?,
            name: name.to_owned(),
            labels,
            version: entries
                .values()
                .map(|entry| entry.version)
                .max()
                .unwrap_or(0)
                + 1,
            created: now,
            updated: now,
            id,
        };
        self.write(&entry)?;
        entries.insert(entry.id.clone(), entry);
        Ok(())
    }

    /// Changes the labels, if nobody changed the secret since the caller looked.
    pub(super) fn relabel(
        &self,
        id: &str,
        version: u64,
        labels: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let mut entries = self.entries();
        let last = entries
            .values()
            .map(|entry| entry.version)
            .max()
            .unwrap_or(0);
        let entry = entries
            .get_mut(id)
            .ok_or_else(|| Error::NoSuchSecret(id.to_owned()))?;
        if entry.version != version {
            return Err(Error::Invalid(
                "rpc error: code = Unknown desc = update out of sequence".to_owned(),
            ));
        }
        let changed = Entry {
            labels,
            version: last + 1,
            updated: clock::now_nanos(),
            ..entry.clone()
        };
        self.write(&changed)?;
        *entry = changed;
        Ok(())
    }

    pub(super) fn remove(&self, id: &str) -> Result<(), Error> {
        let mut entries = self.entries();
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", path)(e));
            }
            _ => {}
        }
        entries.remove(id);
        Ok(())
    }

    /// What a secret hides.
    pub(super) fn reveal(&self, id: &str) -> Result<Vec<u8>, Error> {
        let sealed = self
            .entries()
            .get(id)
            .map(|entry| entry.sealed.clone())
            .ok_or_else(|| Error::NoSuchSecret(id.to_owned()))?;
        self.key()?.open_sealed(id, &sealed)
    }

    fn write(&self, entry: &Entry) -> Result<(), Error> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(Error::file("create", &self.folder))?;
        files::write_json(&self.path(&entry.id), entry, Durability::PowerLoss)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn key(&self) -> Result<&Key, Error> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = Key::open(&self.key_path)?;
        Ok(self.key.get_or_init(|| key))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
