//! `FileSend`: the engine sends us what was built.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::PoisonError;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::packet::file_send_server::FileSend as TreeSend;
use bollard_buildkit_proto::moby::filesync::v1::BytesMessage;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSend as StreamSend;
use futures_util::stream::{BoxStream, StreamExt as _, once, unfold};
use http::HeaderMap;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::Target;
use crate::receive::{into_folder, into_writer};

/// Which exporter a call belongs to.
const NUMBER: &str = "buildkit-attachable-exporter-id";

pub(super) struct Export {
    targets: HashMap<usize, Target>,
}

/// What a call carries.
pub(super) enum Kind {
    Tree,
    Stream,
}

impl Export {
    pub(super) fn new(targets: HashMap<usize, Target>) -> Self {
        Self { targets }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    pub(super) fn kind(&self, headers: &HeaderMap) -> Option<Kind> {
        Some(match self.target(headers)? {
            Target::Folder(_) => Kind::Tree,
            Target::Writer(_) => Kind::Stream,
        })
    }

    /// Engines from before several exporters give no number.
    fn target(&self, headers: &HeaderMap) -> Option<&Target> {
        let number = headers.get(NUMBER).and_then(|value| value.to_str().ok());
        match number.and_then(|text| text.parse().ok()) {
            Some(number) => self.targets.get(&number),
            None => self.targets.values().next(),
        }
    }

    fn folder<T>(&self, request: &Request<T>) -> Option<PathBuf> {
        match self.target(request.metadata().as_ref())? {
            Target::Folder(folder) => Some(folder.clone()),
            Target::Writer(_) => None,
        }
    }
}

#[tonic::async_trait]
impl TreeSend for Export {
    type DiffCopyStream = BoxStream<'static, Result<Packet, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let Some(folder) = self.folder(&request) else {
            return Err(Status::not_found("no folder is expected here"));
        };
        let (answers, packets) = mpsc::unbounded_channel();
        let failures = answers.clone();
        let incoming = request.into_inner();
        tokio::spawn(async move {
            if let Err(status) = into_folder(folder, incoming, answers).await {
                // If nobody listens, nobody needs to know.
                let _ = failures.send(Err(status));
            }
        });
        let packets = unfold(packets, |mut packets| async move {
            packets.recv().await.map(|packet| (packet, packets))
        });
        Ok(Response::new(packets.boxed()))
    }
}

#[tonic::async_trait]
impl StreamSend for Export {
    type DiffCopyStream = BoxStream<'static, Result<BytesMessage, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let writer = match self.target(request.metadata().as_ref()) {
            Some(Target::Writer(writer)) => {
                writer.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
            _ => None,
        };
        let Some(writer) = writer else {
            return Err(Status::failed_precondition("the result was sent already"));
        };
        let incoming = request.into_inner();
        // The answer ends when everything is written; there is nothing in it but a failure.
        let ended = once(into_writer(incoming, writer))
            .filter_map(|result| async { result.err().map(Err) });
        Ok(Response::new(ended.boxed()))
    }
}
