//! Conditions on records of builds, as clients write them: `status==error,duration>1m`.

use regex_lite::Regex;
use tonic::Status;

use crate::proto::google::protobuf::Timestamp;
use crate::proto::moby::buildkit::v1::BuildHistoryRecord;
use crate::status::now;

/// The longer ones first: one may begin with another.
const OPERATORS: [&str; 7] = ["!=", "~=", "==", "<=", ">=", "<", ">"];

/// What is wanted: one of several lists, all conditions of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter(Vec<Vec<Condition>>);

#[derive(Debug, Clone)]
enum Condition {
    Text {
        field: &'static str,
        value: String,
        equal: bool,
    },
    Pattern(&'static str, Regex),
    /// Nanoseconds, compared with those of the record.
    Number {
        field: &'static str,
        operator: &'static str,
        value: i128,
    },
}

impl Filter {
    /// Reads what a client sends.
    pub(crate) fn parse(lists: &[String]) -> Result<Self, Status> {
        let lists = lists.iter().filter(|list| !list.is_empty());
        let parsed = lists.map(|list| list.split(',').map(condition).collect());
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    pub(crate) fn wants(&self, record: &BuildHistoryRecord) -> bool {
        let all = |list: &Vec<Condition>| list.iter().all(|condition| condition.holds(record));
        self.0.is_empty() || self.0.iter().any(all)
    }
}

fn condition(text: &str) -> Result<Condition, Status> {
    let bad = |why: &str| Status::invalid_argument(format!("the filter {text:?}: {why}"));
    let found = text.char_indices().find_map(|(at, _)| {
        let operator = OPERATORS.iter().find(|op| text[at..].starts_with(**op))?;
        Some((at, *operator))
    });
    let (at, operator) = found.ok_or_else(|| bad("it has no operator"))?;
    let name = text[..at].trim();
    let value = text[at + operator.len()..].trim().trim_matches('"');
    let known = [
        "ref",
        "status",
        "repository",
        "startedAt",
        "completedAt",
        "duration",
    ];
    let field = known.into_iter().find(|known| *known == name);
    let field = field.ok_or_else(|| bad("there is no such field"))?;
    let is_text = matches!(field, "ref" | "status" | "repository");
    match operator {
        "==" | "!=" if is_text => Ok(Condition::Text {
            field,
            value: value.to_owned(),
            equal: operator == "==",
        }),
        "~=" if is_text => Regex::new(value)
            .map(|pattern| Condition::Pattern(field, pattern))
            .map_err(|error| bad(&error.to_string())),
        "<" | ">" | "<=" | ">=" if !is_text => {
            let length = value.parse::<gantry_units::GoDuration>().ok();
            let length = length.and_then(gantry_units::GoDuration::positive);
            let value = match (field, length) {
                ("duration", Some(length)) => spanned(length),
                // So long ago.
                (_, Some(length)) => nanos(&now()) - spanned(length),
                ("duration", None) => return Err(bad("it is no duration such as 1m")),
                (_, None) => value
                    .parse::<jiff::Timestamp>()
                    .map(jiff::Timestamp::as_nanosecond)
                    .map_err(|_| bad("it is neither a time nor a duration such as 24h"))?,
            };
            Ok(Condition::Number {
                field,
                operator,
                value,
            })
        }
        _ => Err(bad("the operator does not suit the field")),
    }
}

impl Condition {
    fn holds(&self, record: &BuildHistoryRecord) -> bool {
        match self {
            Self::Text {
                field,
                value,
                equal,
            } => (text_of(record, field) == value.as_str()) == *equal,
            Self::Pattern(field, pattern) => pattern.is_match(text_of(record, field)),
            Self::Number {
                field,
                operator,
                value,
            } => number_of(record, field).is_some_and(|number| match *operator {
                "<" => number < *value,
                ">" => number > *value,
                "<=" => number <= *value,
                _ => number >= *value,
            }),
        }
    }
}

fn text_of<'a>(record: &'a BuildHistoryRecord, field: &str) -> &'a str {
    match field {
        "ref" => &record.r#ref,
        "repository" => record
            .frontend_attrs
            .get("vcs:source")
            .map_or("", String::as_str),
        _ => match (&record.completed_at, &record.error) {
            (_, Some(error)) if error.code == tonic::Code::Cancelled as i32 => "canceled",
            (_, Some(_)) => "error",
            (Some(_), None) => "completed",
            (None, None) => "running",
        },
    }
}

fn number_of(record: &BuildHistoryRecord, field: &str) -> Option<i128> {
    let (began, ended) = (record.created_at.as_ref(), record.completed_at.as_ref());
    match field {
        "startedAt" => began.map(nanos),
        "completedAt" => ended.map(nanos),
        _ => Some(ended.map_or_else(|| nanos(&now()), nanos) - nanos(began?)),
    }
}

fn nanos(time: &Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

fn spanned(length: std::time::Duration) -> i128 {
    i128::try_from(length.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_chosen_by_their_fields() {
        let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let record = BuildHistoryRecord {
            r#ref: "abc".to_owned(),
            created_at: time(1000),
            completed_at: time(1090),
            ..BuildHistoryRecord::default()
        };
        let wants = |lists: &[&str]| {
            let lists: Vec<String> = lists.iter().map(|list| (*list).to_owned()).collect();
            Filter::parse(&lists).map(|filter| filter.wants(&record))
        };
        assert!(wants(&[]).unwrap());
        assert!(wants(&["status==completed,duration>1m"]).unwrap());
        assert!(!wants(&["status==completed,duration>2m"]).unwrap());
        assert!(wants(&["status==error", "ref~=^ab"]).unwrap());
        assert!(wants(&["startedAt<2020-01-01T00:00:00Z,completedAt<24h"]).unwrap());
        assert!(!wants(&["ref!=abc"]).unwrap());
        for bad in ["status", "size==1", "status>1", "duration<x", "ref~=("] {
            assert!(wants(&[bad]).is_err(), "{bad}");
        }
    }
}
