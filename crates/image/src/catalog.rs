//! What is written down of images: names and records.
//!
//! All of it is held in memory (some hundred bytes an image) and written through to a redb
//! database, so that reading never waits and every change is one durable transaction.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use gantry_reference::{Digest, ImageId, Reference};
use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::Error;

const NAMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("names");
const IMAGES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("images");
const ORIGINS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("origins");

/// redb's default cache is 1 GiB; this database has a few pages.
const CACHE_BYTES: usize = 1024 * 1024;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    /// The image.
    pub image: ImageId,
    /// When the name was given.
    pub given: Timestamp,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its manifest, if it came with one.
    pub manifest: Option<Digest>,
    /// Everything of it in the content store: configuration, manifest, index.
    pub blobs: Vec<Digest>,
    /// Diff IDs, the lowest first.
    pub layers: Vec<Digest>,
    /// Bytes of file content over all layers.
    pub size: u64,
    /// As the image says.
    pub created: Timestamp,
    /// The image that it was made from here.
    #[serde(default)]
    pub parent: Option<ImageId>,
    /// Whether it only keeps a layer of a build: nobody sees it.
    #[serde(default)]
    pub step: bool,
}

/// A compressed form of a layer, and where it is known to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Of the compressed bytes.
    pub size: u64,
    pub media_type: String,
    /// Registry and repository, such as `docker.io/library/nginx`.
    pub repositories: Vec<String>,
}

/// Names and records at one moment.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub names: BTreeMap<Reference, Name>,
    pub images: BTreeMap<ImageId, Record>,
    /// By diff ID.
    pub origins: BTreeMap<Digest, Vec<Origin>>,
}

impl Contents {
    /// The names of an image, sorted.
    pub(crate) fn names_of(&self, image: &ImageId) -> Vec<Reference> {
        let of_image = |(reference, name): (&Reference, &Name)| {
            (name.image == *image).then(|| reference.clone())
        };
        self.names.iter().filter_map(of_image).collect()
    }

    /// The images that were made from an image here.
    pub(crate) fn children_of(&self, image: &ImageId) -> Vec<ImageId> {
        let of_image = |(id, record): (&ImageId, &Record)| {
            (record.parent.as_ref() == Some(image)).then(|| id.clone())
        };
        self.images.iter().filter_map(of_image).collect()
    }

    /// Everything in the content store that an image needs.
    pub(crate) fn blobs(&self) -> HashSet<Digest> {
        self.images
            .values()
            .flat_map(|record| record.blobs.iter().cloned())
            .collect()
    }

    /// Every layer that an image needs.
    pub(crate) fn layers(&self) -> HashSet<Digest> {
        self.images
            .values()
            .flat_map(|record| record.layers.iter().cloned())
            .collect()
    }
}

/// A change of the catalog: all of it happens, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub add_image: Option<(ImageId, Record)>,
    pub remove_image: Option<ImageId>,
    pub add_names: Vec<(Reference, Name)>,
    pub remove_names: Vec<Reference>,
    /// What is known of a layer from now on.
    pub set_origins: Vec<(Digest, Vec<Origin>)>,
    /// Layers that are gone.
    pub remove_origins: Vec<Digest>,
}

/// The catalog.
#[derive(Debug)]
pub(crate) struct Catalog {
    path: PathBuf,
    database: Database,
    contents: RwLock<Contents>,
}

impl Catalog {
    /// Opens or makes the database.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let fail = |error: redb::Error| metadata(path, &error);
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)
            .map_err(|error| fail(error.into()))?;
        let contents = read(&database, path)?;
        Ok(Self {
            path: path.to_owned(),
            database,
            contents: RwLock::new(contents),
        })
    }

    /// The contents, to be read.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change, durably.
    pub(crate) fn apply(&self, change: Change) -> Result<(), Error> {
        // The lock is held over the commit, so that memory and disk change in the same order.
        let mut contents = self
            .contents
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        write(&self.database, &change).map_err(|error| metadata(&self.path, &error))?;
        contents.images.extend(change.add_image);
        change.remove_image.map(|id| contents.images.remove(&id));
        for name in &change.remove_names {
            contents.names.remove(name);
        }
        contents.names.extend(change.add_names);
        contents.origins.extend(change.set_origins);
        for layer in &change.remove_origins {
            contents.origins.remove(layer);
        }
        Ok(())
    }
}

