//! Progress of pulls and loads: bars for people, lines for programs.

use std::io::{IsTerminal as _, Write as _};

use gantry_api_types::{JsonMessage, ProgressDetail};
use gantry_client::{Error, Response};
use gantry_units::human_size;
use rustix::termios::tcgetwinsize;

use crate::failure::Failure;
use crate::output;

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Output,
    Error,
    /// Nowhere; failures still count.
    Nowhere,
}

impl Target {
    fn is_terminal(self) -> bool {
        match self {
            Self::Output => std::io::stdout().is_terminal(),
            Self::Error => std::io::stderr().is_terminal(),
            Self::Nowhere => false,
        }
    }

    fn write(self, text: &str) {
        match self {
            Self::Output => output::print(text),
            // Nothing can be done about a closed standard error.
            Self::Error => drop(std::io::stderr().write_all(text.as_bytes())),
            Self::Nowhere => {}
        }
    }
}

/// Shows a progress stream to its end; an error in it is the result.
pub(crate) async fn show(response: Response, target: Target) -> Result<(), Failure> {
    let mut messages = response.json_lines::<JsonMessage>();
    let mut screen = target.is_terminal().then(|| Screen::new(target));
    while let Some(message) = messages.next().await? {
        if let Some(error) = failure_of(&message) {
            return Err(Failure::from(Error::Progress { message: error }));
        }
        match &mut screen {
            Some(screen) => screen.show(&message),
            None => target.write(&plain(&message)),
        }
    }
    Ok(())
}

fn failure_of(message: &JsonMessage) -> Option<String> {
    match &message.error_detail {
        Some(detail) => Some(detail.message.clone()),
        None if !message.error.is_empty() => Some(message.error.clone()),
        None => None,
    }
}

/// A line for programs; figures are left out, as they would come by the thousand.
fn plain(message: &JsonMessage) -> String {
    if !message.stream.is_empty() {
        return message.stream.clone();
    }
    let counts = message
        .progress_detail
        .as_ref()
        .is_some_and(|detail| detail.current > 0 || detail.total > 0);
    if message.status.is_empty() || counts || !message.progress.is_empty() {
        return String::new();
    }
    if message.id.is_empty() {
        format!("{}\n", message.status)
    } else {
        format!("{}: {}\n", message.id, message.status)
    }
}

/// The last lines of the screen: one per layer, written anew whenever it has news.
struct Screen {
    target: Target,
    columns: usize,
    lines: Vec<String>,
}

impl Screen {
    fn new(target: Target) -> Self {
        let size = match target {
            Target::Output => tcgetwinsize(std::io::stdout()),
            _ => tcgetwinsize(std::io::stderr()),
        };
        let columns = size.map_or(80, |size| usize::from(size.ws_col));
        Self {
            target,
            columns,
            lines: Vec::new(),
        }
    }

    fn show(&mut self, message: &JsonMessage) {
        let text = self.text(message);
        self.target.write(&text);
    }

    /// What to write, the cursor being below all lines before and after.
    fn text(&mut self, message: &JsonMessage) -> String {
        let Some(detail) = message
            .progress_detail
            .as_ref()
            .filter(|_| !message.id.is_empty())
        else {
            // What is above now stays as it is.
            self.lines.clear();
            return plain(message);
        };
        let known = self.lines.iter().position(|id| *id == message.id);
        if known.is_none() {
            self.lines.push(message.id.clone());
        }
        // A new line begins at the bottom.
        let start = if known.is_none() { "\n" } else { "" };
        let up = known.map_or(1, |line| self.lines.len() - line);
        let text = format!(
            "{}: {} {}",
            message.id,
            message.status,
            bar(detail, self.columns)
        );
        let text: String = text.trim_end().chars().take(self.columns.max(1)).collect();
        format!("{start}\x1b[{up}A\r\x1b[2K{text}\r\x1b[{up}B")
    }
}

/// `[=====>     ]  1.2MB/3.4MB`, the bar only where there is room for it.
fn bar(detail: &ProgressDetail, columns: usize) -> String {
    const LENGTH: usize = 50;
    const ROOM: usize = 110;
    let size = |bytes: i64| human_size(bytes as f64);
    if detail.total <= 0 {
        return if detail.current > 0 {
            format!("{:>8}", size(detail.current))
        } else {
            String::new()
        };
    }
    let done = (detail.current.max(0) as f64 / detail.total as f64).min(1.0);
    let filled = (done * LENGTH as f64) as usize;
    let figures = format!("{:>8}/{}", size(detail.current), size(detail.total));
    if columns <= ROOM {
        return figures;
    }
    format!(
        "[{}>{}] {figures}",
        "=".repeat(filled),
        " ".repeat(LENGTH - filled)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_docker_s_lines_without_figures() {
        assert_eq!(
            plain(&JsonMessage::status("Digest: sha256:1")),
            "Digest: sha256:1\n"
        );
        let mut pulling = JsonMessage::status("Pulling from library/nginx");
        pulling.id = "latest".to_owned();
        assert_eq!(plain(&pulling), "latest: Pulling from library/nginx\n");
        assert_eq!(
            plain(&JsonMessage::step("abc", "Pulling fs layer")),
            "abc: Pulling fs layer\n"
        );
        assert_eq!(
            plain(&JsonMessage::progress("abc", "Downloading", 0, 10)),
            ""
        );
        assert_eq!(
            plain(&JsonMessage::stream("Loaded image: x:latest\n")),
            "Loaded image: x:latest\n"
        );
    }

    #[test]
    fn people_get_a_line_per_layer_that_is_kept_up_to_date() {
        let mut screen = Screen {
            target: Target::Nowhere,
            columns: 120,
            lines: Vec::new(),
        };
        let step = JsonMessage::step;
        assert_eq!(
            screen.text(&step("a", "Waiting")),
            "\n\x1b[1A\r\x1b[2Ka: Waiting\r\x1b[1B"
        );
        assert_eq!(
            screen.text(&step("b", "Waiting")),
            "\n\x1b[1A\r\x1b[2Kb: Waiting\r\x1b[1B"
        );
        let half = screen.text(&JsonMessage::progress("a", "Downloading", 500, 1000));
        let bar = format!("[{}>{}]     500B/1kB", "=".repeat(25), " ".repeat(25));
        assert_eq!(
            half,
            format!("\x1b[2A\r\x1b[2Ka: Downloading {bar}\r\x1b[2B")
        );
        assert_eq!(
            screen.text(&JsonMessage::status("Digest: x")),
            "Digest: x\n"
        );
        assert!(screen.lines.is_empty());
    }
}
