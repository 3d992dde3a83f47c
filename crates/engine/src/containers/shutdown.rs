//! The daemon's end, where the containers are to end with it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::{Container, Containers};
use crate::Error;

impl Containers {
    /// Stops all containers at once and waits for them, each as long as its own time-out says but
    /// no longer than `patience`; what lives then is killed.
    ///
    /// Nobody stopped them by hand: the next daemon starts those again whose restart policy says so.
    pub async fn shut_down(&self, patience: Option<Duration>) {
        let containers = self.registry.all();
        let stops = containers.iter().map(|container| async {
            if let Err(e) = self.end_with_daemon(container, patience).await {
                tracing::warn!(container = %container.id, "cannot stop it: {e}");
            }
        });
        join_all(stops).await;
    }

    async fn end_with_daemon(
        &self,
        container: &Arc<Container>,
        patience: Option<Duration>,
    ) -> Result<(), Error> {
        let by_hand = container.record().state.stopped_by_hand;
        let own = container.record().config.stop_timeout;
        let limit = patience.map(|time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        let timeout = match (own.filter(|seconds| *seconds >= 0), limit) {
            (Some(own), Some(limit)) => Some(own.min(limit)),
            (None, Some(limit)) => Some(limit),
            (own, None) => own.or(Some(-1)),
        };
        match self.stop(&container.id, timeout, None).await {
            Ok(()) => {}
            Err(Error::AlreadyThere(_)) => return Ok(()),
            Err(e) => return Err(e),
        }
        container.record().state.stopped_by_hand = by_hand;
        container.save_state();
        Ok(())
    }
}
