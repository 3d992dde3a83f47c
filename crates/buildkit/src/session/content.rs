//! Blobs of OCI layouts that the client holds: containerd's content service, as far as reading and writing need it.

use gantry_build_session::content::{
    READ, ReadRequest, ReadResponse, STORE, WRITE, WriteRequest, WriteResponse, action,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::Streaming;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use super::output::Archive;
use super::{Connection, Session, SessionError, metadata, pipe};

const CHUNK: usize = 256 << 10;
const MESSAGE_SIZE: usize = 16 << 20;

impl Session {
    /// Puts a blob into one of the client's stores; `None` if it is there.
    pub(super) async fn blob_into(
        &self,
        store: &str,
        digest: &str,
        size: u64,
    ) -> Result<Option<Archive>, SessionError> {
        let (to_client, queue) = mpsc::channel(1);
        let mut request = Request::new(ReceiverStream::new(queue));
        metadata::insert(request.metadata_mut(), STORE, store);
        let mut next = WriteRequest {
            r#ref: format!("gantry-{digest}"),
            total: i64::try_from(size).unwrap_or(i64::MAX),
            expected: digest.to_owned(),
            ..WriteRequest::default()
        };
        next.action = action::STAT;
        let _ = to_client.send(next.clone()).await;
        let begun = async {
            let mut answers = pipe::call::<_, WriteResponse>(self, WRITE, request).await?;
            next.offset = answered(&mut answers).await?.offset;
            Ok((answers, next))
        };
        let (mut answers, mut next) = match begun.await {
            Ok(begun) => begun,
            Err(SessionError::Refused { status, .. })
                if status.code() == tonic::Code::AlreadyExists =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let (bytes, mut ours) = tokio::io::duplex(CHUNK);
        let task = tokio::spawn(async move {
            // What an earlier attempt left there is written again.
            next.offset = 0;
            loop {
                let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
                let read = ours.read_buf(&mut chunk).await;
                let read = read.map_err(|_| SessionError::Gone)?;
                next.data = chunk.freeze();
                next.action = if read == 0 {
                    action::COMMIT
                } else {
                    action::WRITE
                };
                let sent = to_client.send(next.clone()).await;
                sent.map_err(|_| SessionError::Gone)?;
                let answer = answered(&mut answers).await?;
                if read == 0 {
                    return Ok(());
                }
                next.offset = answer.offset;
            }
        });
        Ok(Some(Archive::new(bytes, task)))
    }

    /// A blob of one of the client's stores.
    pub(super) async fn blob_of(
        &self,
        store: &str,
        digest: &str,
    ) -> Result<impl AsyncRead + Send + Unpin + use<>, SessionError> {
        self.needs(READ)?;
        let mut client = Grpc::with_origin(self.connection(), Connection::origin())
            .max_decoding_message_size(MESSAGE_SIZE);
        client.ready().await.map_err(|_| SessionError::Gone)?;
        let mut request = Request::new(ReadRequest {
            digest: digest.to_owned(),
            ..ReadRequest::default()
        });
        metadata::insert(request.metadata_mut(), STORE, store);
        let codec = ProstCodec::<ReadRequest, ReadResponse>::default();
        let path = PathAndQuery::from_static(READ);
        let answer = client.server_streaming(request, path, codec).await;
        let mut pieces = answer.map_err(SessionError::refused(READ))?.into_inner();
        let (theirs, mut ours) = tokio::io::duplex(CHUNK);
        // Who reads checks the digest: an end that came too early is seen there.
        tokio::spawn(async move {
            while let Ok(Some(piece)) = pieces.message().await {
                if ours.write_all(&piece.data).await.is_err() {
                    return;
                }
            }
        });
        Ok(theirs)
    }
}

async fn answered(answers: &mut Streaming<WriteResponse>) -> Result<WriteResponse, SessionError> {
    let answer = answers.message().await;
    let answer = answer.map_err(SessionError::refused(WRITE))?;
    answer.ok_or(SessionError::Gone)
}
