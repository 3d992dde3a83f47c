//! What clients display of a build.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, stream};
use gantry_api_types::JsonMessage;
use gantry_archive::Digester;
use gantry_builder::{Event, StepId, Told, Warning};
use tokio::sync::Notify;
use tonic::Status;

use crate::proto::google::protobuf::Timestamp;
use crate::proto::moby::buildkit::v1::{
    StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning,
};
use crate::proto::pb::{Position, Range, SourceInfo};

/// Bytes of output that one build may print.
const OUTPUT_MAX: usize = 64 << 20;

/// All that a build has told, for readers that come at any time.
#[derive(Default)]
pub(crate) struct StatusLog {
    told: Mutex<Record>,
    changed: Notify,
}

#[derive(Default)]
struct Record {
    answers: Vec<Arc<StatusResponse>>,
    closed: bool,
}

impl StatusLog {
    /// Adds to it.
    pub(crate) fn tell(&self, answer: StatusResponse) {
        self.with(|told| told.answers.push(Arc::new(answer)));
        self.changed.notify_waiters();
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.with(|told| told.closed = true);
        self.changed.notify_waiters();
    }

    /// All of it so far.
    pub(crate) fn all(&self) -> Vec<Arc<StatusResponse>> {
        self.with(|told| told.answers.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Record) -> T) -> T {
        look(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer at a place; `None` when there will be none.
    async fn at(&self, place: usize) -> Option<StatusResponse> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (answer, closed) =
                self.with(|told| (told.answers.get(place).cloned(), told.closed));
            match answer {
                Some(answer) => return Some((*answer).clone()),
                None if closed => return None,
                None => changed.await,
            }
        }
    }
}

/// From the beginning until the end.
pub(crate) fn follow(
    job: Arc<crate::builds::Job>,
) -> impl Stream<Item = Result<StatusResponse, Status>> + Send + 'static {
    stream::unfold((job, 0), |(job, place)| async move {
        let answer = job.log.at(place).await?;
        Some((Ok(answer), (job, place + 1)))
    })
}

/// Turns a builder's events into answers.
pub(crate) struct Teller {
    job: Arc<crate::builds::Job>,
    source: SourceInfo,
    /// Tells several frontends' calls of one build apart.
    part: String,
    steps: Mutex<Steps>,
}

#[derive(Default)]
struct Steps {
    vertices: HashMap<StepId, Vertex>,
    /// When parts of steps began.
    parts: HashMap<String, Timestamp>,
    printed: usize,
}

impl Teller {
    /// For a build of this Dockerfile.
    pub(crate) fn new(job: Arc<crate::builds::Job>, source: SourceInfo, part: String) -> Self {
        Self {
            job,
            source,
            part,
            steps: Mutex::default(),
        }
    }

    fn digest(&self, id: StepId) -> String {
        vertex_digest(&format!("{} {} {id}", self.job.reference, self.part))
    }

