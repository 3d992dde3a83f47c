//! The open sessions, by the id that clients give them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::SessionError;
use super::connection::Connection;

/// The session's id.
const ID: &str = "x-docker-expose-session-uuid";
/// What later sessions of the same folder have in common.
const SHARED_KEY: &str = "x-docker-expose-session-sharedkey";
/// A service's method that the client offers; one header each.
const METHOD: &str = "x-docker-expose-session-grpc-method";

/// A build may be asked for before its session has arrived.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open session; a clone is the same one.
#[derive(Debug, Clone)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: String,
    shared_key: String,
    methods: HashSet<String>,
    connection: Connection,
    closed: CancellationToken,
}

impl Session {
    /// The id that the client chose.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// What later sessions of the same folder have in common; may be empty.
    pub fn shared_key(&self) -> &str {
        &self.0.shared_key
    }

    /// The connection to call the client on.
    pub(super) fn connection(&self) -> Connection {
        self.0.connection.clone()
    }

    /// Fails where the client does not offer a method.
    pub fn needs(&self, method: &'static str) -> Result<(), SessionError> {
        if self.0.closed.is_cancelled() {
            Err(SessionError::Gone)
        } else if self.offers(method) {
            Ok(())
        } else {
            Err(SessionError::NotOffered(method))
        }
    }

    /// Whether the client offers a method.
    pub fn offers(&self, method: &str) -> bool {
        self.0.methods.contains(&method.to_ascii_lowercase())
    }

    /// Cancelled when the client has left.
    pub fn closed(&self) -> CancellationToken {
        self.0.closed.clone()
    }
}

/// All open sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<HashMap<String, Session>>,
    changed: Notify,
}

impl Sessions {
    /// Serves a session on a connection until either side ends it.
    pub async fn serve<IO>(&self, headers: &HeaderMap, io: IO) -> hyper::Result<()>
    where
        IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (connection, driver) = Connection::open(io).await?;
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let methods = headers.get_all(METHOD).iter();
        let session = Session(Arc::new(Inner {
            id: text(ID),
            shared_key: text(SHARED_KEY),
            methods: methods
                .filter_map(|value| value.to_str().ok())
                .map(str::to_ascii_lowercase)
                .collect(),
            connection,
            closed: CancellationToken::new(),
        }));
        let _entry = Entry::new(self, session);
        driver.await
    }

    /// A session; waits a little for one that has not arrived yet.
    pub async fn get(&self, id: &str) -> Option<Session> {
        let found = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // Registered before the look, so that no change between the two is missed.
                changed.as_mut().enable();
                if let Some(session) = self.with(|open| open.get(id).cloned()) {
                    return session;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.ok()
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.with(|open| open.len())
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, Session>) -> T) -> T {
        look(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A session's place in the list; its end closes the session.
struct Entry<'a> {
    sessions: &'a Sessions,
    session: Session,
}

impl<'a> Entry<'a> {
    fn new(sessions: &'a Sessions, session: Session) -> Self {
        sessions.with(|open| open.insert(session.id().to_owned(), session.clone()));
        sessions.changed.notify_waiters();
        Self { sessions, session }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.session.0.closed.cancel();
        self.sessions.with(|open| {
            // A client may have opened another session under the same id since.
            let own = |other: &Session| Arc::ptr_eq(&other.0, &self.session.0);
            if open.get(self.session.id()).is_some_and(own) {
                open.remove(self.session.id());
            }
        });
    }
}
