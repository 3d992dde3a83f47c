//! Taking names away, and images with their last one, by Docker's rules.

use gantry_archive::Digester;
use gantry_reference::{Digest, ImageId, Reference, short_id};

use super::Images;
use super::resolve::Found;
use crate::Error;
use crate::catalog::Change;

/// How to remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Also an image that has several names or that a stopped container uses.
    pub force: bool,
    /// Leave the nameless images that it was made from.
    pub keep_parents: bool,
}

/// A container that uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedBy {
    /// The container's id.
    pub container: String,
    /// Whether it runs; then no force removes its image.
    pub running: bool,
}

/// Something that was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A name, as users write it.
    Untagged(String),
    /// An image's id.
    Image(ImageId),
    /// A layer that nothing else needed.
    Layer {
        /// Its chain ID, which is how Docker names layers here.
        chain_id: Digest,
        /// Bytes of file content that it had.
        size: u64,
    },
}

/// Who uses an image, for the rules to judge.
type InUse<'a> = &'a dyn Fn(&ImageId) -> Vec<UsedBy>;

impl Images {
    /// Removes a name, or an image, with the layers that nothing else needs.
    ///
    /// By a name: the name goes, and the image with it if that was its last one. By an id: the
    /// image goes with its name, if there is no more than one. The nameless images that it was made
    /// from go with it. `in_use` tells which containers use an image.
    pub fn remove(
        &self,
        text: &str,
        options: RemoveOptions,
        in_use: InUse<'_>,
    ) -> Result<Vec<Removed>, Error> {
        let _change = self.lock_changes();
        let found = self.find(text)?;
        let id = found.id().clone();
        let names = self.0.catalog.read().names_of(&id);
        let users = in_use(&id);
        let mut removed = Vec::new();
        match found {
            Found::Name(name, _) => {
                check_last_name(text, &id, &names, options, &users)?;
                let remaining = self.untag(&name, &names, &mut removed)?;
                if !remaining.is_empty() {
                    return Ok(removed);
                }
                // Whoever stands on it keeps a nameless image; a container only with force.
                let is_used = users.iter().any(|user| user.running)
                    || !self.0.catalog.read().children_of(&id).is_empty();
                if is_used {
                    return Ok(removed);
                }
            }
            Found::Id(_) => {
                let children = self.0.catalog.read().children_of(&id);
                check_by_id(&id, &names, &children, options, &users)?;
            }
        }
        let mut next = Some(id);
        while let Some(id) = next {
            let parent = self.delete(&id, &mut removed)?;
            next = parent.filter(|parent| !options.keep_parents && self.is_idle(parent, in_use));
        }
        Ok(removed)
    }

    /// Whether an image has no name, nothing was made from it, and no container uses it.
    fn is_idle(&self, id: &ImageId, in_use: InUse<'_>) -> bool {
        let contents = self.0.catalog.read();
        // What keeps a layer of a build goes with the build cache.
        contents.images.get(id).is_some_and(|record| !record.step)
            && contents.names_of(id).is_empty()
            && contents.children_of(id).is_empty()
            && in_use(id).is_empty()
    }

    /// Takes the name away, and with a repository's last tag also its names by digest; gives the
    /// names that remain.
    fn untag(
        &self,
        name: &Reference,
        names: &[Reference],
        removed: &mut Vec<Removed>,
    ) -> Result<Vec<Reference>, Error> {
        let mut going = vec![name.clone()];
        let repository = name.repository();
        let sibling = |other: &&Reference| *other != name && other.repository() == repository;
        let last_tag = name.digest().is_none()
            && !names
                .iter()
                .filter(sibling)
                .any(|other| other.digest().is_none());
        if last_tag {
            going.extend(names.iter().filter(sibling).cloned());
        }
        self.0.catalog.apply(Change {
            remove_names: going.clone(),
            ..Change::default()
        })?;
        removed.extend(going.iter().map(|name| Removed::Untagged(name.familiar())));
        Ok(names
            .iter()
            .filter(|name| !going.contains(name))
            .cloned()
            .collect())
    }

    /// Takes the record and all names away, then what only this image needed; gives the image that
    /// it was made from.
    fn delete(&self, id: &ImageId, removed: &mut Vec<Removed>) -> Result<Option<ImageId>, Error> {
        let (names, record) = {
            let contents = self.0.catalog.read();
            (contents.names_of(id), contents.images.get(id).cloned())
        };
        let Some(record) = record else {
            return Ok(None);
        };
        removed.extend(names.iter().map(|name| Removed::Untagged(name.familiar())));
        self.0.catalog.apply(Change {
            remove_image: Some(id.clone()),
            remove_names: names,
            ..Change::default()
        })?;
        self.lock_configs().remove(id);
        removed.push(Removed::Image(id.clone()));
        let (blobs, layers) = {
            let contents = self.0.catalog.read();
            (contents.blobs(), contents.layers())
        };
        for blob in record.blobs.iter().filter(|blob| !blobs.contains(*blob)) {
            self.0.content.remove(blob)?;
        }
        let chain = chain_ids(&record.layers);
        for (layer, chain_id) in record.layers.iter().zip(chain).rev() {
            if layers.contains(layer) {
                continue;
            }
            let size = self.0.snapshotter.layer(layer)?.map_or(0, |info| info.size);
            if self.drop_layer(layer)? {
                removed.push(Removed::Layer { chain_id, size });
            }
        }
        Ok(record.parent)
    }
}

/// An image in use shall not become nameless by accident.
fn check_last_name(
    text: &str,
    id: &ImageId,
    names: &[Reference],
    options: RemoveOptions,
    users: &[UsedBy],
) -> Result<(), Error> {
    match users.first() {
        Some(user) if !options.force && is_single(names) => Err(Error::LastNameInUse {
            name: text.to_owned(),
            container: short_id(&user.container).to_owned(),
            image: id.short().to_owned(),
        }),
        _ => Ok(()),
    }
}

fn check_by_id(
    id: &ImageId,
    names: &[Reference],
    children: &[ImageId],
    options: RemoveOptions,
    users: &[UsedBy],
) -> Result<(), Error> {
    let refuse = |forcible: bool, reason: String| {
        Err(Error::InUse {
            image: id.short().to_owned(),
            forcible,
            reason,
        })
    };
    if !children.is_empty() {
        return refuse(false, "image has dependent child images".into());
    }
    if let Some(user) = users.iter().find(|user| user.running) {
        let container = short_id(&user.container);
        return refuse(
            false,
            format!("image is being used by running container {container}"),
        );
    }
    if options.force {
        return Ok(());
    }
    if !is_single(names) {
        return refuse(true, "image is referenced in multiple repositories".into());
    }
    if let Some(user) = users.first() {
        let container = short_id(&user.container);
        return refuse(
            true,
            format!("image is being used by stopped container {container}"),
        );
    }
    Ok(())
}

/// Whether the names amount to one: a single one, or a tag and digests of one repository.
fn is_single(names: &[Reference]) -> bool {
    let tags = names.iter().filter(|name| name.digest().is_none()).count();
    let mut repositories: Vec<String> = names.iter().map(Reference::repository).collect();
    repositories.dedup();
    tags <= 1 && repositories.len() <= 1
}

/// The chain ID of every layer, as the image specification defines it.
pub(crate) fn chain_ids(layers: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(layers.len());
    for layer in layers {
        let next = chain.last().map_or_else(
            || layer.clone(),
            |below| Digester::sha256(format!("{below} {layer}").as_bytes()),
        );
        chain.push(next);
    }
    chain
}
