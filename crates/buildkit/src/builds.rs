//! The builds that are under way, by the reference that their clients give them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gantry_builder::Built;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::proto::moby::buildkit::v1::SolveRequest;
use crate::status::StatusLog;

/// Calls that belong to a build may come before it; so long they wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a finished build can still be asked how it went.
const LINGER: Duration = Duration::from_secs(30);

/// A build.
pub(crate) struct Job {
    /// The client's reference.
    pub reference: String,
    /// What was asked for.
    pub request: SolveRequest,
    /// What it tells.
    pub log: StatusLog,
    /// Cancelled when nobody waits for it any more.
    pub cancelled: CancellationToken,
    /// What the frontend's calls have built, by the reference that they were given.
    built: Mutex<HashMap<String, Built>>,
    /// What the client's part of the build came to.
    returned: watch::Sender<Option<Result<Option<String>, Status>>>,
}

impl Job {
    fn new(request: SolveRequest) -> Self {
        Self {
            reference: request.r#ref.clone(),
            request,
            log: StatusLog::default(),
            cancelled: CancellationToken::new(),
            built: Mutex::default(),
            returned: watch::Sender::new(None),
        }
    }

    /// Remembers a result; returns its reference.
    pub(crate) fn keep(&self, built: Built) -> String {
        let mut all = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{}.{}", self.reference, all.len());
        all.insert(name.clone(), built);
        name
    }

    /// A result by its reference.
    pub(crate) fn result(&self, name: &str) -> Option<Built> {
        let all = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).cloned()
    }

    /// The client's part has ended: with a result's reference, without one, or with an error.
    pub(crate) fn end(&self, end: Result<Option<String>, Status>) {
        self.returned.send_replace(Some(end));
    }

    /// Waits for the client's part.
    pub(crate) async fn returned(&self) -> Result<Option<String>, Status> {
        let mut returned = self.returned.subscribe();
        let there = returned.wait_for(Option::is_some).await;
        let value = there.ok().and_then(|value| value.clone());
        value.unwrap_or_else(|| Err(Status::cancelled("the build was given up")))
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Builds {
    open: Arc<Mutex<HashMap<String, Arc<Job>>>>,
    changed: Notify,
}

impl Builds {
    /// Begins a build; its end is that of the guard.
    pub(crate) fn begin(&self, request: SolveRequest) -> Result<Guard, Status> {
        let job = Arc::new(Job::new(request));
        let known = self.with(|open| {
            let fresh = !open.contains_key(&job.reference);
            if fresh {
                open.insert(job.reference.clone(), Arc::clone(&job));
            }
            !fresh
        });
        if known {
            let text = format!("job ID {} exists", job.reference);
            return Err(Status::already_exists(text));
        }
        self.changed.notify_waiters();
        Ok(Guard {
            open: Arc::clone(&self.open),
            job,
        })
    }

    /// A build; waits a little for one that has not come yet.
    pub(crate) async fn get(&self, reference: &str) -> Result<Arc<Job>, Status> {
        let found = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // Registered before the look, so that no change between the two is missed.
                changed.as_mut().enable();
                if let Some(job) = self.with(|open| open.get(reference).cloned()) {
                    return job;
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.map_err(|_| Status::not_found(format!("no such job {reference}")))
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, Arc<Job>>) -> T) -> T {
        look(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A build under way.
pub(crate) struct Guard {
    open: Arc<Mutex<HashMap<String, Arc<Job>>>>,
    pub job: Arc<Job>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.job.cancelled.cancel();
        self.job.log.close();
        let (open, reference) = (Arc::clone(&self.open), self.job.reference.clone());
        // Whoever asks a moment too late still learns how it went.
        tokio::spawn(async move {
            tokio::time::sleep(LINGER).await;
            open.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&reference);
        });
    }
}
