//! The builds that are under way, by the reference that their clients give them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gantry_builder::operations::Solver;
use gantry_builder::{Built, Filesystem};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::proto::moby::buildkit::v1::{Exporter, SolveRequest};
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
    /// What calls have come to, by the reference that they were given.
    results: Mutex<Results>,
    /// What the client's part of the build came to.
    returned: watch::Sender<Option<Result<Returned, Status>>>,
}

#[derive(Default)]
struct Results {
    by_name: HashMap<String, Outcome>,
    /// Carries out the operations of definitions.
    solver: Option<Arc<Solver>>,
}

/// What a call has come to.
#[derive(Clone)]
pub(crate) enum Outcome {
    /// A Dockerfile's build, which has made what was asked for.
    Built(Built),
    /// The files that a definition means.
    Files(Filesystem),
}

/// What the client's part of a build came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Returned {
    /// References of results by their platforms.
    pub results: Vec<(Option<String>, String)>,
    /// What its frontend says of them.
    pub metadata: HashMap<String, Vec<u8>>,
}

impl Job {
    fn new(mut request: SolveRequest) -> Self {
        // Clients from before there were several outputs name their one here.
        if request.exporters.is_empty() && !request.exporter_deprecated.is_empty() {
            request.exporters.push(Exporter {
                r#type: std::mem::take(&mut request.exporter_deprecated),
                attrs: std::mem::take(&mut request.exporter_attrs_deprecated),
            });
        }
        Self {
            reference: request.r#ref.clone(),
            request,
            log: StatusLog::default(),
            cancelled: CancellationToken::new(),
            results: Mutex::default(),
            returned: watch::Sender::new(None),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Results) -> T) -> T {
        look(&mut self.results.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers a result; returns its reference.
    pub(crate) fn keep(&self, outcome: Outcome) -> String {
        self.with(|results| {
            let name = format!("{}.{}", self.reference, results.by_name.len());
            results.by_name.insert(name.clone(), outcome);
            name
        })
    }

    /// A result by its reference.
    pub(crate) fn result(&self, name: &str) -> Option<Outcome> {
        self.with(|results| results.by_name.get(name).cloned())
    }

    /// A Dockerfile's build by its reference.
    pub(crate) fn built(&self, name: &str) -> Option<Built> {
        match self.result(name)? {
            Outcome::Built(built) => Some(built),
            Outcome::Files(_) => None,
        }
    }

    /// The files of a result.
    pub(crate) fn files(&self, name: &str) -> Result<Filesystem, Status> {
        let files = match self.result(name) {
            Some(Outcome::Built(built)) => built.files,
            Some(Outcome::Files(files)) => Some(files),
            None => return Err(Status::not_found(format!("no such ref: {name}"))),
        };
        files.ok_or_else(|| Status::not_found(format!("the result {name} has no files")))
    }

    /// What carries out the operations of definitions, if there have been any.
    pub(crate) fn solver(&self) -> Option<Arc<Solver>> {
        self.with(|results| results.solver.clone())
    }

    /// Keeps that; whoever was first has the only one.
    pub(crate) fn keep_solver(&self, solver: Arc<Solver>) -> Arc<Solver> {
        self.with(|results| Arc::clone(results.solver.get_or_insert(solver)))
    }

    /// Nobody asks for results any more: what they keep is given free.
    fn forget(&self) {
        let results = self.with(std::mem::take);
        drop(results);
    }

    /// The client's part has ended: with results, without one, or with an error.
    pub(crate) fn end(&self, end: Result<Returned, Status>) {
        self.returned.send_replace(Some(end));
    }

    /// Waits for the client's part.
    pub(crate) async fn returned(&self) -> Result<Returned, Status> {
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
        self.job.forget();
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
