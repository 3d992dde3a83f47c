//! What a build shows while it runs: on standard error, as BuildKit's own clients print it.
//!
//! - [`trace`] keeps what the engine told: steps, their logs, figures and warnings.
//! - [`plain`] prints lines as they come, a block per step.
//! - [`screen`] redraws a terminal: a line per step, with its time.
//! - [`raw`] passes everything on as JSON.
//! - [`ending`] is what is said at the end: a failed step's log, its place in the Dockerfile, warnings.

pub(crate) mod ending;
mod plain;
mod raw;
mod screen;
mod trace;

use std::io::{IsTerminal as _, Write};

use gantry_build_client::proto::moby::buildkit::v1::StatusResponse;

use plain::Plain;
use screen::Screen;
pub(crate) use trace::Trace;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Terminal,
    RawJson,
    Quiet,
}

impl Mode {
    /// Reads `--progress`.
    pub(crate) fn parse(text: &str, quiet: bool) -> Result<Self, String> {
        if quiet {
            return match text {
                "" | "auto" | "quiet" | "none" => Ok(Self::Quiet),
                other => Err(format!(
                    "progress={other} and quiet cannot be used together"
                )),
            };
        }
        match text {
            "" | "auto" if std::io::stderr().is_terminal() => Ok(Self::Terminal),
            "" | "auto" | "plain" => Ok(Self::Plain),
            "tty" => Ok(Self::Terminal),
            "rawjson" => Ok(Self::RawJson),
            "quiet" | "none" => Ok(Self::Quiet),
            other => Err(format!("invalid progress type {other}")),
        }
    }
}

/// Shows one build.
pub(crate) struct Display {
    trace: Trace,
    view: View,
}

enum View {
    Plain(Plain),
    Screen(Screen),
    RawJson,
    Quiet,
}

impl Display {
    /// Begins; `builder` is the context that builds.
    pub(crate) fn new(mode: Mode, builder: &str) -> Self {
        let view = match mode {
            Mode::Plain => {
                print(&format!(
                    "#0 building with \"{builder}\" instance using docker driver\n"
                ));
                View::Plain(Plain::after_a_line())
            }
            Mode::Terminal => View::Screen(Screen::new(builder)),
            Mode::RawJson => View::RawJson,
            Mode::Quiet => View::Quiet,
        };
        Self {
            trace: Trace::default(),
            view,
        }
    }

    /// Only shows what was; no line on who builds.
    pub(crate) fn replay(mode: Mode) -> Self {
        let view = match mode {
            Mode::Plain => View::Plain(Plain::default()),
            Mode::Terminal => View::Screen(Screen::new("")),
            Mode::RawJson => View::RawJson,
            Mode::Quiet => View::Quiet,
        };
        Self {
            trace: Trace::default(),
            view,
        }
    }

    /// Takes in what the engine tells.
    pub(crate) fn update(&mut self, message: &StatusResponse) {
        self.trace.update(message);
        match &mut self.view {
            View::Plain(plain) => print(&plain.text(&mut self.trace)),
            View::Screen(screen) => screen.draw(&self.trace, false),
            View::RawJson => print(&raw::line(message)),
            View::Quiet => {}
        }
    }

    /// Leaves the terminal to somebody else for a while.
    pub(crate) fn leave(&mut self) {
        match &mut self.view {
            View::Plain(plain) => print(&plain.text(&mut self.trace)),
            View::Screen(screen) => screen.leave(&self.trace),
            View::RawJson | View::Quiet => {}
        }
    }

    /// The last of it.
    pub(crate) fn finish(&mut self, failed: bool) {
        match &mut self.view {
            View::Plain(plain) => print(&plain.rest(&mut self.trace)),
            View::Screen(screen) => screen.draw(&self.trace, true),
            View::RawJson | View::Quiet => {}
        }
        if failed && !matches!(self.view, View::RawJson) {
            print(&ending::failed_steps(&self.trace));
        }
    }

    /// Warnings, where people read them.
    pub(crate) fn warn(&self, debug: bool) {
        if matches!(self.view, View::Plain(_) | View::Screen(_)) {
            print(&ending::warnings(&self.trace, debug));
        }
    }
}

/// To standard error; nothing can be done about a closed one.
fn print(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
