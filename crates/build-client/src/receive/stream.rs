//! A result that is one stream of bytes: an archive.

use std::io::Write;

use bollard_buildkit_proto::moby::filesync::v1::BytesMessage;
use futures_util::{Stream, StreamExt as _};
use tonic::Status;

/// Writes all of it.
pub async fn into_writer<S>(mut messages: S, mut to: Box<dyn Write + Send>) -> Result<(), Status>
where
    S: Stream<Item = Result<BytesMessage, Status>> + Unpin,
{
    while let Some(message) = messages.next().await {
        let data = message?.data;
        // A slow reader of our output may hold us up, but not what else the session has to do.
        to = tokio::task::spawn_blocking(move || to.write_all(&data).map(|()| to))
            .await
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(|error| Status::internal(format!("cannot write the result: {error}")))?;
    }
    to.flush()
        .map_err(|error| Status::internal(format!("cannot write the result: {error}")))
}
