//! Why a build failed, with the place in the Dockerfile.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::google::rpc::Status as RpcStatus;
use bollard_buildkit_proto::pb::{Position, Range, SourceInfo};
use prost::Message as _;
use serde::Deserialize;

/// What the engine says of a failure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Its words.
    pub message: String,
    /// gRPC's code.
    pub code: i32,
    /// Which lines of which file it is about, the innermost first.
    pub places: Vec<Place>,
}

/// Lines of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// All of its text.
    pub text: Vec<u8>,
    /// First and last lines, from 1.
    pub lines: Vec<(usize, usize)>,
}

/// The detail of an error that names a place, in protobuf.
#[derive(Clone, PartialEq, prost::Message)]
struct SourceDetail {
    #[prost(message, optional, tag = "1")]
    info: Option<SourceInfo>,
    #[prost(message, repeated, tag = "2")]
    ranges: Vec<Range>,
}

/// The same in JSON, as Go writes the message's fields.
#[derive(Deserialize)]
struct JsonDetail {
    info: Option<JsonInfo>,
    #[serde(default)]
    ranges: Vec<JsonRange>,
}

#[derive(Deserialize)]
struct JsonInfo {
    #[serde(default)]
    filename: String,
    /// Base64.
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct JsonRange {
    start: Option<JsonPosition>,
    end: Option<JsonPosition>,
}

#[derive(Deserialize)]
struct JsonPosition {
    #[serde(default)]
    line: i32,
    #[serde(default)]
    character: i32,
}

impl From<JsonPosition> for Position {
    fn from(json: JsonPosition) -> Self {
        Self {
            line: json.line,
            character: json.character,
        }
    }
}

impl SourceDetail {
    /// Reads a detail: `errdefs.Source+json` is JSON from BuildKit, but not from all who speak its protocol.
    fn read(value: &[u8]) -> Option<Self> {
        if value.first() != Some(&b'{') {
            return Self::decode(value).ok();
        }
        let detail: JsonDetail = serde_json::from_slice(value).ok()?;
        let info = detail.info?;
        let ranges = detail.ranges.into_iter().map(|range| Range {
            start: range.start.map(Position::from),
            end: range.end.map(Position::from),
        });
        Some(Self {
            info: Some(SourceInfo {
                filename: info.filename,
                data: STANDARD.decode(info.data).ok()?,
                ..SourceInfo::default()
            }),
            ranges: ranges.collect(),
        })
    }
}

impl Failure {
    pub(crate) fn of(status: &tonic::Status) -> Self {
        let details = RpcStatus::decode(status.details()).unwrap_or_default();
        let places = details
            .details
            .iter()
            // `github.com/moby/buildkit/errdefs.Source+json`
            .filter(|any| any.type_url.contains("errdefs.Source"))
            .filter_map(|any| SourceDetail::read(&any.value))
            .filter_map(|detail| Place::of(detail.info?, &detail.ranges))
            .collect();
        Self {
            message: status.message().to_owned(),
            code: status.code() as i32,
            places,
        }
    }

    /// A failure as a record of a build keeps it, and the digest of the step that failed.
    pub fn of_blob(bytes: &[u8]) -> (Self, Option<String>) {
        let whole = RpcStatus::decode(bytes).unwrap_or_default();
        let details = whole.details.iter();
        let mut steps = details.filter(|any| any.type_url.contains("errdefs.Vertex"));
        let step = steps.find_map(|any| {
            let detail: serde_json::Value = serde_json::from_slice(&any.value).ok()?;
            detail["digest"].as_str().map(str::to_owned)
        });
        let code = tonic::Code::from(whole.code);
        let status = tonic::Status::with_details(code, whole.message, bytes.to_vec().into());
        (Self::of(&status), step)
    }

    /// Whether the build was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.code == tonic::Code::Cancelled as i32
    }
}

impl Place {
    /// A place as messages carry it; `None` without lines.
    pub fn of(info: SourceInfo, ranges: &[Range]) -> Option<Self> {
        let lines: Vec<(usize, usize)> = ranges
            .iter()
            .filter_map(|range| {
                let start = usize::try_from(range.start?.line).ok().filter(|l| *l > 0)?;
                let end = range
                    .end
                    .and_then(|end| usize::try_from(end.line).ok())
                    .unwrap_or(start);
                Some((start, end.max(start)))
            })
            .collect();
        (!lines.is_empty()).then_some(Self {
            file: info.filename,
            text: info.data,
            lines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(value: Vec<u8>) -> Failure {
        let details = bollard_buildkit_proto::google::protobuf::Any {
            type_url: "github.com/moby/buildkit/errdefs.Source+json".to_owned(),
            value,
        };
        let status = RpcStatus {
            code: 2,
            message: "no".to_owned(),
            details: vec![details],
        };
        let bytes = status.encode_to_vec().into();
        Failure::of(&tonic::Status::with_details(
            tonic::Code::Unknown,
            "no",
            bytes,
        ))
    }

    #[test]
    fn places_come_as_json_or_protobuf() {
        let json = br#"{"info":{"filename":"Dockerfile","data":"RlJPTSB4ClJVTSB5Cg==","definition":{},"language":"Dockerfile"},"ranges":[{"start":{"line":2},"end":{"line":2}}]}"#;
        let place = Place {
            file: "Dockerfile".to_owned(),
            text: b"FROM x\nRUM y\n".to_vec(),
            lines: vec![(2, 2)],
        };
        assert_eq!(failure(json.to_vec()).places, std::slice::from_ref(&place));
        let position = |line| Some(Position { line, character: 0 });
        let detail = SourceDetail {
            info: Some(SourceInfo {
                filename: "Dockerfile".to_owned(),
                data: b"FROM x\nRUM y\n".to_vec(),
                ..SourceInfo::default()
            }),
            ranges: vec![Range {
                start: position(2),
                end: position(2),
            }],
        };
        assert_eq!(failure(detail.encode_to_vec()).places, [place]);
        assert_eq!(failure(b"{not json".to_vec()).places, []);
    }
}
