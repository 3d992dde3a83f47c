//! Lines for programs and logs: a block per step, with its number.

use std::fmt::Write as _;

use super::trace::{Figure, Step, Trace, bytes, now};

/// A step that has news is printed after this time, even while another one is not done.
const PATIENCE: i64 = 5_000_000_000;
/// A figure is printed again when it moved by this share, or after this time.
const SHARE: f64 = 0.05;

/// What was printed so far.
#[derive(Debug, Default)]
pub(super) struct Plain {
    /// The step of which the block is open.
    current: Option<usize>,
    /// Since when.
    since: i64,
    numbers: usize,
    /// Something stands above.
    begun: bool,
}

impl Plain {
    /// Something was printed before.
    pub(super) fn after_a_line() -> Self {
        Self {
            begun: true,
            ..Self::default()
        }
    }

    /// What to print now.
    pub(super) fn text(&mut self, trace: &mut Trace) -> String {
        let mut out = String::new();
        let mut updated = std::mem::take(&mut trace.updated);
        // The open block goes on first, then all that is done.
        updated.sort_by_key(|index| Some(*index) != self.current);
        let (done, going): (Vec<usize>, Vec<usize>) = updated
            .into_iter()
            .partition(|index| trace.steps[*index].is_completed());
        for index in done {
            self.step(&mut out, trace, index);
        }
        let mut waiting = Vec::new();
        for index in going {
            let free = self.current.is_none_or(|current| current == index);
            let patient = now() - self.since < PATIENCE;
            if trace.steps[index].is_started() && (free || !patient) {
                self.step(&mut out, trace, index);
            } else {
                waiting.push(index);
            }
        }
        trace.updated.extend(waiting);
        out
    }

    /// Everything that was held back.
    pub(super) fn rest(&mut self, trace: &mut Trace) -> String {
        let mut out = String::new();
        for index in std::mem::take(&mut trace.updated) {
            if trace.steps[index].is_started() {
                self.step(&mut out, trace, index);
            }
        }
        out
    }

    fn step(&mut self, out: &mut String, trace: &mut Trace, index: usize) {
        if trace.steps[index].number == 0 {
            self.numbers += 1;
            trace.steps[index].number = self.numbers;
        }
        if self.current != Some(index) {
            self.turn_to(out, trace, index);
        }
        let step = &mut trace.steps[index];
        let number = step.number;
        let mut open = false;
        for figure in &mut step.statuses {
            if figure.fresh && is_worth_printing(figure) {
                figure.printed = Some((figure.time, figure.current));
                let _ = writeln!(out, "#{number} {}", described(figure));
            }
            figure.fresh = false;
            open |= figure.completed.is_none();
        }
        for warning in step.warnings.drain(..) {
            let _ = writeln!(out, "#{number} WARN: {warning}");
        }
        let done = step.is_completed();
        // A line that may go on waits for its end.
        let held = (step.partial && !done).then(|| step.lines.pop()).flatten();
        for line in step.lines.drain(..) {
            let _ = writeln!(out, "#{number} {line}");
        }
        step.lines.extend(held);
        if done && (!open || !step.error.is_empty() || step.cached) {
            self.current = None;
            let _ = writeln!(out, "#{number} {}", ended(step));
        }
    }

    fn turn_to(&mut self, out: &mut String, trace: &Trace, index: usize) {
        if let Some(current) = self.current {
            let _ = writeln!(out, "#{} ...", trace.steps[current].number);
        }
        if self.begun {
            out.push('\n');
        }
        self.begun = true;
        self.current = Some(index);
        self.since = now();
        let step = &trace.steps[index];
        let _ = writeln!(out, "#{} {}", step.number, step.name);
    }
}

fn ended(step: &Step) -> String {
    if step.is_cancelled() {
        "CANCELED".to_owned()
    } else if !step.error.is_empty() {
        format!("ERROR: {}", step.error)
    } else if step.cached {
        "CACHED".to_owned()
    } else {
        format!("DONE {:.1}s", step.seconds(0))
    }
}

fn is_worth_printing(figure: &Figure) -> bool {
    let Some((time, current)) = figure.printed else {
        return true;
    };
    if figure.completed.is_some() {
        return true;
    }
    let moved = (figure.current - current) as f64;
    (figure.total > 0 && moved / figure.total as f64 >= SHARE) || figure.time - time >= PATIENCE
}