    /// Takes an event.
    pub(crate) fn take(&self, event: Event) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer = StatusResponse::default();
        match event {
            Event::Planned(planned) => {
                for step in planned {
                    let inputs = step.inputs.iter().map(|id| self.digest(*id)).collect();
                    let vertex = Vertex {
                        digest: self.digest(step.id),
                        inputs,
                        name: step.name,
                        ..Vertex::default()
                    };
                    answer.vertexes.push(vertex.clone());
                    steps.vertices.insert(step.id, vertex);
                }
            }
            Event::Step(id, told) => self.step(&mut steps, id, told, &mut answer),
            Event::Warning(warning) => answer.warnings.push(self.warning(&warning, &steps)),
            Event::Instruction { .. } | Event::Triggers(_) | Event::Done(_) | Event::Tagged(_) => {
                return;
            }
        }
        drop(steps);
        self.job.log.tell(answer);
    }

    fn step(&self, steps: &mut Steps, id: StepId, told: Told, answer: &mut StatusResponse) {
        let digest = self.digest(id);
        let Some(vertex) = steps.vertices.get_mut(&id) else {
            return;
        };
        match told {
            Told::Begun => {
                vertex.started = Some(now());
                answer.vertexes.push(vertex.clone());
            }
            Told::Cached => {
                vertex.cached = true;
                answer.vertexes.push(vertex.clone());
            }
            // A step that is nothing but an image.
            Told::Here if vertex.name.contains("] FROM ") => {
                vertex.cached = true;
                answer.vertexes.push(vertex.clone());
            }
            Told::Ended(error) => {
                vertex.completed = Some(now());
                vertex.error = error.unwrap_or_default();
                answer.vertexes.push(vertex.clone());
            }
            Told::Output { stream, bytes } => {
                steps.printed += bytes.len();
                if steps.printed <= OUTPUT_MAX {
                    answer.logs.push(VertexLog {
                        vertex: digest,
                        timestamp: Some(now()),
                        stream: i64::from(stream),
                        msg: bytes,
                    });
                }
            }
            Told::Part {
                name,
                current,
                total,
                finished,
            } => {
                let status = steps.part(digest, &name, (current, total), finished);
                answer.statuses.push(status);
            }
            Told::Pull(line) => answer.statuses.extend(steps.pulled(digest, &line)),
            Told::Here | Told::Running(_) | Told::Layer(_) => {}
        }
    }

    fn warning(&self, warning: &Warning, steps: &Steps) -> VertexWarning {
        let line = warning.span.map(|span| span.start.line);
        let short = match (warning.check, line) {
            (Some(check), Some(line)) => {
                format!("{}: {} (line {line})", check.name(), warning.message)
            }
            _ => warning.message.clone(),
        };
        let detail = warning.check.map(|c| c.description().as_bytes().to_vec());
        let first = steps.vertices.keys().min();
        VertexWarning {
            vertex: first.map(|id| self.digest(*id)).unwrap_or_default(),
            level: 1,
            short: short.into_bytes(),
            detail: detail.into_iter().collect(),
            url: warning
                .check
                .map(gantry_dockerfile::Check::url)
                .unwrap_or_default(),
            info: Some(self.source.clone()),
            ranges: warning.span.map(range).into_iter().collect(),
        }
    }
}

impl Steps {
    /// A line of a pull: layers have an ID, other lines are for people who pull by hand.
    fn pulled(&mut self, vertex: String, line: &JsonMessage) -> Option<VertexStatus> {
        if line.id.is_empty() {
            return None;
        }
        let layer = format!("sha256:{}", line.id);
        let (name, finished) = match line.status.as_str() {
            "Downloading" => (layer, false),
            "Download complete" => (layer, true),
            "Extracting" => (format!("extracting {layer}"), false),
            "Pull complete" => (format!("extracting {layer}"), true),
            _ => return None,
        };
        let at = |n: i64| u64::try_from(n).unwrap_or_default();
        let progress = line.progress_detail.as_ref();
        let sizes = progress.map_or((0, 0), |p| (at(p.current), at(p.total)));
        Some(self.part(vertex, &name, sizes, finished))
    }

    fn part(
        &mut self,
        vertex: String,
        name: &str,
        (current, total): (u64, u64),
        finished: bool,
    ) -> VertexStatus {
        let size = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let started = *self
            .parts
            .entry(format!("{vertex} {name}"))
            .or_insert_with(now);
        VertexStatus {
            id: name.to_owned(),
            vertex,
            name: name.to_owned(),
            current: size(current),
            total: size(total),
            timestamp: Some(now()),
            started: Some(started),
            completed: finished.then(now),
        }
    }
}

/// A step's name on the wire.
pub(crate) fn vertex_digest(of: &str) -> String {
    Digester::sha256(of.as_bytes()).to_string()
}

/// Lines of a Dockerfile.
pub(crate) fn range(span: gantry_dockerfile::Span) -> Range {
    let position = |line: u32, character: u32| Position {
        line: i32::try_from(line).unwrap_or(i32::MAX),
        character: i32::try_from(character).unwrap_or_default(),
    };
    Range {
        start: Some(position(span.start.line, 0)),
        end: Some(position(span.end.line, 0)),
    }
}

/// The time.
pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now();
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or_default(),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}
