//! `gantry buildx du`

use std::fmt::Write as _;

use gantry_build_client::proto::moby::buildkit::v1::UsageRecord;
use gantry_units::{human_duration, human_size};

use super::{builder, failure, known};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::output;
use crate::session::Session;
use crate::table;

flags! {
    /// `gantry buildx du`
    pub(crate) struct DiskUsage {
        /// Override the configured builder instance
        "builder" => builder: String,
        /// Provide filter values
        "filter" => filter: FilterList,
        /// Provide a more verbose output
        "verbose" => verbose: bool,
    }
}

impl Command for DiskUsage {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Disk usage";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        let builder = builder(session).await?;
        let mut records = builder
            .disk_usage(filters(&self.filter))
            .await
            .map_err(|error| failure(&error))?;
        records.sort_by(|a, b| a.size.cmp(&b.size).then_with(|| a.id.cmp(&b.id)));
        let text = if self.verbose {
            records.iter().map(described).collect()
        } else {
            let rows: String = records.iter().map(row).collect();
            table::align(&format!("{HEADING}{rows}"))
        };
        output::print(text + &totals(&records));
        Ok(())
    }
}

/// The columns of [`row`].
pub(super) const HEADING: &str = "ID\tRECLAIMABLE\tSIZE\tLAST ACCESSED\n";

/// Filters in the engine's words: `type=x` is equal, `unused-for` and `until` are ages.
pub(super) fn filters(given: &[String]) -> Vec<String> {
    let conditions: Vec<String> = given
        .iter()
        .filter_map(|filter| {
            let (key, value) = filter.split_once('=')?;
            Some(match (key.split_once('!'), value) {
                (Some((key, _)), value) => format!("{key}!={value}"),
                (None, value) if key.ends_with('~') => format!("{key}={value}"),
                (None, value) => format!("{key}=={value}"),
            })
        })
        .collect();
    if conditions.is_empty() {
        Vec::new()
    } else {
        vec![conditions.join(",")]
    }
}

/// A record as a row; what is changed is starred, and the size of what others use too.
pub(super) fn row(record: &UsageRecord) -> String {
    let star = |yes: bool| if yes { "*" } else { "" };
    format!(
        "{}{}\t{}\t{}{}\t{}\n",
        record.id,
        star(record.mutable),
        !record.in_use,
        human_size(record.size as f64),
        star(record.shared),
        record.last_used_at.as_ref().map(age).unwrap_or_default(),
    )
}

/// `5 seconds ago`
pub(super) fn age(time: &gantry_build_client::proto::google::protobuf::Timestamp) -> String {
    let seconds = jiff::Timestamp::now()
        .as_second()
        .saturating_sub(time.seconds);
    let age = std::time::Duration::from_secs(seconds.max(0) as u64);
    format!("{} ago", human_duration(age))
}

/// All that is known of a record, in lines.
pub(super) fn described(record: &UsageRecord) -> String {
    let mut out = format!("ID:\t{}\n", record.id);
    if !record.parents.is_empty() {
        out.push_str("Parents:\n");
        for parent in &record.parents {
            let _ = writeln!(out, " - {parent}");
        }
    }
    if let Some(created) = &record.created_at {
        let _ = writeln!(out, "Created at:\t{}", when(created));
    }
    let _ = writeln!(out, "Mutable:\t{}", record.mutable);
    let _ = writeln!(out, "Reclaimable:\t{}", !record.in_use);
    let _ = writeln!(out, "Shared:\t{}", record.shared);
    let _ = writeln!(out, "Size:\t{}", human_size(record.size as f64));
    if !record.description.is_empty() {
        let _ = writeln!(out, "Description:\t{}", record.description);
    }
    let _ = writeln!(out, "Usage count:\t{}", record.usage_count);
    if let Some(used) = &record.last_used_at {
        let _ = writeln!(out, "Last used:\t{}", age(used));
    }
    if !record.record_type.is_empty() {
        let _ = writeln!(out, "Type:\t{}", record.record_type);
    }
    aligned(&out) + "\n"
}

/// Keys and values in two columns.
pub(super) fn aligned(text: &str) -> String {
    let width = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(key, _)| key.chars().count())
        .max()
        .unwrap_or(0)
        + 1;
    text.lines()
        .map(|line| match line.split_once('\t') {
            Some((key, value)) => format!("{key:width$}{value}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

/// As Go prints a time.
pub(super) fn when(time: &gantry_build_client::proto::google::protobuf::Timestamp) -> String {
    jiff::Timestamp::new(time.seconds, time.nanos)
        .map(|time| {
            let text = time.to_string();
            text.replace('T', " ").replace('Z', " +0000 UTC")
        })
        .unwrap_or_default()
}

fn totals(records: &[UsageRecord]) -> String {
    let sum = |of: &dyn Fn(&UsageRecord) -> bool| -> i64 {
        records.iter().filter(|r| of(r)).map(|r| r.size).sum()
    };
    let (shared, total) = (sum(&|r| r.shared), sum(&|_| true));
    let mut out = String::new();
    let mut line = |name: &str, bytes: i64| {
        let _ = writeln!(out, "{name}:\t{}", human_size(bytes as f64));
    };
    if shared > 0 {
        line("Shared", shared);
        line("Private", total - shared);
    }
    line("Reclaimable", sum(&|r| !r.in_use));
    line("Total", total);
    table::align(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_conditions() {
        let given = ["type=regular".to_owned(), "id~=ab".to_owned()];
        assert_eq!(filters(&given), ["type==regular,id~=ab"]);
        assert_eq!(filters(&[]), [""; 0]);
    }

    #[test]
    fn a_row_is_starred_where_something_is_shared_or_changed() {
        let record = UsageRecord {
            id: "abc".to_owned(),
            mutable: true,
            shared: true,
            size: 166,
            ..UsageRecord::default()
        };
        assert_eq!(row(&record), "abc*\ttrue\t166B*\t\n");
        assert!(totals(&[record]).contains("Private"));
    }
}
