//! `gantry buildx inspect`

use std::fmt::Write as _;

use gantry_build_client::proto::moby::buildkit::v1::types::{GcPolicy, WorkerRecord};
use gantry_units::bytes_size;

use super::du::aligned;
use super::ls::listed;
use super::{failure, known};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry buildx inspect`
    pub(crate) struct Inspect {
        /// Ensure builder has booted before inspecting
        "bootstrap" => bootstrap: bool,
        /// Override the configured builder instance
        "builder" => builder: String,
    }
}

impl Command for Inspect {
    const USAGE: &'static str = "[NAME]";
    const ABOUT: &'static str = "Inspect current builder instance";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        // The engine is its own builder and needs no booting.
        let wanted = words.first().unwrap_or(&self.builder);
        let name = known(session, wanted)?;
        let builder = super::builder(session).await?;
        let workers = builder.workers().await.map_err(|e| failure(&e))?;
        let version = builder.version().await.map_err(|e| failure(&e))?;
        let head = aligned(&format!("Name:\t{name}\nDriver:\tdocker\n"));
        let mut text = format!("{head}\nNodes:\n");
        let mut node = format!(
            "Name:\t{name}\nEndpoint:\t{name}\nStatus:\trunning\nBuildKit version:\t{version}\n"
        );
        for worker in &workers {
            described(&mut node, worker);
        }
        text.push_str(&aligned(&node));
        for worker in &workers {
            text.push_str(&more(worker));
        }
        output::print(text);
        Ok(())
    }
}

fn described(out: &mut String, worker: &WorkerRecord) {
    let _ = writeln!(out, "Platforms:\t{}", listed(&worker.platforms));
}

fn more(worker: &WorkerRecord) -> String {
    let mut out = String::new();
    if !worker.labels.is_empty() {
        out.push_str("Labels:\n");
        let mut labels: Vec<_> = worker.labels.iter().collect();
        labels.sort();
        let rows: String = labels
            .iter()
            .map(|(key, value)| format!(" {key}:\t{value}\n"))
            .collect();
        out.push_str(&aligned(&rows));
    }
    for (number, policy) in worker.gc_policy.iter().enumerate() {
        let _ = writeln!(out, "GC Policy rule#{number}:");
        out.push_str(&aligned(&rule(policy)));
    }
    out
}

fn rule(policy: &GcPolicy) -> String {
    let mut out = format!(" All:\t{}\n", policy.all);
    if !policy.filters.is_empty() {
        let _ = writeln!(out, " Filters:\t{}", policy.filters.join(","));
    }
    if policy.keep_duration > 0 {
        let _ = writeln!(out, " Keep Duration:\t{}", hours(policy.keep_duration));
    }
    for (name, bytes) in [
        ("Reserved Space", policy.reserved_space),
        ("Max Used Space", policy.max_used_space),
        ("Min Free Space", policy.min_free_space),
    ] {
        if bytes > 0 {
            let _ = writeln!(out, " {name}:\t{}", bytes_size(bytes as f64));
        }
    }
    out
}

/// Nanoseconds as Go prints them: `48h0m0s`.
fn hours(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_shown_as_buildx_shows_it() {
        let policy = GcPolicy {
            filters: vec!["type==source.local".to_owned()],
            keep_duration: 172_800_000_000_000,
            max_used_space: 1 << 30,
            ..GcPolicy::default()
        };
        assert_eq!(
            aligned(&rule(&policy)),
            " All:            false\n Filters:        type==source.local\n \
             Keep Duration:  48h0m0s\n Max Used Space: 1GiB\n"
        );
    }
}
