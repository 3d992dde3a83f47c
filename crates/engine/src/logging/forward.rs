//! Logs on their way to collectors: one task a container, while there is something to send.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gantry_log_drivers::{Forwarder, Outlook};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::log_of;
use crate::Error;
use crate::containers::{Container, Containers};
use crate::logs::end_of;

/// How long a removal waits for the last lines to be sent.
const FAREWELL: Duration = Duration::from_secs(10);

/// The tasks, by container.
#[derive(Default)]
pub(crate) struct Forwards(Mutex<HashMap<String, Forward>>);

struct Forward {
    outlook: watch::Receiver<Outlook>,
    /// The container was started meanwhile.
    again: bool,
    task: AbortHandle,
}

impl Forwards {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Forward>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task's work is done; false if there is more.
    fn finish(&self, id: &str) -> bool {
        let mut all = self.lock();
        if let Some(forward) = all.get_mut(id)
            && std::mem::take(&mut forward.again)
        {
            return false;
        }
        all.remove(id);
        true
    }
}

impl Containers {
    /// Sends a container's log away, if its driver does that, until it has ended.
    pub(crate) fn forward_log(&self, container: &Arc<Container>) {
        match forwarder(container) {
            Ok(Some(first)) => self.forward_with(container, first),
            Ok(None) => {}
            Err(e) => {
                tracing::error!(container = %container.id, "its logs cannot be sent away: {e}");
            }
        }
    }

    /// The same, of a container that a daemon before has started.
    pub(crate) fn resume_forwarding(&self, container: &Arc<Container>) {
        if let Ok(Some(first)) = forwarder(container)
            && (container.phase().is_live() || first.is_behind())
        {
            self.forward_with(container, first);
        }
    }

    fn forward_with(&self, container: &Arc<Container>, first: Forwarder) {
        let mut all = self.forwards.lock();
        if let Some(forward) = all.get_mut(&container.id) {
            forward.again = true;
            return;
        }
        let (sender, outlook) = watch::channel(Outlook::Working);
        let (service, subject) = (self.clone(), Arc::clone(container));
        let task = tokio::spawn(async move {
            let mut next = Some(first);
            while let Some(forwarder) = next.take() {
                forwarder.run(end_of(&subject), &sender).await;
                if !service.forwards.finish(&subject.id) {
                    next = forwarder_again(&subject);
                }
            }
        });
        let forward = Forward {
            outlook,
            again: false,
            task: task.abort_handle(),
        };
        all.insert(container.id.clone(), forward);
    }

    /// Lets the last lines of a container go before it is removed: not for ever, and not at all if
    /// the collector cannot be reached. From then on nobody touches its files.
    pub(crate) async fn finish_log(&self, container: &Container) {
        let outlook = self
            .forwards
            .lock()
            .get(&container.id)
            .map(|forward| forward.outlook.clone());
        if let Some(mut outlook) = outlook {
            let sent = outlook.wait_for(|outlook| *outlook != Outlook::Working);
            let in_time = tokio::time::timeout(FAREWELL, sent).await;
            if !matches!(in_time, Ok(Ok(outlook)) if *outlook == Outlook::Done) {
                tracing::warn!(container = %container.id, "it is removed before all its logs are sent away");
            }
        }
        if let Some(forward) = self.forwards.lock().remove(&container.id) {
            forward.task.abort();
        }
        drop(container.log_keeping.lock().await);
    }
}

fn forwarder(container: &Container) -> Result<Option<Forwarder>, Error> {
    let log = log_of(container)?;
    let format = log.format();
    Ok(Forwarder::new(
        log.driver,
        &log.options,
        &log.info,
        log.path,
        format,
    )?)
}

fn forwarder_again(container: &Container) -> Option<Forwarder> {
    forwarder(container).ok().flatten()
}
