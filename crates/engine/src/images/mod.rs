//! Images as the API shows them.
//!
//! The store itself is `gantry_image`; this service adds what the API and other services want of
//! it: bodies, progress lines, events, and who uses an image.

mod bring;
mod distribution;
mod hello;
mod import;
mod inspect;
mod instruction;
mod list;
mod login;
mod progress;
mod prune;
mod push;
mod remove;
mod save;
mod search;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use gantry_image::{Image, Platform, Setup};
use gantry_reference::{Digest, ImageId, Reference};
use gantry_registry_client::{Client, Config};
use gantry_snapshot::Snapshotter;

pub use bring::{LoadRequest, PullRequest};
pub use import::ImportRequest;
pub(crate) use instruction::apply as change;
pub use progress::Report;
pub use push::PushRequest;
pub use search::SearchQuery;

use crate::{Error, Events, Settings};

/// What [`Images::open`] is told.
#[derive(Debug, Clone)]
pub struct ImagesConfig {
    data_root: PathBuf,
    registry: Config,
    max_concurrent_downloads: usize,
    max_download_attempts: usize,
    max_concurrent_uploads: usize,
}

impl ImagesConfig {
    pub(crate) fn from_settings(settings: &Settings) -> Self {
        let live = settings.live();
        Self {
            data_root: settings.data_root.clone(),
            registry: Config {
                registry_mirrors: live.registry_mirrors.clone(),
                insecure_registries: live.insecure_registries.clone(),
                user_agent: format!("gantry/{}", settings.version),
                proxies: settings.proxies.clone(),
                ..Config::default()
            },
            max_concurrent_downloads: live.max_concurrent_downloads,
            max_download_attempts: live.max_download_attempts,
            max_concurrent_uploads: live.max_concurrent_uploads,
        }
    }
}

/// The service for images; a clone is the same service.
#[derive(Clone)]
pub struct Images {
    store: gantry_image::Images,
    events: Events,
    /// The program of the image that comes with ours.
    hello: Arc<OnceLock<&'static [u8]>>,
}

impl Images {
    /// Takes over what a reload changed.
    pub(crate) fn reload(&self, live: &crate::Live) -> Result<(), Error> {
        self.store
            .registry()
            .reload(&live.registry_mirrors, &live.insecure_registries)
            .map_err(gantry_image::Error::from)?;
        self.store
            .set_max_concurrent_downloads(live.max_concurrent_downloads);
        self.store
            .set_max_download_attempts(live.max_download_attempts);
        self.store
            .set_max_concurrent_uploads(live.max_concurrent_uploads);
        Ok(())
    }

    pub(crate) fn open(
        config: ImagesConfig,
        snapshotter: Arc<dyn Snapshotter>,
        events: Events,
    ) -> Result<Self, Error> {
        let registry = Client::new(&config.registry).map_err(gantry_image::Error::from)?;
        let store = gantry_image::Images::open(Setup {
            data_root: config.data_root,
            snapshotter,
            registry,
            max_concurrent_downloads: config.max_concurrent_downloads,
        })?;
        store.set_max_download_attempts(config.max_download_attempts);
        store.set_max_concurrent_uploads(config.max_concurrent_uploads);
        Ok(Self {
            store,
            events,
            hello: Arc::default(),
        })
    }

    /// The image that a new container is made from.
    pub(crate) fn for_container(&self, name: &str, platform: Option<&str>) -> Result<Image, Error> {
        let image = self.store.resolve(name)?;
        if let Some(platform) = platform.filter(|platform| !platform.is_empty()) {
            let wanted = read_platform(platform)?;
            if !wanted.accepts(&image.platform()) {
                return Err(gantry_image::Error::WrongPlatform {
                    name: name.to_owned(),
                    wanted: wanted.to_string(),
                    found: image.platform().to_string(),
                }
                .into());
            }
        }
        Ok(image)
    }

    /// Bytes of an image's files; 0 if it is gone.
    pub(crate) fn size_of(&self, id: &ImageId) -> i64 {
        self.store.get(id).map_or(0, |image| image.size as i64)
    }

    /// What to show as a container's image: the name it was made with, or the short id if that
    /// name stands for another image by now.
    pub(crate) fn name_now(&self, name: &str, id: &ImageId) -> String {
        match self.store.resolve(name) {
            Ok(image) if image.id == *id => name.to_owned(),
            _ => id.short().to_owned(),
        }
    }

    /// Whether a container of this image and layers descends from the image of that name.
    pub(crate) fn is_from(&self, id: &ImageId, layers: &[Digest], ancestor: &str) -> bool {
        self.store.resolve(ancestor).is_ok_and(|image| {
            image.id == *id || (!image.layers.is_empty() && layers.starts_with(&image.layers))
        })
    }

    /// The store itself, for what makes images.
    pub const fn store(&self) -> &gantry_image::Images {
        &self.store
    }

    /// Lets go of a container's layers: those of an image that is gone already are removed.
    pub(crate) fn release(&self, image: &ImageId, layers: Vec<Digest>) -> Result<(), Error> {
        if self.store.contains(image) {
            return Ok(());
        }
        Ok(self.store.drop_unneeded(layers)?)
    }

    /// How many images there are.
    pub(crate) fn count(&self) -> usize {
        self.store.count()
    }

    /// Gives an image one more name. An empty tag is `latest`.
    pub fn tag(&self, source: &str, repository: &str, tag: &str) -> Result<(), Error> {
        let target = named(repository, tag)?;
        let id = self.store.tag(source, &target)?;
        self.tell(id.as_str(), "tag", &target.familiar());
        Ok(())
    }

    /// Publishes an event; Docker names an image by its id, but by its name in `pull`.
    pub(crate) fn tell(&self, actor: &str, action: &str, name: &str) {
        let attributes = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        self.events.image(actor, action, attributes);
    }
}

/// A platform as `os/architecture`, or as newer clients write it: as JSON.
fn read_platform(text: &str) -> Result<Platform, Error> {
    if !text.starts_with('{') {
        return text
            .parse()
            .map_err(|e: gantry_image::Error| Error::Invalid(e.to_string()));
    }
    let body: gantry_api_types::Platform = serde_json::from_str(text)
        .map_err(|error| Error::Invalid(format!("platform {text}: {error}")))?;
    Ok(Platform {
        os: body.os,
        architecture: body.architecture,
        variant: Some(body.variant).filter(|variant| !variant.is_empty()),
    })
}

/// A repository and a tag, or a digest in its place, as the API has them in two parameters.
pub(crate) fn named(repository: &str, tag: &str) -> Result<Reference, Error> {
    let text = match tag {
        "" => repository.to_owned(),
        digest if digest.contains(':') => format!("{repository}@{digest}"),
        tag => {
            // The repository may not bring a tag of its own.
            let bare = Reference::parse(repository).map_err(gantry_image::Error::from)?;
            return bare
                .with_tag(tag)
                .map_err(|_| Error::Invalid("invalid tag format".to_owned()));
        }
    };
    Ok(Reference::parse(&text).map_err(gantry_image::Error::from)?)
}

#[cfg(test)]
mod tests;
