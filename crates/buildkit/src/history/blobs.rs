//! What a record refers to by digests: how its result was made, what was told, where the time went, the error in full.

use std::collections::HashMap;

use gantry_archive::Digester;
use gantry_builder::PROVENANCE;
use prost::Message as _;
use serde_json::{Value, json};
use tonic::Status;

use crate::proto::google::protobuf::{Any, Timestamp};
use crate::proto::google::rpc::Status as RpcStatus;
use crate::proto::moby::buildkit::v1::{Descriptor, StatusResponse, Vertex};

/// A detail of an error: the step that failed. Its value is JSON, whatever the message's name suggests.
const VERTEX: &str = "github.com/moby/buildkit/errdefs.Vertex+json";

/// Bytes, and how a record names them.
pub(super) struct Blob {
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
}

impl Blob {
    fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            descriptor: Descriptor {
                media_type: media_type.to_owned(),
                digest: Digester::sha256(&bytes).to_string(),
                size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
                annotations: HashMap::new(),
            },
            bytes,
        }
    }

    /// How a result was made.
    pub(super) fn provenance(predicate: Vec<u8>) -> Self {
        let mut blob = Self::new("application/vnd.in-toto+json", predicate);
        let kind = (
            "in-toto.io/predicate-type".to_owned(),
            PROVENANCE.to_owned(),
        );
        blob.descriptor.annotations.extend([kind]);
        blob
    }

    /// All that was told: messages, each behind its length (four bytes, little-endian).
    pub(super) fn logs(log: &[StatusResponse]) -> Self {
        let mut bytes = Vec::new();
        for told in log {
            let length = u32::try_from(told.encoded_len()).unwrap_or(u32::MAX);
            bytes.extend(length.to_le_bytes());
            bytes.extend(told.encode_to_vec());
        }
        Self::new("application/vnd.buildkit.status.v0", bytes)
    }

    /// Why a build failed, with the step that did.
    pub(super) fn error(status: &Status, log: &[StatusResponse]) -> Self {
        let mut whole = RpcStatus::decode(status.details()).unwrap_or_default();
        whole.code = status.code() as i32;
        status.message().clone_into(&mut whole.message);
        let mut vertices = log.iter().flat_map(|told| &told.vertexes);
        let failed = vertices.rfind(|vertex| is_failed(vertex));
        if let Some(vertex) = failed {
            whole.details.push(Any {
                type_url: VERTEX.to_owned(),
                value: json!({"digest": vertex.digest}).to_string().into_bytes(),
            });
        }
        // So, not otherwise, clients spell it.
        let media_type = "application/vnd.googeapis.google.rpc.status+proto";
        Self::new(media_type, whole.encode_to_vec())
    }

    /// Where the time went: a span for each step below one for the build, in OpenTelemetry's words.
    pub(super) fn trace(
        reference: &str,
        log: &[StatusResponse],
        (began, ended): (Timestamp, Timestamp),
    ) -> Self {
        let trace = &Digester::sha256(reference.as_bytes()).hex()[..32].to_owned();
        let of = |text: &str| Digester::sha256(text.as_bytes()).hex()[..16].to_owned();
        let root = of(reference);
        let mut steps: Vec<Vertex> = Vec::new();
        for vertex in log.iter().flat_map(|told| &told.vertexes) {
            match steps.iter_mut().find(|known| known.digest == vertex.digest) {
                Some(known) => known.clone_from(vertex),
                None => steps.push(vertex.clone()),
            }
        }
        steps.retain(|step| step.started.is_some());
        let mut bytes = Vec::new();
        let mut add = |span: Value| bytes.extend(format!("{span:#}\n").into_bytes());
        add(span(&Span {
            trace,
            id: &root,
            parent: None,
            name: "build",
            times: (began, ended),
            attributes: json!([text("ref", reference)]),
            error: "",
            children: steps.len(),
        }));
        for step in &steps {
            let began = step.started.unwrap_or(began);
            let mut attributes = vec![text("vertex", &step.digest)];
            if step.cached {
                attributes.push(json!({"Key": "cached", "Value": {"Type": "BOOL", "Value": true}}));
            }
            add(span(&Span {
                trace,
                id: &of(&step.digest),
                parent: Some(&root),
                name: &step.name,
                times: (began, step.completed.unwrap_or(ended)),
                attributes: attributes.into(),
                error: &step.error,
                children: 0,
            }));
        }
        Self::new("application/vnd.buildkit.otlp.json.v0", bytes)
    }
}

