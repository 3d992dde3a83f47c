//! Attaches that are promised but not yet connected.
//!
//! `docker run` sends `attach`, reads the `101` and sends `start`. The socket can only be handed
//! over after the `101` is written; a quick container could start, print and end before. So
//! `start` waits until the attaches that were answered before it are connected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// A client that does not read its `101` must not hold others up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Attaches under way, by the container's name as the client gave it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: Mutex<HashMap<String, usize>>,
    changed: Notify,
}

impl Pending {
    /// Promises an attach; the guard's end is its fulfilment.
    pub(crate) fn promise(&self, name: &str) -> PendingGuard {
        self.with(|counts| *counts.entry(name.to_owned()).or_default() += 1);
        PendingGuard {
            pending: self.clone(),
            name: name.to_owned(),
        }
    }

    /// Waits until nothing is promised to the container.
    pub(crate) async fn settled(&self, name: &str) {
        let settled = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                // Registered before the look, so that no change between the two is missed.
                changed.as_mut().enable();
                if !self.with(|counts| counts.contains_key(name)) {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, settled).await;
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, usize>) -> T) -> T {
        look(&mut self.0.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One promised attach.
#[derive(Debug)]
pub(crate) struct PendingGuard {
    pending: Pending,
    name: String,
}

impl Drop for PendingGuard {
    fn drop(&mut self) {
        self.pending.with(|counts| {
            if let Some(count) = counts.get_mut(&self.name) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&self.name);
                }
            }
        });
        self.pending.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn start_waits_for_attach() {
        let pending = Pending::default();
        pending.settled("a").await;
        let guard = pending.promise("a");
        let waiting = tokio::spawn({
            let pending = pending.clone();
            async move { pending.settled("a").await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(guard);
        waiting.await.unwrap();
    }
}
