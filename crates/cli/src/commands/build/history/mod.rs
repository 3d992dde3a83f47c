//! `gantry buildx history`: builds of the past.

mod attachment;
mod export;
mod inspect;
mod record;
mod trace;

pub(crate) use attachment::Attachment;
pub(crate) use export::Export;
pub(crate) use inspect::Inspect;
pub(crate) use trace::Trace;

use gantry_build_client::HistoryRecord;
use gantry_build_client::proto::google::protobuf::Timestamp;

use super::du::age;
use super::{builder, failure, known};
use crate::build::display::{Display, Mode};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::output;
use crate::session::Session;
use crate::table;

flags! {
    /// `gantry buildx history ls`
    pub(crate) struct List {
        /// Override the configured builder instance
        "builder" => builder: String,
        /// Provide filter values (e.g., "status=error")
        "filter" => filter: FilterList,
        /// Print only the IDs
        "quiet" 'q' => quiet: bool,
    }
}

flags! {
    /// `gantry buildx history rm`
    pub(crate) struct Remove {
        /// Remove all build records
        "all" => all: bool,
        /// Override the configured builder instance
        "builder" => builder: String,
    }
}

flags! {
    /// `gantry buildx history logs`
    pub(crate) struct Logs {
        /// Override the configured builder instance
        "builder" => builder: String,
        /// Set type of progress output (plain, rawjson, tty)
        "progress" => progress: String = "plain".to_owned(); "\"plain\"",
    }
}

