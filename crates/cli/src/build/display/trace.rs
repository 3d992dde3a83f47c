//! What the engine told of a build, put in order.

use std::collections::{HashMap, VecDeque};

use gantry_build_client::proto::google::protobuf::Timestamp;
use gantry_build_client::proto::moby::buildkit::v1::{
    StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning,
};

/// How much of a step's log is said again when it fails.
const TAIL: usize = 10;

/// All steps, in the order in which they were told.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) steps: Vec<Step>,
    by_digest: HashMap<String, usize>,
    /// Steps with news, the oldest news first.
    pub(crate) updated: Vec<usize>,
    /// Every warning.
    pub(crate) warnings: Vec<VertexWarning>,
}

/// A step: a vertex of the build's graph.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) cached: bool,
    pub(crate) error: String,
    /// Times at which it was worked on, in nanoseconds; the last may have no end yet.
    pub(crate) spans: Vec<(i64, Option<i64>)>,
    pub(crate) statuses: Vec<Figure>,
    /// Lines of the log that were not printed yet.
    pub(crate) lines: Vec<String>,
    /// The last line has no end yet.
    pub(crate) partial: bool,
    pub(crate) tail: VecDeque<String>,
    /// Warnings that were not printed yet.
    pub(crate) warnings: Vec<String>,
    /// Its number, once it was printed.
    pub(crate) number: usize,
}

/// Something of a step that is counted: a download, a transfer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) id: String,
    pub(crate) current: i64,
    pub(crate) total: i64,
    pub(crate) time: i64,
    pub(crate) started: Option<i64>,
    pub(crate) completed: Option<i64>,
    /// It has news.
    pub(crate) fresh: bool,
    /// What was printed last: when, and how much there was.
    pub(crate) printed: Option<(i64, i64)>,
}

impl Step {
    pub(crate) fn is_started(&self) -> bool {
        !self.spans.is_empty()
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.spans.last().is_some_and(|(_, end)| end.is_some())
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.error.ends_with("context canceled")
    }

    /// How long it was worked on, in seconds; what overlaps counts once.
    pub(crate) fn seconds(&self, now: i64) -> f64 {
        let mut spans: Vec<(i64, i64)> = self
            .spans
            .iter()
            .map(|(start, end)| (*start, end.unwrap_or(now).max(*start)))
            .collect();
        spans.sort_unstable();
        let (mut sum, mut until) = (0, i64::MIN);
        for (start, end) in spans {
            let start = start.max(until);
            sum += (end - start).max(0);
            until = until.max(end);
        }
        sum as f64 / 1e9
    }
}

impl Trace {
    /// Takes in a message.
    pub(crate) fn update(&mut self, message: &StatusResponse) {
        for vertex in &message.vertexes {
            self.vertex(vertex);
        }
        for status in &message.statuses {
            self.status(status);
        }
        for warning in &message.warnings {
            self.warning(warning);
        }
        for log in &message.logs {
            self.log(log);
        }
    }

    fn index(&mut self, digest: &str) -> usize {
        if let Some(index) = self.by_digest.get(digest) {
            return *index;
        }
        self.steps.push(Step::default());
        self.by_digest
            .insert(digest.to_owned(), self.steps.len() - 1);
        self.steps.len() - 1
    }

    fn news(&mut self, index: usize) {
        if !self.updated.contains(&index) {
            self.updated.push(index);
        }
    }

    fn vertex(&mut self, vertex: &Vertex) {
        let index = self.index(&vertex.digest);
        let step = &mut self.steps[index];
        let told =
            step.name == vertex.name && step.cached == vertex.cached && step.error == vertex.error;
        step.name.clone_from(&vertex.name);
        step.cached = vertex.cached;
        step.error.clone_from(&vertex.error);
        let Some(start) = vertex.started.as_ref().map(nanos) else {
            return;
        };
        let span = (start, vertex.completed.as_ref().map(nanos));
        // The engine says some things twice: that is no news.
        if told && step.spans.contains(&span) {
            return;
        }
        match step.spans.iter_mut().find(|(begin, _)| *begin == start) {
            Some(known) => *known = span,
            None => step.spans.push(span),
        }
        self.news(index);
    }

    fn status(&mut self, status: &VertexStatus) {
        let index = self.index(&status.vertex);
        let step = &mut self.steps[index];
        let at = match step.statuses.iter().position(|known| known.id == status.id) {
            Some(at) => at,
            None => {
                step.statuses.push(Figure {
                    id: status.id.clone(),
                    ..Figure::default()
                });
                step.statuses.len() - 1
            }
        };
        let figure = &mut step.statuses[at];
        let completed = status.completed.as_ref().map(nanos);
        if completed.is_some() && figure.completed == completed && figure.current == status.current
        {
            return;
        }
        figure.current = status.current;
        figure.total = status.total;
        figure.time = status.timestamp.as_ref().map(nanos).unwrap_or_default();
        figure.started = status.started.as_ref().map(nanos);
        figure.completed = completed;
        figure.fresh = true;
        self.news(index);
    }

    fn warning(&mut self, warning: &VertexWarning) {
        let index = self.index(&warning.vertex);
        let short = String::from_utf8_lossy(&warning.short).into_owned();
        self.steps[index].warnings.push(short);
        self.warnings.push(warning.clone());
        self.news(index);
    }

    /// Lines begin with the time since the step's start.
    fn log(&mut self, log: &VertexLog) {
        let index = self.index(&log.vertex);
        let step = &mut self.steps[index];
        let time = log.timestamp.as_ref().map(nanos).unwrap_or_default();
        let start = step.spans.last().map_or(time, |(start, _)| *start);
        let stamp = stamp((time - start) as f64 / 1e9);
        let text = String::from_utf8_lossy(&log.msg);
        for line in text.split_inclusive('\n') {
            let (body, whole) = match line.strip_suffix('\n') {
                Some(body) => (body, true),
                None => (line, false),
            };
            let body = body.strip_suffix('\r').unwrap_or(body);
            if step.partial {
                if let Some(last) = step.lines.last_mut() {
                    last.push_str(body);
                }
                if let Some(last) = step.tail.back_mut() {
                    last.push_str(body);
                }
            } else {
                let line = format!("{stamp} {body}");
                step.tail.push_back(line.clone());
                if step.tail.len() > TAIL {
                    step.tail.pop_front();
                }
                step.lines.push(line);
            }
            step.partial = !whole;
        }
        self.news(index);
    }
}

/// Seconds with as many digits as there is room for.
fn stamp(seconds: f64) -> String {
    let digits = match seconds {
        s if s < 10.0 => 3,
        s if s < 100.0 => 2,
        _ => 1,
    };
    format!("{seconds:.digits$}")
}

/// Nanoseconds since 1970.
pub(crate) fn nanos(time: &Timestamp) -> i64 {
    time.seconds.saturating_mul(1_000_000_000) + i64::from(time.nanos)
}

/// Now, in nanoseconds since 1970.
pub(super) fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// Bytes with two digits behind the point, in thousands.
pub(super) fn bytes(count: i64) -> String {
    let mut value = count as f64;
    if value < 1000.0 {
        return format!("{count}B");
    }
    let mut unit = "kB";
    value /= 1000.0;
    for next in ["MB", "GB", "TB", "PB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.2}{unit}")
}