/// `sha256:12 3.15MB / 20.97MB 0.2s done`
pub(super) fn described(figure: &Figure) -> String {
    let mut text = figure.id.clone();
    if figure.total != 0 {
        let _ = write!(text, " {} / {}", bytes(figure.current), bytes(figure.total));
    } else if figure.current != 0 {
        let _ = write!(text, " {}", bytes(figure.current));
    }
    if let Some(started) = figure.started {
        let seconds = (figure.completed.unwrap_or(figure.time) - started) as f64 / 1e9;
        if seconds > 0.01 {
            let _ = write!(text, " {seconds:.1}s");
        }
    }
    if figure.completed.is_some() {
        text.push_str(" done");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_build_client::proto::google::protobuf::Timestamp;
    use gantry_build_client::proto::moby::buildkit::v1 as proto;
    use proto::{StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning};

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the protocol's times are optional"
    )]
    fn at(millis: i64) -> Option<Timestamp> {
        Some(Timestamp {
            seconds: millis / 1000,
            nanos: (millis % 1000) as i32 * 1_000_000,
        })
    }

    fn vertex(digest: &str, name: &str, start: i64, end: i64) -> Vertex {
        Vertex {
            digest: digest.to_owned(),
            name: name.to_owned(),
            started: (start >= 0).then(|| at(start)).flatten(),
            completed: (end >= 0).then(|| at(end)).flatten(),
            ..Vertex::default()
        }
    }

    fn log(vertex: &str, time: i64, text: &str) -> StatusResponse {
        StatusResponse {
            logs: vec![VertexLog {
                vertex: vertex.to_owned(),
                timestamp: at(time),
                stream: 1,
                msg: text.into(),
            }],
            ..StatusResponse::default()
        }
    }

    fn vertices(vertexes: Vec<Vertex>) -> StatusResponse {
        StatusResponse {
            vertexes,
            ..StatusResponse::default()
        }
    }

    fn shown(messages: Vec<StatusResponse>) -> String {
        let (mut trace, mut plain) = (Trace::default(), Plain::after_a_line());
        let mut text = String::new();
        for message in messages {
            trace.update(&message);
            text.push_str(&plain.text(&mut trace));
        }
        text + &plain.rest(&mut trace)
    }

    #[test]
    fn steps_are_printed_as_buildkit_s_clients_print_them() {
        let failed = Vertex {
            error: "process \"/bin/sh -c false\" did not complete successfully: exit code: 1"
                .to_owned(),
            ..vertex("c", "[3/4] RUN false", 1000, 1400)
        };
        let cached = Vertex {
            cached: true,
            ..vertex("b", "[2/4] RUN echo a", 900, 901)
        };
        let status = |current, end| VertexStatus {
            id: "transferring dockerfile:".to_owned(),
            vertex: "a".to_owned(),
            current,
            timestamp: at(10),
            started: at(10),
            completed: if end { at(11) } else { None },
            ..VertexStatus::default()
        };
        let text = shown(vec![
            vertices(vec![
                vertex("a", "[internal] load build definition from F2", 0, -1),
                vertex("d", "[4/4] RUN echo b", -1, -1),
            ]),
            StatusResponse {
                statuses: vec![status(85, true)],
                ..StatusResponse::default()
            },
            vertices(vec![vertex(
                "a",
                "[internal] load build definition from F2",
                0,
                40,
            )]),
            vertices(vec![cached]),
            vertices(vec![vertex("c", "[3/4] RUN false", 1000, -1)]),
            log("c", 1216, "some\npar"),
            log("c", 1300, "tial"),
            vertices(vec![failed]),
        ]);
        assert_eq!(
            text,
            "\n#1 [internal] load build definition from F2\n\
             #1 transferring dockerfile: 85B done\n\
             #1 DONE 0.0s\n\
             \n#2 [2/4] RUN echo a\n\
             #2 CACHED\n\
             \n#3 [3/4] RUN false\n\
             #3 0.216 some\n\
             #3 0.216 partial\n\
             #3 ERROR: process \"/bin/sh -c false\" did not complete successfully: exit code: 1\n"
        );
    }

    #[test]
    fn a_step_that_runs_beside_another_waits_for_its_turn() {
        let text = shown(vec![
            vertices(vec![vertex("a", "one", 0, -1), vertex("b", "two", 0, -1)]),
            log("b", 100, "of two\n"),
            log("a", 200, "of one\n"),
            vertices(vec![vertex("a", "one", 0, 300)]),
            vertices(vec![vertex("b", "two", 0, 500)]),
        ]);
        assert_eq!(
            text,
            "\n#1 one\n#1 0.200 of one\n#1 DONE 0.3s\n\n#2 two\n#2 0.100 of two\n#2 DONE 0.5s\n"
        );
    }

    #[test]
    fn what_is_said_twice_is_printed_once() {
        let status = VertexStatus {
            id: "transferring context:".to_owned(),
            vertex: "a".to_owned(),
            current: 2,
            timestamp: at(10),
            started: at(10),
            completed: at(11),
            ..VertexStatus::default()
        };
        let message = || StatusResponse {
            statuses: vec![status.clone()],
            vertexes: vec![vertex("a", "one", 0, 20)],
            ..StatusResponse::default()
        };
        let text = shown(vec![
            message(),
            vertices(vec![vertex("b", "two", 20, 30)]),
            message(),
        ]);
        assert_eq!(
            text,
            "\n#1 one\n#1 transferring context: 2B done\n#1 DONE 0.0s\n\n#2 two\n#2 DONE 0.0s\n"
        );
    }

    #[test]
    fn warnings_stand_in_their_step() {
        let warning = VertexWarning {
            vertex: "a".to_owned(),
            short: b"JSONArgsRecommended: no (line 8)".to_vec(),
            ..VertexWarning::default()
        };
        let text = shown(vec![
            vertices(vec![vertex("a", "one", 0, 20)]),
            StatusResponse {
                warnings: vec![warning],
                vertexes: vec![vertex("a", "one", 0, -1)],
                ..StatusResponse::default()
            },
        ]);
        assert!(
            text.contains("#1 WARN: JSONArgsRecommended: no (line 8)\n"),
            "{text}"
        );
    }

    #[test]
    fn figures_have_two_digits() {
        let figure = Figure {
            id: "sha256:12".to_owned(),
            current: 3_150_000,
            total: 20_970_000,
            started: Some(0),
            time: 230_000_000,
            ..Figure::default()
        };
        assert_eq!(described(&figure), "sha256:12 3.15MB / 20.97MB 0.2s");
    }
}
