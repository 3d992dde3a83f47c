//! `gantry events`

use std::fmt::Write as _;

use gantry_gotemplate::{Shape, Value};
use serde_json::Value as Json;

use crate::command::{Arity, Command};
use crate::failure::Failure;
use crate::flags::{FilterList, flags};
use crate::format::{self, filters};
use crate::session::Session;
use crate::{output, times};

flags! {
    /// `gantry events`
    pub(crate) struct Events {
        /// Filter output based on conditions provided
        "filter" 'f' => filter: FilterList,
        /// Format output using a custom template:\
        /// 'json':             Print in JSON format\
        /// 'TEMPLATE':         Print output using the given Go template.\
        /// Refer to https://docs.docker.com/go/formatting/ for more information about formatting
        /// output with templates
        "format" => format: String,
        /// Show all events created since timestamp
        "since" => since: Option<String>,
        /// Stream events until this timestamp
        "until" => until: Option<String>,
    }
}

impl Command for Events {
    const USAGE: &'static str = "[OPTIONS]";
    const ABOUT: &'static str = "Get real time events from the server";
    const WORDS: Arity = Arity::None;

    async fn run(self, session: &Session, _words: Vec<String>) -> Result<(), Failure> {
        let template = match self.format.as_str() {
            "" | "json" | "{{json .}}" => None,
            other => Some(format::parse(other)?),
        };
        let client = session.client().await?;
        let request = client
            .get("/events")
            .query_opt("since", times::given(self.since.as_deref())?)
            .query_opt("until", times::given(self.until.as_deref())?)
            .query_opt("filters", filters(&self.filter));
        let mut events = request.send().await?.json_lines::<Json>();
        while let Some(event) = events.next().await? {
            output::line(match &template {
                None if self.format.is_empty() => line(&event),
                None => event.to_string(),
                Some(template) => template.render(&value(&event)).map_err(format::failed)?,
            });
        }
        Ok(())
    }
}

/// What a template sees: Docker's own names for the fields that the wire writes small.
fn value(event: &Json) -> Value {
    let mut event = event.clone();
    if let Json::Object(fields) = &mut event {
        for (wire, name) in [
            ("time", "Time"),
            ("timeNano", "TimeNano"),
            ("status", "Status"),
            ("from", "From"),
            ("scope", "Scope"),
        ] {
            let found = fields.get(wire).cloned().unwrap_or_else(|| Json::from(""));
            fields.insert(name.to_owned(), found);
        }
        let id = fields.get("id").cloned().unwrap_or_else(|| Json::from(""));
        fields.insert("ID".to_owned(), id);
    }
    Value::from_json(&event, &|_, key| {
        if key == "Attributes" {
            Shape::Map
        } else {
            Shape::Struct
        }
    })
}

/// `2026-11-22T04:33:03.000000000Z container start 0123 (image=nginx, name=web)`
fn line(event: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let nanos = event["timeNano"]
        .as_i64()
        .or_else(|| event["time"].as_i64()?.checked_mul(1_000_000_000))
        .unwrap_or(0);
    let mut line = format!(
        "{} {} {} {}",
        times::event_time(nanos),
        text(&event["Type"]),
        text(&event["Action"]),
        text(&event["Actor"]["ID"])
    );
    if let Some(attributes) = event["Actor"]["Attributes"]
        .as_object()
        .filter(|a| !a.is_empty())
    {
        let mut pairs: Vec<String> = attributes
            .iter()
            .map(|(key, value)| format!("{key}={}", text(value)))
            .collect();
        pairs.sort();
        let _ = write!(line, " ({})", pairs.join(", "));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_tells_when_what_and_which() {
        let event = json!({
            "Type": "container", "Action": "start", "timeNano": 1_136_214_245_000_000_001_i64,
            "Actor": {"ID": "abc", "Attributes": {"name": "web", "image": "nginx"}},
        });
        let line = line(&event);
        assert!(
            line.ends_with(" container start abc (image=nginx, name=web)"),
            "{line}"
        );
        assert!(line.contains(".000000001"), "{line}");
        let template =
            format::parse("{{.Action}} {{.Actor.Attributes.name}} {{.TimeNano}}").unwrap();
        assert_eq!(
            template.render(&value(&event)).unwrap(),
            "start web 1136214245000000001"
        );
    }
}