fn is_failed(vertex: &Vertex) -> bool {
    !vertex.error.is_empty() && !vertex.error.contains("context canceled")
}

fn text(key: &str, value: &str) -> Value {
    json!({"Key": key, "Value": {"Type": "STRING", "Value": value}})
}

struct Span<'a> {
    trace: &'a str,
    id: &'a str,
    parent: Option<&'a str>,
    name: &'a str,
    times: (Timestamp, Timestamp),
    attributes: Value,
    error: &'a str,
    children: usize,
}

fn span(of: &Span<'_>) -> Value {
    let nobody = ("0".repeat(32), "0".repeat(16));
    let context = |trace: &str, id: &str, flags: &str| json!({"TraceID": trace, "SpanID": id, "TraceFlags": flags, "TraceState": "", "Remote": false});
    let status = if of.error.is_empty() {
        "Unset"
    } else {
        "Error"
    };
    json!({
        "Name": of.name,
        "SpanContext": context(of.trace, of.id, "01"),
        "Parent": match of.parent {
            Some(parent) => context(of.trace, parent, "01"),
            None => context(&nobody.0, &nobody.1, "00"),
        },
        "SpanKind": 1,
        "StartTime": told(of.times.0),
        "EndTime": told(of.times.1),
        "Attributes": of.attributes,
        "Events": null,
        "Links": null,
        "Status": {"Code": status, "Description": of.error},
        "DroppedAttributes": 0,
        "DroppedEvents": 0,
        "DroppedLinks": 0,
        "ChildSpanCount": of.children,
        "Resource": [text("service.name", "gantry")],
        "InstrumentationLibrary": {"Name": "gantry", "Version": "", "SchemaURL": ""},
    })
}

/// RFC 3339.
fn told(time: Timestamp) -> String {
    let time = jiff::Timestamp::new(time.seconds, time.nanos);
    time.unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(digest: &str, error: &str) -> StatusResponse {
        let at = |seconds| Some(Timestamp { seconds, nanos: 5 });
        StatusResponse {
            vertexes: vec![Vertex {
                digest: digest.to_owned(),
                name: digest.to_owned(),
                started: at(1),
                completed: at(2),
                error: error.to_owned(),
                ..Vertex::default()
            }],
            ..StatusResponse::default()
        }
    }

    #[test]
    fn an_error_names_the_step_that_failed() {
        let log = [
            step("a", ""),
            step("b", "exit code: 1"),
            step("c", "context canceled"),
        ];
        let blob = Blob::error(&Status::unknown("failed"), &log);
        let whole = RpcStatus::decode(blob.bytes.as_slice()).unwrap();
        assert_eq!((whole.code, whole.message.as_str()), (2, "failed"));
        assert_eq!(whole.details[0].value, br#"{"digest":"b"}"#);
    }

    #[test]
    fn each_step_is_a_span_below_the_build() {
        let log = [step("a", ""), step("b", "bad")];
        let times = (Timestamp::default(), Timestamp::default());
        let blob = Blob::trace("build1", &log, times);
        let spans: Vec<Value> = serde_json::Deserializer::from_slice(&blob.bytes)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(spans.len(), 3);
        assert_eq!(spans[0]["ChildSpanCount"], 2);
        assert_eq!(
            spans[1]["Parent"]["SpanID"],
            spans[0]["SpanContext"]["SpanID"]
        );
        assert_eq!(spans[1]["StartTime"], "1970-01-01T00:00:01.000000005Z");
        assert_eq!(spans[2]["Status"]["Code"], "Error");
    }

    #[test]
    fn what_was_told_is_cut_into_messages() {
        let log = [step("a", ""), StatusResponse::default()];
        let blob = Blob::logs(&log);
        let first = log[0].encoded_len();
        assert_eq!(blob.bytes[..4], u32::try_from(first).unwrap().to_le_bytes());
        assert_eq!(blob.bytes[4 + first..], [0; 4]);
    }
}
