//! Compressing and clearing out the older files of logs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::log_of;
use crate::Error;
use crate::containers::{Container, Containers, Phase, blocking};

/// One file at a time: compressing is no hurry, and containers want the processors.
static TURN: Semaphore = Semaphore::const_new(1);
/// How often files are looked at that may be too old.
const ROUND: Duration = Duration::from_secs(60);

impl Containers {
    /// Takes up what the daemon before has left: files to compress, lines to send.
    pub(crate) fn take_over_logs(&self) {
        for container in self.registry.all() {
            if container.record().state.started_at == 0 {
                continue;
            }
            keep_log(&container);
            self.resume_forwarding(&container);
        }
        let service = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(ROUND).await;
                service.clear_old_logs();
            }
        });
    }

    fn clear_old_logs(&self) {
        for container in self.registry.all() {
            let limited = container
                .record()
                .host_config
                .log_config
                .config
                .as_ref()
                .is_some_and(|options| options.contains_key("max-age"));
            if limited {
                keep_log(&container);
            }
        }
    }
}

/// Compresses a container's older log files, and removes what is too old.
pub(crate) fn keep_log(container: &Arc<Container>) {
    let container = Arc::clone(container);
    tokio::spawn(async move {
        let _turn = TURN.acquire().await;
        if let Err(e) = keep(&container).await {
            tracing::warn!(container = %container.id, "cannot look after its log files: {e}");
        }
    });
}

async fn keep(container: &Arc<Container>) -> Result<(), Error> {
    // Whoever removes the container's folder waits for this.
    let _keeping = container.log_keeping.lock().await;
    if matches!(container.phase(), Phase::Removing | Phase::Dead) {
        return Ok(());
    }
    let log = log_of(container)?;
    blocking(move || {
        if !log.path.exists() {
            return Ok(());
        }
        let failed = Error::file("look after", &log.path);
        let kept = gantry_logs::expire(&log.path, log.files.max_age).and_then(|()| {
            if log.files.compress {
                gantry_logs::compress(&log.path, log.format())?;
            }
            Ok(())
        });
        kept.map_err(failed)
    })
    .await
}
