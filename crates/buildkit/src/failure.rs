//! Why a build failed, in the shape that BuildKit's clients read.

use base64::Engine as _;
use gantry_builder::Error;
use gantry_dockerfile::Span;
use prost::Message as _;
use serde_json::json;
use tonic::{Code, Status};

use crate::proto::google::protobuf::Any;
use crate::proto::google::rpc::Status as RpcStatus;
use crate::proto::pb::SourceInfo;

/// A detail of an error: lines of a file. Its value is JSON, whatever the message's name suggests.
const SOURCE: &str = "github.com/moby/buildkit/errdefs.Source+json";

/// The Dockerfile, for messages.
pub(crate) fn source(name: &str, text: &[u8]) -> SourceInfo {
    SourceInfo {
        filename: name.to_owned(),
        data: text.to_vec(),
        language: "Dockerfile".to_owned(),
        ..SourceInfo::default()
    }
}

/// An error of a build of this Dockerfile.
pub(crate) fn status(error: &Error, source: &SourceInfo) -> Status {
    // Clients put the names of other codes in front of the message.
    let code = Code::Unknown;
    let message = error.in_buildkits_words();
    let Some(span) = error.span() else {
        return Status::new(code, message);
    };
    let whole = RpcStatus {
        code: code as i32,
        message: message.clone(),
        details: vec![Any {
            type_url: SOURCE.to_owned(),
            value: lines(source, span).into_bytes(),
        }],
    };
    Status::with_details(code, message, whole.encode_to_vec().into())
}

fn lines(source: &SourceInfo, span: Span) -> String {
    let data = base64::engine::general_purpose::STANDARD.encode(&source.data);
    let position = |line: u32| json!({ "line": line });
    json!({
        "info": { "filename": source.filename, "data": data, "language": source.language },
        "ranges": [{ "start": position(span.start.line), "end": position(span.end.line) }],
    })
    .to_string()
}
