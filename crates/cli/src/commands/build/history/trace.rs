//! `gantry buildx history trace`

use serde_json::{Value, json};

use super::super::{builder, failure, known};
use super::{named, records};
use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::flags;
use crate::output;
use crate::session::Session;

flags! {
    /// `gantry buildx history trace`
    pub(crate) struct Trace {
        /// Override the configured builder instance
        "builder" => builder: String,
    }
}

impl Command for Trace {
    const USAGE: &'static str = "[OPTIONS] [REF]";
    const ABOUT: &'static str = "Print the OpenTelemetry trace of a build record as Jaeger's JSON";
    const WORDS: Arity = Arity::AtMost(1);

    async fn run(self, session: &Session, words: Vec<String>) -> Result<(), Failure> {
        known(session, &self.builder)?;
        let mut records = records(session, "").await?;
        records.retain(|record| record.completed_at.is_some());
        let word = words.first().map_or("", String::as_str);
        let record = named(&records, word)?;
        let missing = || {
            let reference = &record.r#ref;
            Failure::new(format!(
                "ERROR: build record {reference:?} is missing a trace"
            ))
        };
        let trace = record.trace.as_ref().ok_or_else(missing)?;
        let bytes = builder(session).await?.blob(&trace.digest).await;
        let bytes = bytes.map_err(|error| failure(&error))?;
        let spans = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        let spans: Vec<Value> = spans.collect::<Result<_, _>>().map_err(|_| missing())?;
        let text = serde_json::to_string_pretty(&jaeger(&spans)).map_err(|_| missing())?;
        output::line(text);
        Ok(())
    }
}

/// The spans as Jaeger's interface reads them.
fn jaeger(spans: &[Value]) -> Value {
    let first = spans
        .first()
        .map_or(&Value::Null, |span| &span["SpanContext"]);
    let converted: Vec<Value> = spans.iter().map(span).collect();
    json!({"data": [{
        "traceID": first["TraceID"],
        "spans": converted,
        "processes": {"p0": {"serviceName": "gantry", "tags": []}},
        "warnings": null,
    }]})
}

fn span(of: &Value) -> Value {
    let (began, ended) = (micros(&of["StartTime"]), micros(&of["EndTime"]));
    let parent = &of["Parent"];
    let root = parent["SpanID"]
        .as_str()
        .is_none_or(|id| id.trim_matches('0').is_empty());
    let references = if root {
        json!([])
    } else {
        json!([{"refType": "CHILD_OF", "traceID": parent["TraceID"], "spanID": parent["SpanID"]}])
    };
    let tags = of["Attributes"].as_array().into_iter().flatten();
    let tags = tags.map(|tag| {
        let kind = tag["Value"]["Type"]
            .as_str()
            .unwrap_or_default()
            .to_lowercase();
        json!({"key": tag["Key"], "type": kind, "value": tag["Value"]["Value"]})
    });
    json!({
        "traceID": of["SpanContext"]["TraceID"],
        "spanID": of["SpanContext"]["SpanID"],
        "operationName": of["Name"],
        "references": references,
        "startTime": began,
        "duration": ended.saturating_sub(began),
        "tags": tags.collect::<Vec<_>>(),
        "logs": [],
        "processID": "p0",
        "warnings": null,
    })
}

/// Microseconds since 1970.
fn micros(time: &Value) -> i64 {
    let time = time
        .as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    time.map_or(0, jiff::Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_know_their_parents_and_how_long_they_took() {
        let of = json!({
            "Name": "RUN x",
            "SpanContext": {"TraceID": "t", "SpanID": "b"},
            "Parent": {"TraceID": "t", "SpanID": "a"},
            "StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-01T00:00:01.5Z",
            "Attributes": [{"Key": "cached", "Value": {"Type": "BOOL", "Value": true}}],
        });
        let shown = span(&of);
        assert_eq!(shown["duration"], 1_500_000);
        assert_eq!(shown["references"][0]["spanID"], "a");
        assert_eq!(shown["tags"][0]["type"], "bool");
    }
}
