//! An answer in the form in which it is compared and committed.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// A comparable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers besides those of [`USUAL`] and a content type of JSON; one of those that is missing
    /// is `<none>`.
    pub headers: Map<String, Value>,
    /// The body: `<empty>`, JSON, or an object with one key that tells its kind.
    pub body: Value,
}

/// Headers that (nearly) every answer has, with these values.
pub(crate) const USUAL: [(&str, &str); 4] = [
    ("docker-experimental", "false"),
    ("ostype", "linux"),
    ("api-version", "1.51"),
    ("server", "<server>"),
];

/// Headers that tell of the transport, not of the API.
pub(crate) const TRANSPORT: [&str; 4] =
    ["date", "content-length", "transfer-encoding", "connection"];

impl Answer {
    /// As one JSON value.
    pub(crate) fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("status".into(), self.status.into());
        if !self.headers.is_empty() {
            map.insert("headers".into(), Value::Object(self.headers.clone()));
        }
        map.insert("body".into(), self.body.clone());
        Value::Object(map)
    }

    /// The reverse of [`Answer::to_value`].
    pub(crate) fn from_value(mut value: Value) -> Result<Self> {
        let status = value["status"].as_u64().context("an answer has a status")?;
        let headers = match value["headers"].take() {
            Value::Object(headers) => headers,
            _ => Map::new(),
        };
        Ok(Self {
            status: status as u16,
            headers,
            body: value["body"].take(),
        })
    }
}
