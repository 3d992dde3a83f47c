//! Graphs of operations that other frontends made: LLB, without the words of its protocol.
//!
//! A [`Solver`] belongs to one build. Each operation is carried out once, as soon as those it takes from are there, and
//! gives [`Filesystem`]s. What makes layers (`exec`, `file`) has keys as instructions have; `merge` and `diff` only
//! choose among layers that are there.
//!
//! Reference: <https://github.com/moby/buildkit>, `solver/pb/ops.proto`.

mod exec;
mod export;
mod file;
mod layers;
mod source;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use gantry_reference::{Digest, ImageId};
use tokio::task::JoinSet;

pub use exec::{Exec, ExecMount, SecretVariable};
pub use export::BuiltState;
pub use file::{CopyAction, FileAction, FileChange, Ground, Named, Ownership};
pub use source::{HttpSource, OperationSource};

use crate::cache::Record;
use crate::progress::{Step, StepId, Teller};
use crate::stage::now;
use crate::{Builder, Error, Event, Filesystem, Report, Request, Told};

/// An operation.
pub struct Operation {
    /// Tells it from all others: equal ones have the same.
    pub id: String,
    /// How clients show it.
    pub name: String,
    /// What it takes from.
    pub inputs: Vec<Edge>,
    /// The platform that it is for, if not this machine's.
    pub platform: Option<String>,
    /// Carried out whatever is there.
    pub anew: bool,
    /// What is done.
    pub work: OperationWork,
}

/// One of the filesystems that an operation gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Which operation.
    pub operation: String,
    /// Which of its filesystems.
    pub output: usize,
}

/// What an operation does.
pub enum OperationWork {
    /// Brings files from elsewhere.
    Source(OperationSource),
    /// Runs a command.
    Exec(Box<Exec>),
    /// Changes files without a command.
    File(Vec<FileAction>),
    /// Lays filesystems one upon the other, the last one uppermost.
    Merge,
    /// What the second has on top of the first; with one input alone all of it.
    Diff,
}

/// What an operation gives, for all who take from it.
type Made = Shared<BoxFuture<'static, Result<Arc<Vec<Filesystem>>, Arc<Error>>>>;

/// Carries out the operations of one build.
pub struct Solver(Arc<Inner>);

struct Inner {
    builder: Builder,
    request: Request,
    report: Report,
    next: AtomicUsize,
    made: Mutex<HashMap<String, (StepId, Made)>>,
}

impl std::fmt::Debug for Solver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Solver").finish_non_exhaustive()
    }
}

impl Solver {
    /// For a build: the request says what it may do and whom it asks.
    pub fn new(builder: &Builder, request: Request, report: Report) -> Self {
        Self(Arc::new(Inner {
            builder: builder.clone(),
            request,
            report,
            next: AtomicUsize::default(),
            made: Mutex::default(),
        }))
    }

    /// Carries out what is needed for one result. Dropping the future ends it, and what it runs.
    pub async fn solve(
        &self,
        operations: Vec<Operation>,
        wanted: &Edge,
    ) -> Result<Filesystem, Error> {
        let inner = &self.0;
        let _not_pruned = inner.builder.pruning.read().await;
        let allowed = &inner.builder.settings.entitlements;
        inner.request.supported(allowed)?;
        let _tidy = Tidy(inner);
        let mut driven = JoinSet::new();
        for operation in in_order(operations, &wanted.operation)? {
            if let Some(made) = inner.begin(operation) {
                // A task of its own, so that independent ones run on several threads.
                driven.spawn(made.map(drop));
            }
        }
        inner.output(wanted).await
    }
}

impl Inner {
    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, (StepId, Made)>) -> T) -> T {
        look(&mut self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins an operation, unless this build has it already.
    fn begin(self: &Arc<Self>, operation: Operation) -> Option<Made> {
        self.with(|all| {
            if all.contains_key(&operation.id) {
                return None;
            }
            let step = self.next.fetch_add(1, Ordering::Relaxed);
            let before = operation.inputs.iter();
            let inputs = before.filter_map(|edge| Some(all.get(&edge.operation)?.0));
            (self.report)(Event::Planned(vec![Step {
                id: step,
                name: operation.name.clone(),
                inputs: inputs.collect(),
            }]));
            let (inner, id) = (Arc::clone(self), operation.id.clone());
            let made: Made = async move {
                let made = inner.carry_out(operation, step).await;
                made.map(Arc::new).map_err(Arc::new)
            }
            .boxed()
            .shared();
            all.insert(id, (step, made.clone()));
            Some(made)
        })
    }

    /// Waits for a filesystem.
    async fn output(&self, edge: &Edge) -> Result<Filesystem, Error> {
        let made = self.with(|all| all.get(&edge.operation).map(|(_, made)| made.clone()));
        let made = made.ok_or_else(|| missing(&edge.operation))?;
        let outputs = made.await.map_err(Error::Stage)?;
        outputs.get(edge.output).cloned().ok_or_else(|| {
            Error::Invalid(format!(
                "the operation {} gives no filesystem of the number {}",
                edge.operation, edge.output
            ))
        })
    }

    async fn carry_out(
        self: Arc<Self>,
        operation: Operation,
        step: StepId,
    ) -> Result<Vec<Filesystem>, Error> {
        let mut inputs = Vec::new();
        for edge in &operation.inputs {
            inputs.push(self.output(edge).await?);
        }
        let here = Here {
            inner: &self,
            operation: &operation,
            inputs,
            teller: Teller::begin(&self.report, step),
        };
        let done = match &operation.work {
            OperationWork::Source(source) => here.source(source).await.map(|one| vec![one]),
            OperationWork::Exec(exec) => here.exec(exec).await,
            OperationWork::File(actions) => here.files(actions).await,
            OperationWork::Merge => here.merged().await.map(|one| vec![one]),
            OperationWork::Diff => here.difference().await.map(|one| vec![one]),
        };
        here.teller.end(done)
    }
}

/// An operation while it is carried out.
struct Here<'a> {
    inner: &'a Arc<Inner>,
    operation: &'a Operation,
    inputs: Vec<Filesystem>,
    teller: Teller,
}