fn metadata(path: &Path, error: &redb::Error) -> Error {
    Error::Metadata {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

fn write(database: &Database, change: &Change) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut images = transaction.open_table(IMAGES)?;
        let mut names = transaction.open_table(NAMES)?;
        if let Some((id, record)) = &change.add_image {
            images.insert(id.as_str(), &*json(record))?;
        }
        if let Some(id) = &change.remove_image {
            images.remove(id.as_str())?;
        }
        for reference in &change.remove_names {
            names.remove(&*reference.to_string())?;
        }
        for (reference, name) in &change.add_names {
            names.insert(&*reference.to_string(), &*json(name))?;
        }
        let mut origins = transaction.open_table(ORIGINS)?;
        for (layer, known) in &change.set_origins {
            origins.insert(layer.as_str(), &*json(known))?;
        }
        for layer in &change.remove_origins {
            origins.remove(layer.as_str())?;
        }
    }
    transaction.commit()?;
    Ok(())
}

#[expect(clippy::expect_used, reason = "these types have string keys only")]
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain data serialises")
}

fn read(database: &Database, path: &Path) -> Result<Contents, Error> {
    let fail = |error: redb::Error| metadata(path, &error);
    let mut contents = Contents::default();
    let transaction = database.begin_read().map_err(|error| fail(error.into()))?;
    for_each(&transaction, IMAGES, path, |key, record| {
        contents.images.insert(key.parse().ok()?, record);
        Some(())
    })?;
    for_each(&transaction, NAMES, path, |key, name| {
        contents.names.insert(Reference::parse(key).ok()?, name);
        Some(())
    })?;
    for_each(&transaction, ORIGINS, path, |key, known| {
        contents.origins.insert(Digest::parse(key).ok()?, known);
        Some(())
    })?;
    Ok(contents)
}

/// Reads one table; `take` says `None` for a key that it does not understand.
fn for_each<T: for<'de> Deserialize<'de>>(
    transaction: &redb::ReadTransaction,
    table: TableDefinition<'_, &str, &[u8]>,
    path: &Path,
    mut take: impl FnMut(&str, T) -> Option<()>,
) -> Result<(), Error> {
    let fail = |error: redb::Error| metadata(path, &error);
    let table = match transaction.open_table(table) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(fail(error.into())),
    };
    for entry in table.iter().map_err(|error| fail(error.into()))? {
        let (key, value) = entry.map_err(|error| fail(error.into()))?;
        let damaged = || Error::Metadata {
            path: path.display().to_string(),
            reason: format!("the entry {:?} is not one of ours", key.value()),
        };
        let value = serde_json::from_slice(value.value()).map_err(|_| damaged())?;
        take(key.value(), value).ok_or_else(damaged)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_applied_is_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("images.redb");
        let digest = Digest::from_sha256_hex(&"1".repeat(64)).unwrap();
        let id = ImageId::new(digest.clone());
        let record = Record {
            manifest: None,
            blobs: vec![digest.clone()],
            layers: vec![digest],
            size: 5,
            created: Timestamp::UNIX_EPOCH,
            parent: None,
            step: false,
        };
        let name = Name {
            image: id.clone(),
            given: Timestamp::UNIX_EPOCH,
        };
        let reference = Reference::parse("a:b").unwrap();
        let catalog = Catalog::open(&path).unwrap();
        catalog
            .apply(Change {
                add_image: Some((id.clone(), record.clone())),
                add_names: vec![(reference.clone(), name.clone())],
                ..Change::default()
            })
            .unwrap();
        drop(catalog);
        let catalog = Catalog::open(&path).unwrap();
        assert_eq!(catalog.read().images[&id], record);
        assert_eq!(catalog.read().names[&reference], name);
        assert_eq!(
            catalog.read().names_of(&id),
            std::slice::from_ref(&reference)
        );
        catalog
            .apply(Change {
                remove_image: Some(id),
                remove_names: vec![reference],
                ..Change::default()
            })
            .unwrap();
        drop(catalog);
        let catalog = Catalog::open(&path).unwrap();
        assert!(catalog.read().images.is_empty() && catalog.read().names.is_empty());
    }
}
