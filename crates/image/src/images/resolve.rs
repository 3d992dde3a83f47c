//! From what a user typed to an image.

use gantry_reference::{ImageId, Reference, Selector};

use super::Images;
use crate::catalog::Contents;
use crate::{Error, Image};

/// What a user typed, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// By this name.
    Name(Reference, ImageId),
    /// By id, or by the start of one.
    Id(ImageId),
}

impl Found {
    pub(crate) const fn id(&self) -> &ImageId {
        match self {
            Self::Name(_, id) | Self::Id(id) => id,
        }
    }
}

impl Images {
    /// The image that a name, an id, or the start of an id stands for.
    pub fn resolve(&self, text: &str) -> Result<Image, Error> {
        let found = self.find(text)?;
        self.get(found.id())
    }

    pub(crate) fn find(&self, text: &str) -> Result<Found, Error> {
        find(&self.0.catalog.read(), text)
    }
}

/// Docker's order: a full id, then a name, then the start of an id.
fn find(contents: &Contents, text: &str) -> Result<Found, Error> {
    match Selector::parse(text)? {
        Selector::Id(id) if contents.images.contains_key(&id) => Ok(Found::Id(id)),
        Selector::Id(id) => Err(Error::NotFound(id.to_string())),
        Selector::Prefix(prefix) => {
            by_prefix(contents, &prefix)?.ok_or_else(|| Error::NotFound(format!("sha256:{prefix}")))
        }
        Selector::Name(name, prefix) => {
            let lookup = lookup_name(&name);
            if let Some(entry) = contents.names.get(&lookup) {
                return Ok(Found::Name(lookup, entry.image.clone()));
            }
            let by_prefix = prefix.map_or(Ok(None), |prefix| by_prefix(contents, &prefix))?;
            by_prefix.ok_or_else(|| Error::NotFound(name.familiar()))
        }
    }
}

/// With a digest the tag says nothing.
pub(crate) fn lookup_name(name: &Reference) -> Reference {
    name.digest()
        .map_or_else(|| name.clone(), |digest| name.with_digest(digest.clone()))
}

fn by_prefix(contents: &Contents, prefix: &str) -> Result<Option<Found>, Error> {
    let fits = |id: &&ImageId| id.digest().hex().starts_with(prefix);
    let mut found = contents.images.keys().filter(fits);
    let Some(first) = found.next() else {
        return Ok(None);
    };
    match found.count() {
        0 => Ok(Some(Found::Id(first.clone()))),
        more => Err(Error::Ambiguous {
            prefix: prefix.to_owned(),
            count: more + 1,
        }),
    }
}
