//! All containers by ID and name, each name once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use super::container::Container;
use crate::Error;

/// The containers of this daemon.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: BTreeMap<String, Arc<Container>>,
    /// Name -> ID; a name may be reserved before its container is there.
    names: HashMap<String, String>,
}

impl Registry {
    /// Reserves a name for an ID until [`Registry::release`] or the removal of that container.
    pub(crate) fn reserve(&self, name: &str, id: &str) -> Result<(), Error> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = inner.names.get(name) {
            return Err(Error::NameInUse {
                name: name.to_owned(),
                holder: holder.clone(),
            });
        }
        inner.names.insert(name.to_owned(), id.to_owned());
        Ok(())
    }

    /// Whether the name is taken.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .names
            .contains_key(name)
    }

    /// Frees a name.
    pub(crate) fn release(&self, name: &str) {
        self.inner
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .names
            .remove(name);
    }

    /// Adds a container; its name must have been reserved.
    pub(crate) fn insert(&self, container: Arc<Container>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.by_id.insert(container.id.clone(), container);
    }

    /// Forgets a container and frees its name.
    pub(crate) fn remove(&self, container: &Container) {
        let name = container.name();
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.by_id.remove(&container.id);
        inner.names.remove(&name);
    }

    /// Finds by full ID, then name, then unambiguous ID prefix, as Docker does.
    pub(crate) fn find(&self, text: &str) -> Result<Arc<Container>, Error> {
        let missing = || Error::NoSuchContainer(text.to_owned());
        let bare = text.strip_prefix('/').unwrap_or(text);
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = inner.by_id.get(bare) {
            return Ok(Arc::clone(found));
        }
        if let Some(found) = inner.names.get(bare).and_then(|id| inner.by_id.get(id)) {
            return Ok(Arc::clone(found));
        }
        if bare.is_empty() {
            return Err(missing());
        }
        let mut starting_so = inner
            .by_id
            .range(bare.to_owned()..)
            .take_while(|(id, _)| id.starts_with(bare));
        match (starting_so.next(), starting_so.next()) {
            (Some(_), Some(_)) => Err(Error::AmbiguousPrefix(text.to_owned())),
            (Some((_, found)), None) => Ok(Arc::clone(found)),
            (None, _) => Err(missing()),
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Container>> {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_id
            .values()
            .cloned()
            .collect()
    }
}
