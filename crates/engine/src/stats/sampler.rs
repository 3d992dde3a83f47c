//! The one who reads, once a second, for all who look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior};

use super::Sample;
use super::source::{Machine, Source};
use crate::containers::{Container, Containers};

/// Time between two samples of a container.
const PERIOD: Duration = Duration::from_secs(1);
/// Samples that a slow reader may be behind; it loses the older ones.
const BACKLOG: usize = 4;

/// The containers that are looked at.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    watched: Mutex<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    containers: HashMap<String, Subject>,
    /// Whether the reading task is there; it goes when nobody looks any longer.
    running: bool,
}

#[derive(Debug)]
struct Subject {
    container: Weak<Container>,
    readers: broadcast::Sender<Sample>,
    source: Arc<Mutex<Source>>,
}

impl Sampler {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples of a container from now on; the first comes at once if nobody else looks.
    pub(super) fn subscribe(
        &self,
        service: &Containers,
        container: &Arc<Container>,
    ) -> impl Stream<Item = Sample> + Send + use<> {
        let mut watched = self.lock();
        let subject = watched
            .containers
            .entry(container.id.clone())
            .or_insert_with(|| Subject {
                container: Arc::downgrade(container),
                readers: broadcast::Sender::new(BACKLOG),
                source: Arc::default(),
            });
        let receiver = subject.readers.subscribe();
        if !std::mem::replace(&mut watched.running, true) {
            let service = service.clone();
            tokio::spawn(async move { read_while_watched(&service).await });
        }
        stream::unfold(receiver, |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(sample) => return Some((sample, receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }

    /// A container is gone, and its readers with it.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().containers.remove(id);
    }

    /// Whom to read now; `None` when nobody looks, which ends the task.
    fn subjects(&self) -> Option<Vec<Reading>> {
        let mut watched = self.lock();
        watched
            .containers
            .retain(|_, subject| subject.readers.receiver_count() > 0);
        if watched.containers.is_empty() {
            watched.running = false;
            return None;
        }
        let reading = |subject: &Subject| {
            Some(Reading {
                container: subject.container.upgrade()?,
                readers: subject.readers.clone(),
                source: Arc::clone(&subject.source),
            })
        };
        Some(watched.containers.values().filter_map(reading).collect())
    }
}

/// One container's turn.
struct Reading {
    container: Arc<Container>,
    readers: broadcast::Sender<Sample>,
    source: Arc<Mutex<Source>>,
}

async fn read_while_watched(service: &Containers) {
    let mut ticks = tokio::time::interval_at(Instant::now(), PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(readings) = service.sampler.subjects() else {
            return;
        };
        let service = service.clone();
        // The kernel computes some figures while they are read; no other task is to wait for that.
        let round = tokio::task::spawn_blocking(move || {
            let machine = Machine::read();
            for reading in readings {
                let mut source = reading
                    .source
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let sample = source.sample(&service, &reading.container, &machine);
                // Its last reader may just have gone.
                let _ = reading.readers.send(Arc::new(sample));
            }
        });
        if round.await.is_err() {
            tracing::error!("reading statistics failed");
        }
    }
}
