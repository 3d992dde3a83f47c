//! Progress of pulls and loads: bars for people, lines for programs.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};

use gantry_api_types::JsonMessage;
use gantry_client::{Error, Response};
use gantry_units::human_size_with_precision;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

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
    let mut screen = target.is_terminal().then(|| Bars::new(target));
    while let Some(message) = messages.next().await? {
        if let Some(error) = failure_of(&message) {
            drop(screen);
            return Err(Failure::from(Error::Progress { message: error }));
        }
        match &mut screen {
            Some(bars) => bars.show(&message),
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
        .is_some_and(|detail| detail.current > 0);
    if message.status.is_empty() || counts || !message.progress.is_empty() {
        return String::new();
    }
    if message.id.is_empty() {
        format!("{}\n", message.status)
    } else {
        format!("{}: {}\n", message.id, message.status)
    }
}

/// One line on the screen per layer.
struct Bars {
    all: MultiProgress,
    layers: HashMap<String, ProgressBar>,
}

impl Bars {
    fn new(target: Target) -> Self {
        let draw = match target {
            Target::Output => ProgressDrawTarget::stdout(),
            _ => ProgressDrawTarget::stderr(),
        };
        Self {
            all: MultiProgress::with_draw_target(draw),
            layers: HashMap::new(),
        }
    }

    fn show(&mut self, message: &JsonMessage) {
        if message.id.is_empty() || message.progress_detail.is_none() {
            let text = plain(message);
            // A line above the bars stays where it is.
            let _ = self.all.println(text.trim_end_matches('\n'));
            return;
        }
        let (all, id) = (&self.all, &message.id);
        let bar = self.layers.entry(id.clone()).or_insert_with(|| {
            let bar = all.add(ProgressBar::no_length());
            bar.set_style(style("{prefix}: {msg}"));
            bar.set_prefix(id.clone());
            bar
        });
        update(bar, message);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.layers.values() {
            bar.abandon();
        }
    }
}

fn update(bar: &ProgressBar, message: &JsonMessage) {
    let detail = message.progress_detail.clone().unwrap_or_default();
    if detail.total > 0 {
        let figures = format!(
            "{}/{}",
            human_size_with_precision(detail.current as f64, 4),
            human_size_with_precision(detail.total as f64, 4)
        );
        bar.set_style(style(&format!(
            "{{prefix}}: {{msg}} [{{bar:50}}]  {figures}"
        )));
        bar.set_length(u64::try_from(detail.total).unwrap_or(0));
        bar.set_position(u64::try_from(detail.current).unwrap_or(0));
    } else {
        bar.set_style(style("{prefix}: {msg}"));
    }
    bar.set_message(message.status.clone());
    bar.tick();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
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
            plain(&JsonMessage::progress("abc", "Downloading", 5, 10)),
            ""
        );
        assert_eq!(
            plain(&JsonMessage::stream("Loaded image: x:latest\n")),
            "Loaded image: x:latest\n"
        );
    }
}
