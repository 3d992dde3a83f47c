//! Progress, as lines of JSON.

use std::sync::Arc;

use gantry_api_types::JsonMessage;
use gantry_image::{Event, Progress};

/// Takes lines; must not block.
pub type Report = Arc<dyn Fn(JsonMessage) + Send + Sync>;

/// Turns the store's reports into lines.
pub(super) struct Lines {
    pub report: Report,
    /// Leave the layers out.
    pub quiet: bool,
}

impl Progress for Lines {
    fn report(&self, event: Event<'_>) {
        match event {
            Event::Status { id, text } => (self.report)(JsonMessage {
                id: id.unwrap_or_default().to_owned(),
                ..JsonMessage::status(text)
            }),
            Event::Layer { .. } if self.quiet => {}
            Event::Layer { id, step } => (self.report)(match step.counts() {
                Some((current, total)) => {
                    JsonMessage::progress(id, step.status(), current as i64, total as i64)
                }
                None => JsonMessage::step(id, step.status()),
            }),
            Event::LayerMounted { .. } if self.quiet => {}
            Event::LayerMounted { id, from } => {
                (self.report)(JsonMessage::step(id, format!("Mounted from {from}")));
            }
            Event::Output(text) => (self.report)(JsonMessage::stream(text)),
        }
    }
}
