//! A terminal, redrawn: a line per step with its time, and the last of its log while it runs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;

use super::plain::described;
use super::trace::{Step, Trace, now};

/// How often it is drawn anew.
const PACE: Duration = Duration::from_millis(80);
/// Lines of the log of a step that runs.
const LOG_LINES: usize = 6;
const BLUE: &str = "\x1b[34m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

pub(super) struct Screen {
    builder: String,
    began: i64,
    drawn: Option<Instant>,
    /// Lines on the screen that are ours.
    height: usize,
}

/// A line and its colour.
struct Line {
    text: String,
    colour: &'static str,
    /// It belongs to a step that is done.
    done: bool,
}

impl Screen {
    pub(super) fn new(builder: &str) -> Self {
        Self {
            builder: builder.to_owned(),
            began: now(),
            drawn: None,
            height: 0,
        }
    }

    /// Draws, unless it did a moment ago; the last time for sure.
    pub(super) fn draw(&mut self, trace: &Trace, last: bool) {
        if !last && self.drawn.is_some_and(|drawn| drawn.elapsed() < PACE) {
            return;
        }
        self.drawn = Some(Instant::now());
        let (columns, rows) = tcgetwinsize(std::io::stderr())
            .ok()
            .filter(|size| size.ws_col > 0 && size.ws_row > 0)
            .map_or((80, 24), |size| {
                (usize::from(size.ws_col), usize::from(size.ws_row))
            });
        let text = self.frame(trace, columns, rows, last, now());
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// Leaves the screen to somebody else, as it is.
    pub(super) fn leave(&mut self, trace: &Trace) {
        self.draw(trace, true);
        self.height = 0;
    }

    fn frame(
        &mut self,
        trace: &Trace,
        columns: usize,
        rows: usize,
        last: bool,
        now: i64,
    ) -> String {
        let mut lines = lines(trace, columns, now);
        let room = rows.saturating_sub(2).max(1);
        // What is done gives way to what is going on; at the end all is shown.
        while !last && lines.len() > room {
            let at = lines.iter().position(|line| line.done).unwrap_or(0);
            lines.remove(at);
        }
        let mut out = String::from("\x1b[?25l");
        if self.height > 0 {
            let _ = write!(out, "\x1b[{}A", self.height);
        }
        let _ = writeln!(
            out,
            "\r\x1b[0m\x1b[2K{}",
            self.head(trace, columns, last, now)
        );
        for line in &lines {
            let reset = if line.colour.is_empty() { "" } else { RESET };
            let _ = writeln!(out, "\x1b[2K{}{}{reset}", line.colour, line.text);
        }
        // What stands below from before goes.
        out.push_str("\x1b[J\x1b[?25h");
        self.height = lines.len() + 1;
        out
    }

    fn head(&self, trace: &Trace, columns: usize, last: bool, now: i64) -> String {
        let steps = trace.steps.iter().filter(|step| !step.name.is_empty());
        let total = steps.clone().count();
        let done = steps.filter(|step| step.is_completed()).count();
        let seconds = (now - self.began) as f64 / 1e9;
        let state = if last { " FINISHED" } else { "" };
        let left = format!("[+] Building {seconds:.1}s ({done}/{total}){state}");
        let right = if self.builder.is_empty() {
            String::new()
        } else {
            format!("docker:{}", self.builder)
        };
        spread(&left, &right, columns)
    }
}

fn lines(trace: &Trace, columns: usize, now: i64) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut steps: Vec<&Step> = trace.steps.iter().filter(|s| s.is_started()).collect();
    steps.sort_by_key(|step| step.spans.first().map(|span| span.0));
    for step in steps {
        let done = step.is_completed();
        let mark = match step {
            step if step.is_cancelled() => "CANCELED ",
            step if !step.error.is_empty() => "ERROR ",
            step if step.cached => "CACHED ",
            _ => "",
        };
        let colour = match (step.error.is_empty(), done) {
            (false, _) => RED,
            (true, true) => BLUE,
            (true, false) => "",
        };
        let mut push = |left: String, seconds: f64| {
            lines.push(Line {
                text: spread(&left, &format!("{seconds:.1}s"), columns),
                colour,
                done,
            });
        };
        push(format!(" => {mark}{}", step.name), step.seconds(now));
        for figure in &step.statuses {
            let mut bare = figure.clone();
            let seconds = bare.started.map_or(0.0, |started| {
                (bare.completed.unwrap_or(now) - started) as f64 / 1e9
            });
            // Its time has a column of its own here.
            (bare.started, bare.completed) = (None, None);
            push(format!(" => => {}", described(&bare)), seconds);
        }
        if !done {
            let skip = step.tail.len().saturating_sub(LOG_LINES);
            for line in step.tail.iter().skip(skip) {
                let body = line.split_once(' ').map_or(line.as_str(), |(_, body)| body);
                lines.push(Line {
                    text: cut(&format!(" => => # {}", printable(body)), columns),
                    colour: "",
                    done,
                });
            }
        }
    }
    lines
}

/// Output of a step must not move the cursor.
fn printable(text: &str) -> String {
    let last = text.rsplit('\r').next().unwrap_or(text);
    last.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

/// Two texts, one at each edge.
fn spread(left: &str, right: &str, columns: usize) -> String {
    let room = columns.saturating_sub(right.chars().count() + 1);
    let left = cut(left, room);
    format!("{left:room$} {right}")
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let head: String = text.chars().take(room.saturating_sub(3)).collect();
    head + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, spans: &[(i64, Option<i64>)]) -> Step {
        Step {
            name: name.to_owned(),
            spans: spans.to_vec(),
            ..Step::default()
        }
    }

    #[test]
    fn a_line_a_step_with_its_time_at_the_edge() {
        let second = 1_000_000_000;
        let mut trace = Trace::default();
        trace.steps = vec![
            step("[1/2] FROM busybox", &[(0, Some(second / 2))]),
            step("[2/2] RUN make", &[(second, None)]),
            step("exporting to image", &[]),
        ];
        trace.steps[1]
            .tail
            .push_back("0.100 cc\tmain.c\u{1b}[2J".to_owned());
        let mut screen = Screen::new("default");
        screen.began = 0;
        let frame = screen.frame(&trace, 40, 24, false, 3 * second);
        let plain: Vec<&str> = frame.lines().collect();
        assert!(
            plain[0].ends_with("[+] Building 3.0s (1/3)   docker:default"),
            "{frame:?}"
        );
        assert_eq!(
            plain[1],
            "\x1b[2K\x1b[34m => [1/2] FROM busybox              0.5s\x1b[0m"
        );
        assert_eq!(plain[2], "\x1b[2K => [2/2] RUN make                  2.0s");
        assert_eq!(plain[3], "\x1b[2K => => # cc main.c[2J");
        // The next frame begins where this one did.
        let frame = screen.frame(&trace, 60, 24, true, 3 * second);
        assert!(frame.starts_with("\x1b[?25l\x1b[4A\r"), "{frame:?}");
        assert!(frame.contains("(1/3) FINISHED"));
    }

    #[test]
    fn what_is_done_gives_way_on_a_small_screen() {
        let mut trace = Trace::default();
        for i in 0..10 {
            trace
                .steps
                .push(step(&format!("done {i}"), &[(i, Some(i + 1))]));
        }
        trace.steps.push(step("going", &[(0, None)]));
        let frame = Screen::new("").frame(&trace, 40, 6, false, 20);
        assert_eq!(frame.matches("done").count(), 3);
        assert!(frame.contains("going"));
    }
}