impl Here<'_> {
    fn builder(&self) -> &Builder {
        &self.inner.builder
    }

    fn input(&self, number: usize) -> Result<&Filesystem, Error> {
        self.inputs.get(number).ok_or_else(|| {
            Error::Invalid(format!(
                "the operation {} has no input of the number {number}",
                self.operation.name
            ))
        })
    }

    /// The layer that was made from this before.
    fn kept(&self, key: &Digest) -> Option<Digest> {
        if self.operation.anew || self.inner.request.no_cache {
            return None;
        }
        Some(self.builder().look_up(key)?.layer)
    }
}

/// Remembers what was made from this: the topmost layer of an image that keeps it.
fn remember(
    builder: &Builder,
    key: &Digest,
    image: &ImageId,
    description: &str,
) -> Result<Digest, Error> {
    let made = builder.engine.images.store().get(image)?;
    let Some(layer) = made.layers.last().cloned() else {
        return Err(Error::CutOff("an operation made no layer".to_owned()));
    };
    let record = Record {
        layer: layer.to_string(),
        image: image.to_string(),
        created: now(),
        description: description.to_owned(),
    };
    builder.cache.keep(key, &record);
    Ok(layer)
}

/// Forgets what has not come to its end, or to a bad one: it may be asked for again.
struct Tidy<'a>(&'a Inner);

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        let fine = |made: &Made| matches!(made.peek(), Some(Ok(_)));
        self.0.with(|all| all.retain(|_, (_, made)| fine(made)));
    }
}

fn missing(id: &str) -> Error {
    Error::Invalid(format!(
        "the definition names an operation {id} that it lacks"
    ))
}

/// Those that one needs, each behind all that it takes from.
fn in_order(operations: Vec<Operation>, wanted: &str) -> Result<Vec<Operation>, Error> {
    let mut left: HashMap<String, Operation> = operations
        .into_iter()
        .map(|operation| (operation.id.clone(), operation))
        .collect();
    let mut ordered = Vec::new();
    // Those whose inputs are being looked at, each with how many of them have been.
    let mut way: Vec<(Operation, usize)> = Vec::new();
    way.push((left.remove(wanted).ok_or_else(|| missing(wanted))?, 0));
    let mut known = std::collections::HashSet::from([wanted.to_owned()]);
    while let Some((operation, seen)) = way.last_mut() {
        let next = operation
            .inputs
            .get(*seen)
            .map(|edge| edge.operation.clone());
        *seen += 1;
        match next {
            None => ordered.extend(way.pop().map(|(operation, _)| operation)),
            Some(id) if known.contains(&id) => {
                if way.iter().any(|(on_the_way, _)| on_the_way.id == id) {
                    return Err(Error::Invalid(format!(
                        "the operation {id} takes from itself"
                    )));
                }
            }
            Some(id) => {
                let operation = left.remove(&id).ok_or_else(|| missing(&id))?;
                known.insert(id);
                way.push((operation, 0));
            }
        }
    }
    Ok(ordered)
}

/// Tells that nothing had to be done.
fn cached(teller: &Teller) {
    teller.tell(Told::Cached);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str, inputs: &[&str]) -> Operation {
        let edge = |id: &&str| Edge {
            operation: (*id).to_owned(),
            output: 0,
        };
        Operation {
            id: id.to_owned(),
            name: id.to_owned(),
            inputs: inputs.iter().map(edge).collect(),
            platform: None,
            anew: false,
            work: OperationWork::Merge,
        }
    }

    #[test]
    fn operations_come_behind_what_they_take_from() {
        let graph = || {
            vec![
                operation("top", &["left", "right"]),
                operation("left", &["base"]),
                operation("right", &["base", "left"]),
                operation("unneeded", &[]),
                operation("base", &[]),
            ]
        };
        let ordered = in_order(graph(), "top").unwrap();
        let ids: Vec<&str> = ordered.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["base", "left", "right", "top"]);
        let lacking = in_order(vec![operation("a", &["b"])], "a");
        assert!(lacking.err().unwrap().to_string().contains("lacks"));
        let circle = vec![operation("a", &["b"]), operation("b", &["a"])];
        let circle = in_order(circle, "a").err().unwrap();
        assert!(circle.to_string().contains("itself"), "{circle}");
    }
}
