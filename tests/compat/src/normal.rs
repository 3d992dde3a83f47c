//! From what a daemon sent to an [`Answer`] that can be compared.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, TRANSPORT, USUAL};
use crate::http::Raw;
use crate::rules::{Kind, Rules};
use crate::{tarball, text};

/// The usual type of a body.
const JSON: &str = "application/json";

/// What is needed to make an answer comparable.
pub(crate) struct Normal<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) paths: &'a [(String, String)],
    /// The request as its play writes it.
    pub(crate) request: &'a str,
    /// `/v1.51`, which links in answers may repeat.
    pub(crate) version: &'a str,
}

impl Normal<'_> {
    pub(crate) fn answer(&self, raw: &Raw) -> Answer {
        Answer {
            status: raw.status,
            headers: self.headers(&raw.headers),
            body: self.body(raw),
        }
    }

    fn headers(&self, raw: &[(String, String)]) -> Map<String, Value> {
        let mut headers = Map::new();
        for (name, _) in USUAL {
            if !raw.iter().any(|(n, _)| n == name) {
                headers.insert(name.to_owned(), "<none>".into());
            }
        }
        if !raw.iter().any(|(n, _)| n == "content-type") {
            headers.insert("content-type".into(), "<none>".into());
        }
        for (name, value) in raw {
            if TRANSPORT.contains(&name.as_str()) || (name == "content-type" && value == JSON) {
                continue;
            }
            let value = match name.as_str() {
                "server" => "<server>".to_owned(),
                "x-docker-container-path-stat" => STANDARD
                    .decode(value)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .map_or_else(|| value.clone(), |json| text::comparable(&json, self.paths)),
                _ => text::comparable(value, self.paths),
            };
            if !USUAL.contains(&(name.as_str(), value.as_str())) {
                headers.insert(name.clone(), value.into());
            }
        }
        headers.sort_keys();
        headers
    }

    fn body(&self, raw: &Raw) -> Value {
        let content_type = raw
            .headers
            .iter()
            .find(|(n, _)| n == "content-type")
            .map_or("", |(_, v)| v.as_str());
        if raw.body.is_empty() {
            return "<empty>".into();
        }
        if content_type.starts_with(JSON) {
            let mut messages = Vec::new();
            for value in serde_json::Deserializer::from_slice(&raw.body).into_iter::<Value>() {
                match value {
                    Ok(value) => messages.push(value),
                    Err(e) => messages.push(json!({ "not JSON": e.to_string() })),
                }
            }
            return match <[Value; 1]>::try_from(messages) {
                Ok([one]) => self.value("body", one),
                Err(many) => json!({ "messages": self.messages(many) }),
            };
        }
        if let Some(list) = tarball::listed(&raw.body) {
            return json!({ "tar": self.value("body", list) });
        }
        if let Some(streams) = frames(&raw.body) {
            return json!({ "streams": self.value("body", streams) });
        }
        let text = String::from_utf8_lossy(&raw.body);
        json!({ "text": text::comparable(&text, self.paths) })
    }

    /// Messages of a stream; those that tell how far something is come as often as they like.
    fn messages(&self, messages: Vec<Value>) -> Vec<Value> {
        let counted = |message: &Value| message["progressDetail"].get("current").is_some();
        messages
            .into_iter()
            .filter(|message| !counted(message))
            .map(|message| self.value("body", message))
            .collect()
    }

    fn value(&self, path: &str, value: Value) -> Value {
        let value = match value {
            Value::Null => "<null>".into(),
            Value::Bool(_) => value,
            Value::Number(ref number) => match number.as_f64() {
                // Seconds and nanoseconds since 1970.
                Some(n) if (1.6e9..3e9).contains(&n) || n > 1.6e18 && n < 3e18 => "<unix>".into(),
                _ => port(path, &value).unwrap_or(value),
            },
            Value::String(ref text) => match port(path, &value) {
                Some(port) => port,
                None => text::comparable(text, self.paths)
                    .replace(self.version, "/v<version>")
                    .into(),
            },
            Value::Array(list) => {
                let inner = format!("{path}[]");
                let mut list: Vec<Value> = list
                    .into_iter()
                    .map(|value| self.value(&inner, value))
                    .collect();
                if self.rules.say(Kind::Unordered, self.request, path) {
                    list.sort_by_key(Value::to_string);
                }
                Value::Array(list)
            }
            Value::Object(map) => self.object(path, map),
        };
        if self.rules.say(Kind::Loose, self.request, path) {
            loose(value)
        } else {
            value
        }
    }

    fn object(&self, path: &str, map: Map<String, Value>) -> Value {
        let mut out = Map::new();
        for (key, value) in map {
            let key = text::comparable(&key, self.paths);
            let inner = format!("{path}.{key}");
            if !self.rules.say(Kind::Drop, self.request, &inner) {
                out.insert(key, self.value(&inner, value));
            }
        }
        out.sort_keys();
        Value::Object(out)
    }
}

/// A port that the daemon chose.
fn port(path: &str, value: &Value) -> Option<Value> {
    if !path.ends_with("HostPort") && !path.ends_with("PublicPort") {
        return None;
    }
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => other.as_u64()?,
    };
    (number >= 32768).then(|| "<port>".into())
}

/// Only the type, and whether it is empty.
fn loose(value: Value) -> Value {
    match value {
        Value::Bool(_) => "<bool>".into(),
        Value::Number(n) if n.as_f64() != Some(0.0) => "<number>".into(),
        Value::String(text) if !text.is_empty() && text != "<null>" => "<string>".into(),
        Value::Array(list) if !list.is_empty() => "<list>".into(),
        Value::Object(map) if !map.is_empty() => "<object>".into(),
        other => other,
    }
}

/// The text of each stream, if all of it is in Docker's frames.
fn frames(mut bytes: &[u8]) -> Option<Value> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let (&[stream, 0, 0, 0, a, b, c, d], rest) = bytes.split_first_chunk::<8>()? else {
            return None;
        };
        let (text, rest) = rest.split_at_checked(u32::from_be_bytes([a, b, c, d]) as usize)?;
        match stream {
            1 => out.extend_from_slice(text),
            2 => err.extend_from_slice(text),
            _ => return None,
        }
        bytes = rest;
    }
    let mut map = Map::new();
    for (name, text) in [("stdout", out), ("stderr", err)] {
        if !text.is_empty() {
            map.insert(name.into(), String::from_utf8_lossy(&text).into());
        }
    }
    Some(Value::Object(map))
}
