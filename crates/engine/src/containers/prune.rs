//! `container prune`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, StreamExt as _};
use gantry_api_types::{ContainersPruneReport, Filters};

use super::{Container, Containers};
use crate::{Error, clock};

/// Removals that go on at once: most of each is waiting for the disk.
const AT_ONCE: usize = 8;

/// One prune at a time, as in Docker.
#[derive(Debug, Default)]
pub(crate) struct PruneLock(AtomicBool);

struct Pruning<'a>(&'a AtomicBool);

impl Drop for Pruning<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl PruneLock {
    fn take(&self) -> Result<Pruning<'_>, Error> {
        if self.0.swap(true, Ordering::Acquire) {
            return Err(Error::WrongPhase(
                "a prune operation is already running".to_owned(),
            ));
        }
        Ok(Pruning(&self.0))
    }
}

impl Containers {
    /// Removes the containers that do not run and pass the filters.
    pub async fn prune(&self, filters: &Filters) -> Result<ContainersPruneReport, Error> {
        filters
            .accept(&["label", "label!", "until"])
            .map_err(|e| Error::Invalid(e.to_string()))?;
        let _pruning = self.prune_lock.take()?;
        let until = until(filters)?;
        let mut meant = self.registry.all();
        meant.retain(|container| is_meant(container, filters, until));
        let pruned: Vec<_> = stream::iter(meant)
            .map(|container| self.prune_one(container))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut report = ContainersPruneReport::default();
        for (id, bytes) in pruned.into_iter().flatten() {
            report.space_reclaimed += bytes;
            report.containers_deleted.get_or_insert_default().push(id);
        }
        self.events.pruned("container", report.space_reclaimed);
        Ok(report)
    }

    /// The ID and what it held on the disk, unless it could not be removed.
    async fn prune_one(&self, container: Arc<Container>) -> Option<(String, u64)> {
        let bytes = self.written_bytes(&container.id).await.unwrap_or(0);
        match self.remove_container(&container, false).await {
            Ok(()) => Some((container.id.clone(), u64::try_from(bytes).unwrap_or(0))),
            Err(e) => {
                tracing::warn!(container = %container.id, "it could not be pruned: {e}");
                None
            }
        }
    }
}

fn is_meant(container: &Arc<Container>, filters: &Filters, until: Option<i64>) -> bool {
    let record = container.record();
    let labels = record.config.labels.clone().unwrap_or_default();
    let negated = filters.has("label!") && {
        let mut wanted = Filters::default();
        filters
            .values("label!")
            .for_each(|value| wanted.add("label", value));
        wanted.pairs("label", &labels)
    };
    record.state.phase.is_prunable()
        && until.is_none_or(|until| record.created <= until)
        && filters.pairs("label", &labels)
        && !negated
}

fn until(filters: &Filters) -> Result<Option<i64>, Error> {
    let given: Vec<&str> = filters.values("until").collect();
    match given[..] {
        [] => Ok(None),
        [text] => clock::moment(text).map(Some).ok_or_else(|| {
            Error::Invalid(format!(
                "failed to parse value as time or duration: {text:?}"
            ))
        }),
        _ => Err(Error::Invalid(
            "more than one until filter specified".to_owned(),
        )),
    }
}
