//! Why a build failed, with the place in the Dockerfile.

use bollard_buildkit_proto::google::rpc::Status as RpcStatus;
use bollard_buildkit_proto::pb::{Range, SourceInfo};
use prost::Message as _;

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

/// The detail of an error that names a place, as BuildKit encodes it.
#[derive(Clone, PartialEq, prost::Message)]
struct SourceDetail {
    #[prost(message, optional, tag = "1")]
    info: Option<SourceInfo>,
    #[prost(message, repeated, tag = "2")]
    ranges: Vec<Range>,
}

impl Failure {
    pub(crate) fn of(status: &tonic::Status) -> Self {
        let details = RpcStatus::decode(status.details()).unwrap_or_default();
        let places = details
            .details
            .iter()
            // `github.com/moby/buildkit/errdefs.Source+json`, for all its name protobuf by now.
            .filter(|any| any.type_url.contains("errdefs.Source"))
            .filter_map(|any| SourceDetail::decode(any.value.as_slice()).ok())
            .filter_map(|detail| Place::of(detail.info?, &detail.ranges))
            .collect();
        Self {
            message: status.message().to_owned(),
            code: status.code() as i32,
            places,
        }
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
