//! `container prune`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gantry_api_types::{ContainersPruneReport, Filters};

use super::{Container, Containers};
use crate::{Error, clock};

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
        let mut report = ContainersPruneReport::default();
        for container in self.registry.all() {
            if !is_meant(&container, filters, until) {
                continue;
            }
            let bytes = self.written_bytes(&container.id).await.unwrap_or(0);
            match self.remove_container(&container, false).await {
                Ok(()) => {
                    report.space_reclaimed += u64::try_from(bytes).unwrap_or(0);
                    report
                        .containers_deleted
                        .get_or_insert_default()
                        .push(container.id.clone());
                }
                Err(e) => {
                    tracing::warn!(container = %container.id, "it could not be pruned: {e}");
                }
            }
        }
        self.events.pruned("container", report.space_reclaimed);
        Ok(report)
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
