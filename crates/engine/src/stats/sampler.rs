//! The one who reads for all who look.
//!
//! Each container that somebody looks at has its own next moment, so that whoever comes gets a
//! first sample at once; those whose moments are close are read together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::sync::Notify;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use super::Sample;
use super::source::{Machine, Source};
use crate::containers::{Container, Containers};

/// How often a container is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pace {
    /// Once a second, for those who go on looking.
    Steady,
    /// Every half second, for those who want to know once: the machine's own clock of processor
    /// time ticks at 10 ms, so half a second tells the use of it to 2 %.
    Brief,
}

impl Pace {
    fn period(self) -> Duration {
        match self {
            Self::Steady => Duration::from_secs(1),
            Self::Brief => Duration::from_millis(500),
        }
    }
}

/// Containers whose turns are this close have them together.
const TOGETHER: Duration = Duration::from_millis(20);
/// Samples that a slow reader may be behind; it loses the older ones.
const BACKLOG: usize = 4;

/// The containers that are looked at.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    watched: Mutex<Watched>,
    /// Somebody new looks.
    news: Notify,
}

#[derive(Debug, Default)]
struct Watched {
    containers: HashMap<(String, Pace), Subject>,
    /// Whether the reading task is there; it goes when nobody looks any longer.
    running: bool,
}

#[derive(Debug)]
struct Subject {
    container: Weak<Container>,
    readers: broadcast::Sender<Sample>,
    source: Arc<Mutex<Source>>,
    due: Instant,
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
        pace: Pace,
    ) -> impl Stream<Item = Sample> + Send + use<> {
        let mut watched = self.lock();
        let subject = watched
            .containers
            .entry((container.id.clone(), pace))
            .or_insert_with(|| Subject {
                container: Arc::downgrade(container),
                readers: broadcast::Sender::new(BACKLOG),
                source: Arc::default(),
                due: Instant::now(),
            });
        let receiver = subject.readers.subscribe();
        if std::mem::replace(&mut watched.running, true) {
            self.news.notify_one();
        } else {
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
        self.lock().containers.retain(|(of, _), _| of != id);
    }

    /// Whom to read now; `None` when nobody looks, which ends the task.
    fn due(&self) -> Option<Vec<Reading>> {
        let mut watched = self.lock();
        watched
            .containers
            .retain(|_, subject| subject.readers.receiver_count() > 0);
        if watched.containers.is_empty() {
            watched.running = false;
            return None;
        }
        let now = Instant::now();
        let turn = |((_, pace), subject): (&(String, Pace), &mut Subject)| {
            if subject.due > now + TOGETHER {
                return None;
            }
            subject.due = now + pace.period();
            Some(Reading {
                container: subject.container.upgrade()?,
                readers: subject.readers.clone(),
                source: Arc::clone(&subject.source),
            })
        };
        Some(watched.containers.iter_mut().filter_map(turn).collect())
    }

    /// Until the next turn of any container, or until somebody new looks.
    async fn rest(&self) {
        let next = self.lock().containers.values().map(|s| s.due).min();
        let next = next.unwrap_or_else(Instant::now);
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = self.news.notified() => {}
        }
    }
}

/// One container's turn.
struct Reading {
    container: Arc<Container>,
    readers: broadcast::Sender<Sample>,
    source: Arc<Mutex<Source>>,
}

async fn read_while_watched(service: &Containers) {
    while let Some(readings) = service.sampler.due() {
        if !readings.is_empty() {
            let service = service.clone();
            // The kernel computes some figures while they are read; no other task is to wait for that.
            let round = tokio::task::spawn_blocking(move || read(&service, readings));
            if round.await.is_err() {
                tracing::error!("reading statistics failed");
            }
        }
        service.sampler.rest().await;
    }
}

fn read(service: &Containers, readings: Vec<Reading>) {
    let machine = Machine::read();
    for reading in readings {
        let mut source = reading
            .source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let sample = source.sample(service, &reading.container, &machine);
        // Its last reader may just have gone.
        let _ = reading.readers.send(Arc::new(sample));
    }
}
