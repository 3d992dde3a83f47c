//! Containers: their use cases, a verb per file, and the state those share.

mod attach;
mod attachments;
mod changes;
mod commit;
mod conflicts;
mod connecting;
mod container;
mod create;
mod defaults;
mod exit;
mod export;
mod freeze;
mod inspect;
mod joined;
mod lacking;
mod lent;
mod links;
mod list;
mod malformed;
mod mounts;
mod phase;
mod ports;
mod prune;
mod realtime;
mod record;
mod registry;
mod remove;
mod rename;
mod restart;
mod restore;
mod shutdown;
mod signs;
mod specification;
mod start;
mod stop;
mod supported;
mod update;
mod wait;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use gantry_network::Networks;
use gantry_snapshot::Snapshotter;
use gantry_volume::Volumes;

pub use attach::{AttachRequest, ClientStream};
pub use commit::CommitRequest;
pub use lent::Lent;
pub use list::ListOptions;
pub use remove::RemoveOptions;
pub use wait::WaitCondition;

pub(crate) use attach::{detach_keys, expect_ok};
pub(crate) use container::Container;
pub(crate) use mounts::{resolver, use_of};
pub(crate) use phase::Phase;
pub(crate) use prune::PruneLock;
pub(crate) use record::Record;
pub(crate) use registry::Registry;

use crate::monitors::RuntimeProgram;
use crate::{Error, Events, Images, Settings};

/// The service for containers; a clone is the same service.
#[derive(Clone)]
pub struct Containers(Arc<Inner>);

/// What the use cases share.
pub struct Inner {
    pub(crate) settings: Arc<Settings>,
    pub(crate) registry: Registry,
    pub(crate) images: Images,
    pub(crate) snapshots: Arc<dyn Snapshotter>,
    pub(crate) networks: Arc<Networks>,
    pub(crate) names: gantry_dns::Server,
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) secrets: crate::Secrets,
    pub(crate) events: Events,
    pub(crate) program: RuntimeProgram,
    pub(crate) cgroups: gantry_cgroups::Hierarchy,
    pub(crate) execs: crate::execs::Table,
    pub(crate) sampler: crate::stats::Sampler,
    pub(crate) prune_lock: PruneLock,
    pub(crate) forwards: crate::logging::Forwards,
}

impl Deref for Containers {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Containers {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    fn state_dir(&self, id: &str) -> PathBuf {
        self.settings.data_root.join("containers").join(id)
    }

    fn run_dir(&self, id: &str) -> PathBuf {
        self.settings.run_root.join("containers").join(id)
    }

    /// The container's path below each cgroup controller.
    pub(crate) fn cgroup_path(&self, container: &Container) -> String {
        let asked = container
            .record()
            .host_config
            .resources
            .cgroup_parent
            .clone();
        let parent = if asked.is_empty() {
            self.settings.cgroup_parent.clone()
        } else {
            asked
        };
        format!("/{}/{}", parent.trim_matches('/'), container.id)
    }

    /// Publishes an event about a container.
    pub(crate) fn announce(&self, container: &Container, action: &str, more: &[(&str, String)]) {
        let record = container.record();
        let mut attributes = record.config.labels.clone().unwrap_or_default();
        attributes.insert("name".to_owned(), record.name.clone());
        attributes.insert("image".to_owned(), record.config.image.clone());
        attributes.extend(more.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        self.events
            .container(&container.id, &record.config.image, action, attributes);
    }
}

/// Runs blocking work of the kernel or the disk on a thread made for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => Err(Error::Internal(format!(
            "a worker of the daemon failed: {e}"
        ))),
    }
}
