//! The bus: publish, replay, follow.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gantry_api_types::{Event, EventActor, Filters};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::clock::Instant;
use crate::filter;

/// How many past events are kept.
const PAST: usize = 256;

/// How far a reader may fall behind before it loses events.
const BACKLOG: usize = 1024;

/// The bus; a clone is the same bus.
#[derive(Debug, Clone)]
pub struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    live: broadcast::Sender<Arc<Event>>,
    past: Mutex<VecDeque<Arc<Event>>>,
}

/// What a reader wants.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Replay what happened from then on. Without it and `until` nothing of the past is told.
    pub since: Option<Instant>,
    /// End then; a moment in the past means "only replay".
    pub until: Option<Instant>,
    /// Which events.
    pub filters: Filters,
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Events {
    /// A bus on which nothing has happened.
    pub fn new() -> Self {
        let (live, _) = broadcast::channel(BACKLOG);
        Self(Arc::new(Inner {
            live,
            past: Mutex::new(VecDeque::with_capacity(PAST)),
        }))
    }

    /// Something happened to a container.
    pub fn container(
        &self,
        id: &str,
        image: &str,
        action: &str,
        attributes: BTreeMap<String, String>,
    ) {
        let mut event = event("container", id, action, attributes);
        action.clone_into(&mut event.status);
        id.clone_into(&mut event.id);
        image.clone_into(&mut event.from);
        self.publish(event);
    }

    /// Something happened to an image.
    pub fn image(&self, id: &str, action: &str, attributes: BTreeMap<String, String>) {
        let mut event = event("image", id, action, attributes);
        action.clone_into(&mut event.status);
        id.clone_into(&mut event.id);
        self.publish(event);
    }

    /// Something happened to a network.
    pub fn network(&self, id: &str, action: &str, attributes: BTreeMap<String, String>) {
        self.publish(event("network", id, action, attributes));
    }

    /// Something happened to a volume.
    pub fn volume(&self, name: &str, action: &str, attributes: BTreeMap<String, String>) {
        self.publish(event("volume", name, action, attributes));
    }

    /// Something happened to a secret.
    pub fn secret(&self, id: &str, action: &str, attributes: BTreeMap<String, String>) {
        self.publish(event("secret", id, action, attributes));
    }

    /// Something happened to the daemon.
    pub fn daemon(&self, id: &str, action: &str, attributes: BTreeMap<String, String>) {
        self.publish(event("daemon", id, action, attributes));
    }

    /// Something was pruned.
    pub fn pruned(&self, kind: &str, bytes: u64) {
        let attributes = BTreeMap::from([("reclaimed".to_owned(), bytes.to_string())]);
        let mut event = event(kind, "", "prune", attributes);
        if matches!(kind, "container" | "image") {
            "prune".clone_into(&mut event.status);
        }
        self.publish(event);
    }

    /// Gives the event its time, keeps it and tells all readers.
    pub fn publish(&self, mut event: Event) {
        // Under the lock, so that times rise in the order in which readers see events.
        let mut past = self.past();
        let now = Instant::now();
        event.time = now.seconds();
        event.time_nano = now.0;
        let event = Arc::new(event);
        if past.len() == PAST {
            past.pop_front();
        }
        past.push_back(Arc::clone(&event));
        // Without readers there is nobody to tell.
        let _ = self.0.live.send(event);
    }

    /// How many readers there are.
    pub fn listeners(&self) -> usize {
        self.0.live.receiver_count()
    }

    /// Reads events from now on, after those of the past that the query wants.
    pub fn subscribe(&self, query: Query) -> Subscription {
        let past = self.past();
        let live = self.0.live.subscribe();
        let (since, until) = (query.since, query.until);
        let wanted = |event: &&Arc<Event>| {
            since.is_none_or(|since| event.time_nano >= since.0)
                && until.is_none_or(|until| event.time_nano <= until.0)
                && filter::passes(&query.filters, event)
        };
        let replay = match (since, until) {
            (None, None) => VecDeque::new(),
            _ => past.iter().filter(wanted).cloned().collect(),
        };
        Subscription {
            replay,
            live,
            until: query.until,
            filters: query.filters,
        }
    }

    fn past(&self) -> MutexGuard<'_, VecDeque<Arc<Event>>> {
        // A panic while it was held cannot leave a ring of whole events half changed.
        self.0.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(kind: &str, id: &str, action: &str, attributes: BTreeMap<String, String>) -> Event {
    Event {
        kind: kind.to_owned(),
        action: action.to_owned(),
        actor: EventActor {
            id: id.to_owned(),
            attributes,
        },
        scope: "local".to_owned(),
        ..Event::default()
    }
}

/// One reader's view of the bus.
#[derive(Debug)]
pub struct Subscription {
    replay: VecDeque<Arc<Event>>,
    live: broadcast::Receiver<Arc<Event>>,
    until: Option<Instant>,
    filters: Filters,
}

impl Subscription {
    /// The next event that passes the filters; nothing once `until` has come.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        if let Some(event) = self.replay.pop_front() {
            return Some(event);
        }
        let Some(until) = self.until else {
            return self.next_live().await;
        };
        // The remaining time follows the wall clock, which is what the client named.
        tokio::time::timeout(until.remaining(), self.next_live())
            .await
            .ok()
            .flatten()
    }

    async fn next_live(&mut self) -> Option<Arc<Event>> {
        loop {
            match self.live.recv().await {
                Ok(event) if filter::passes(&self.filters, &event) => return Some(event),
                Ok(_) => {}
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!(lost, "a reader of events is too slow; it lost some");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("name".to_owned(), name.to_owned())])
    }

    #[tokio::test]
    async fn replays_then_follows() {
        let bus = Events::new();
        bus.container("1", "nginx", "create", named("a"));
        let since = Instant::now();
        bus.container("1", "nginx", "start", named("a"));
        let mut all = bus.subscribe(Query {
            since: Some(since),
            ..Query::default()
        });
        let mut live = bus.subscribe(Query::default());
        bus.container("1", "nginx", "die", named("a"));
        assert_eq!(all.next().await.unwrap().action, "start");
        assert_eq!(all.next().await.unwrap().action, "die");
        let event = live.next().await.unwrap();
        assert_eq!(
            (event.status.as_str(), event.from.as_str()),
            ("die", "nginx")
        );
        assert_eq!(event.time, event.time_nano / 1_000_000_000);
        assert_eq!(bus.listeners(), 2);
    }

    #[tokio::test]
    async fn ends_at_until() {
        let bus = Events::new();
        bus.image("sha256:1", "pull", named("nginx"));
        let query = Query {
            since: Some(Instant(0)),
            until: Some(Instant::now()),
            ..Query::default()
        };
        let mut past = bus.subscribe(query);
        assert_eq!(past.next().await.unwrap().action, "pull");
        assert!(past.next().await.is_none());
    }

    #[tokio::test]
    async fn keeps_the_last_256() {
        let bus = Events::new();
        for number in 0..300 {
            bus.volume(&number.to_string(), "create", BTreeMap::new());
        }
        let mut past = bus.subscribe(Query {
            since: Some(Instant(0)),
            ..Query::default()
        });
        assert_eq!(past.next().await.unwrap().actor.id, "44");
    }
}
