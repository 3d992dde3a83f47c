//! Progress for programs: what the engine tells, as JSON, a line each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_build_client::proto::google::protobuf::Timestamp;
use gantry_build_client::proto::moby::buildkit::v1::{
    StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning,
};
use serde_json::{Map, Value, json};

/// One message as a line.
pub(super) fn line(message: &StatusResponse) -> String {
    let mut object = Object::default();
    object.list("vertexes", &message.vertexes, vertex);
    object.list("statuses", &message.statuses, status);
    object.list("logs", &message.logs, log);
    object.list("warnings", &message.warnings, warning);
    format!("{}\n", Value::Object(object.0))
}

/// An object that leaves out what is empty.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn with(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }

    fn some(self, key: &str, there: bool, value: impl Into<Value>) -> Self {
        if there {
            self.with(key, value.into())
        } else {
            self
        }
    }

    fn time(self, key: &str, time: Option<&Timestamp>) -> Self {
        match time {
            Some(time) => self.with(key, rfc3339(time).into()),
            None => self,
        }
    }

    fn list<T>(&mut self, key: &str, items: &[T], one: fn(&T) -> Value) {
        if !items.is_empty() {
            let items: Vec<Value> = items.iter().map(one).collect();
            self.0.insert(key.to_owned(), items.into());
        }
    }

    fn value(self) -> Value {
        Value::Object(self.0)
    }
}

fn vertex(vertex: &Vertex) -> Value {
    Object::default()
        .with("digest", vertex.digest.as_str().into())
        .some("inputs", !vertex.inputs.is_empty(), vertex.inputs.clone())
        .some("name", !vertex.name.is_empty(), vertex.name.as_str())
        .time("started", vertex.started.as_ref())
        .time("completed", vertex.completed.as_ref())
        .some("cached", vertex.cached, true)
        .some("error", !vertex.error.is_empty(), vertex.error.as_str())
        .value()
}

fn status(status: &VertexStatus) -> Value {
    Object::default()
        .with("id", status.id.as_str().into())
        .with("vertex", status.vertex.as_str().into())
        .some("name", !status.name.is_empty(), status.name.as_str())
        .some("total", status.total != 0, status.total)
        .with("current", status.current.into())
        .time("timestamp", status.timestamp.as_ref())
        .time("started", status.started.as_ref())
        .time("completed", status.completed.as_ref())
        .value()
}

fn log(log: &VertexLog) -> Value {
    Object::default()
        .some("vertex", !log.vertex.is_empty(), log.vertex.as_str())
        .some("stream", log.stream != 0, log.stream)
        .with("data", STANDARD.encode(&log.msg).into())
        .time("timestamp", log.timestamp.as_ref())
        .value()
}

fn warning(warning: &VertexWarning) -> Value {
    let detail: Vec<Value> = warning
        .detail
        .iter()
        .map(|line| STANDARD.encode(line).into())
        .collect();
    let ranges: Vec<Value> = warning
        .ranges
        .iter()
        .map(|range| {
            let place = |place: Option<gantry_build_client::proto::pb::Position>| {
                let place = place.unwrap_or_default();
                json!({"line": place.line, "character": place.character})
            };
            json!({"start": place(range.start), "end": place(range.end)})
        })
        .collect();
    let object = Object::default()
        .some(
            "vertex",
            !warning.vertex.is_empty(),
            warning.vertex.as_str(),
        )
        .some("level", warning.level != 0, warning.level)
        .some(
            "short",
            !warning.short.is_empty(),
            STANDARD.encode(&warning.short),
        )
        .some("detail", !detail.is_empty(), detail)
        .some("url", !warning.url.is_empty(), warning.url.as_str());
    let object = match &warning.info {
        Some(info) => object.with(
            "sourceInfo",
            json!({
                "filename": info.filename,
                "data": STANDARD.encode(&info.data),
                "language": info.language,
            }),
        ),
        None => object,
    };
    object.some("range", !ranges.is_empty(), ranges).value()
}

/// As Go prints a time: without the zeros at the end.
pub(crate) fn rfc3339(time: &Timestamp) -> String {
    jiff::Timestamp::new(time.seconds, time.nanos)
        .map(|time| time.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_buildx_prints() {
        let at = |nanos| {
            Some(Timestamp {
                seconds: 1_795_734_241,
                nanos,
            })
        };
        let message = StatusResponse {
            vertexes: vec![Vertex {
                digest: "sha256:6b".to_owned(),
                name: "[2/4] RUN echo a".to_owned(),
                inputs: vec!["sha256:cf".to_owned()],
                started: at(625_993_200),
                completed: at(626_031_343),
                cached: true,
                ..Vertex::default()
            }],
            logs: vec![VertexLog {
                vertex: "sha256:eb".to_owned(),
                stream: 1,
                msg: b"some\n".to_vec(),
                timestamp: at(960_476_950),
            }],
            ..StatusResponse::default()
        };
        assert_eq!(
            line(&message),
            "{\"vertexes\":[{\"digest\":\"sha256:6b\",\"inputs\":[\"sha256:cf\"],\"name\":\"[2/4] RUN echo a\",\
             \"started\":\"2026-11-26T23:04:01.6259932Z\",\"completed\":\"2026-11-26T23:04:01.626031343Z\",\"cached\":true}],\
             \"logs\":[{\"vertex\":\"sha256:eb\",\"stream\":1,\"data\":\"c29tZQo=\",\"timestamp\":\"2026-11-26T23:04:01.96047695Z\"}]}\n"
        );
    }
}