impl Command for List {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "List build records";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        let conditions = self.filter.iter().map(|filter| condition(filter));
        let conditions: Vec<String> = conditions.collect::<Result<_, _>>()?;
        let records = records(session, &conditions.join(",")).await?;
        if self.quiet {
            let ids: String = records.iter().map(|r| format!("{}\n", r.r#ref)).collect();
            output::print(ids);
            return Ok(());
        }
        let mut text = "BUILD ID\tNAME\tSTATUS\tCREATED AT\tDURATION\n".to_owned();
        for record in &records {
            text.push_str(&row(record));
        }
        output::print(table::align(&text));
        Ok(())
    }
}

impl Command for Remove {
    const USAGE: &'static str = "[OPTIONS] [REF...]";
    const ABOUT: &'static str = "Remove build records";
    const WORDS: Arity = Arity::AtLeast(0);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        if words.is_empty() != self.all {
            return Err(Failure::new(if self.all {
                "ERROR: rm requires either --all or at least one argument, not both"
            } else {
                "ERROR: rm requires at least one argument"
            }));
        }
        let builder = builder(session).await?;
        let records = records(session, "").await?;
        let mut failures = Vec::new();
        let mut ids: Vec<String> = Vec::new();
        if self.all {
            ids.extend(records.iter().map(|record| record.r#ref.clone()));
        }
        for word in &words {
            match named(&records, word) {
                Ok(record) => ids.push(record.r#ref.clone()),
                Err(error) => failures.push(error),
            }
        }
        for id in ids {
            if let Err(error) = builder.forget(&id).await {
                failures.push(failure(&error));
            }
        }
        Failure::join(failures)
    }
}

impl Command for Logs {
    const USAGE: &'static str = "[OPTIONS] [REF]";
    const ABOUT: &'static str = "Print the logs of a build record";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        let mode = Mode::parse(&self.progress, false)
            .map_err(|error| Failure::new(format!("ERROR: {error}")))?;
        let records = records(session, "").await?;
        let word = words.first().map_or("", String::as_str);
        let id = named(&records, word)?.r#ref.clone();
        let mut display = Display::replay(mode);
        let mut update = |message| display.update(&message);
        builder(session)
            .await?
            .replay(&id, &mut update)
            .await
            .map_err(|error| failure(&error))?;
        display.finish(false);
        Ok(())
    }
}

/// All records, the newest first.
async fn records(session: &Session, filter: &str) -> Result<Vec<HistoryRecord>, Failure> {
    let builder = builder(session).await?;
    let records = builder.history("", filter).await;
    let mut records = records.map_err(|error| failure(&error))?;
    records.sort_by_key(|record| std::cmp::Reverse(record.created_at.as_ref().map(nanos)));
    // A record comes again when it changes.
    let mut seen = std::collections::HashSet::new();
    records.retain(|record| seen.insert(record.r#ref.clone()));
    Ok(records)
}

/// `status=error` in the engine's words.
fn condition(filter: &str) -> Result<String, Failure> {
    let operators = ["!=", "<=", ">=", "=", "<", ">"];
    let found = filter.char_indices().find_map(|(at, _)| {
        let operator = operators.iter().find(|op| filter[at..].starts_with(**op))?;
        Some((&filter[..at], *operator, &filter[at + operator.len()..]))
    });
    match found {
        Some(("status", "=", value)) => Ok(format!("status=={value}")),
        // A part of it is enough.
        Some((key, "=", value)) => Ok(format!("{key}~={value}")),
        Some((key, operator, value)) => Ok(format!("{key}{operator}{value}")),
        None => Err(Failure::new(format!("ERROR: invalid filter {filter:?}"))),
    }
}

/// The record of an identifier or of its beginning; the newest one without a word, `^1` the one before.
fn named<'a>(records: &'a [HistoryRecord], word: &str) -> Result<&'a HistoryRecord, Failure> {
    let back = match word {
        "" => Some(0),
        word => word.strip_prefix('^').and_then(|n| n.parse::<usize>().ok()),
    };
    let found = match back {
        Some(back) => records.get(back),
        None => records
            .iter()
            .find(|record| record.r#ref == word)
            .or_else(|| records.iter().find(|record| record.r#ref.starts_with(word))),
    };
    found.ok_or_else(|| {
        Failure::new(if word.is_empty() {
            "ERROR: no records found".to_owned()
        } else {
            format!("ERROR: no record found for ref {word:?}")
        })
    })
}

fn row(record: &HistoryRecord) -> String {
    let status = match (&record.completed_at, &record.error) {
        (_, Some(error)) if error.code == 1 => "Canceled",
        (_, Some(_)) => "Error",
        (None, None) => "Running",
        (Some(_), None) => "Completed",
    };
    let created = record.created_at.as_ref();
    let end = record.completed_at.as_ref().map(nanos);
    let end = end.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond() as i64);
    let seconds = (end - created.map_or(end, nanos)) as f64 / 1e9;
    format!(
        "{}\t{}\t{status}\t{}\t{}\n",
        record.r#ref,
        name(record),
        created.map(age).unwrap_or_default(),
        duration(seconds)
    )
}

/// What was built: its context, Dockerfile and target, as far as they were said.
fn name(record: &HistoryRecord) -> String {
    let attribute = |key: &str| record.frontend_attrs.get(key).map_or("", String::as_str);
    let mut parts = Vec::new();
    let context = attribute("context");
    let context = context
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(context);
    if !context.is_empty() {
        parts.push(context);
    }
    let file = attribute("filename");
    if !file.is_empty() && (file != "Dockerfile" || parts.is_empty()) {
        parts.push(file);
    }
    let name = parts.join("/");
    match attribute("target") {
        "" => name,
        target => format!("{name} ({target})"),
    }
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1}s");
    }
    let whole = seconds as u64;
    format!("{}m {:2}s", whole / 60, whole % 60)
}

fn nanos(time: &Timestamp) -> i64 {
    time.seconds.saturating_mul(1_000_000_000) + i64::from(time.nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_the_beginning_of_their_names() {
        let record = |id: &str| HistoryRecord {
            r#ref: id.to_owned(),
            ..HistoryRecord::default()
        };
        let records = [record("abc1"), record("abd2")];
        assert_eq!(named(&records, "").unwrap().r#ref, "abc1");
        assert_eq!(named(&records, "^1").unwrap().r#ref, "abd2");
        assert_eq!(named(&records, "abd").unwrap().r#ref, "abd2");
        assert_eq!(
            named(&records, "x").unwrap_err().message,
            "ERROR: no record found for ref \"x\""
        );
        assert_eq!(duration(0.44), "0.4s");
        assert_eq!(duration(61.0), "1m  1s");
    }
}
