//! `FileSync`: the engine reads our folders.

use std::collections::HashMap;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSync;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::send::{Filter, Source, send};

pub(super) struct Files {
    folders: HashMap<String, Source>,
}

impl Files {
    pub(super) fn new(folders: HashMap<String, Source>) -> Self {
        Self { folders }
    }
}

#[tonic::async_trait]
impl FileSync for Files {
    type DiffCopyStream = BoxStream<'static, Result<Packet, Status>>;
    type TarStreamStream = BoxStream<'static, Result<Packet, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let metadata = request.metadata();
        let name = list(metadata, "dir-name").pop().unwrap_or_default();
        let Some(source) = self.folders.get(&name) else {
            return Err(Status::not_found(format!(
                "no access allowed to dir {name:?}"
            )));
        };
        let filter = Filter::new(
            &source.folder,
            &list(metadata, "include-patterns"),
            &list(metadata, "exclude-patterns"),
            &list(metadata, "followpaths"),
        )
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let packets = send(source.folder.clone(), filter, request.into_inner());
        Ok(Response::new(packets.boxed()))
    }

    async fn tar_stream(
        &self,
        _request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("folders are not sent as archives"))
    }
}

/// The values of a key; what is not plain text comes escaped, and another key says so.
pub(super) fn list(metadata: &MetadataMap, key: &'static str) -> Vec<String> {
    let encoded = metadata
        .get(format!("{key}-encoded"))
        .is_some_and(|value| value.as_bytes() == b"1");
    metadata
        .get_all(key)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| {
            if encoded {
                unescape(value)
            } else {
                value.to_owned()
            }
        })
        .collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_plain_text_come_escaped() {
        let mut metadata = MetadataMap::new();
        metadata.append("followpaths", "b%C3%BCro/100%25".parse().unwrap());
        metadata.append("followpaths", "a".parse().unwrap());
        assert_eq!(list(&metadata, "followpaths"), ["b%C3%BCro/100%25", "a"]);
        metadata.insert("followpaths-encoded", "1".parse().unwrap());
        assert_eq!(list(&metadata, "followpaths"), ["büro/100%", "a"]);
    }
}
