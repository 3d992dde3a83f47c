//! A stage while it is being built.

use gantry_dockerfile::Scope;
use gantry_image::{Images, NewImage, Platform};
use gantry_oci::ImageConfig;
use gantry_reference::{Digest, ImageId};

use crate::Error;

/// What a stage has come to.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    /// Its layers, the lowest first.
    pub layers: Vec<Digest>,
    /// Its configuration, but for the variables.
    pub config: ImageConfig,
    /// Its variables.
    pub scope: Scope,
    /// The image that keeps its layers: the base, or a nameless one made on the way.
    pub keeper: Option<ImageId>,
    /// Whether it has had a CMD.
    pub command_set: bool,
    /// When its topmost layer was made: instructions without one take that time, so that the same build gives the same
    /// image.
    pub created: String,
}

impl Stage {
    /// Adds a layer, and the image that keeps it.
    pub(crate) fn add(&mut self, layer: Digest, keeper: ImageId) {
        self.layers.push(layer);
        self.keeper = Some(keeper);
    }

    /// Notes an instruction without a layer in the history.
    pub(crate) fn note(&mut self, created_by: String) {
        let created = self.created.clone();
        self.tell(created_by, &created, true);
    }

    /// Notes an instruction whose layer was made at that time.
    pub(crate) fn note_layer(&mut self, created_by: String, created: &str) {
        created.clone_into(&mut self.created);
        self.tell(created_by, created, false);
    }

    fn tell(&mut self, created_by: String, created: &str, empty: bool) {
        let entry = crate::history::entry(created_by, created, empty);
        self.config.history.push(entry);
    }

    /// A nameless image of a layer more, whose configuration says nothing: equal layers give the same image.
    pub(crate) fn nameless(&self) -> NewImage {
        let host = Platform::host();
        NewImage {
            base: self.layers.clone(),
            config: ImageConfig {
                created: Some("1970-01-01T00:00:00Z".to_owned()),
                architecture: host.architecture,
                variant: host.variant,
                os: host.os,
                ..ImageConfig::default()
            },
            parent: self.keeper.clone(),
            name: None,
        }
    }

    /// The nameless image of just these layers, for a container to start from.
    pub(crate) fn ground(&self, store: &Images) -> Result<ImageId, Error> {
        Ok(store.make_bare(self.nameless())?)
    }

    /// The whole configuration.
    pub(crate) fn finished(&self) -> ImageConfig {
        let mut config = self.config.clone();
        config.config.env = self.scope.image_env.pairs();
        config
    }
}

/// The time, as images write it: RFC 3339.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().to_string()
}
